"""Stops a training that has become slow for a reason outside it."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median

from experiments.contract import Slowdown, Suspended

SUSPENDED_BELOW = 0.1
"""CPU seconds per wall second under which a process was not slow but not running."""


@dataclass
class _Epoch:
    """What one epoch took so far, in seconds; ``wall`` and ``cpu`` also hold what no batch was told of."""

    batches: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float = 0.0


class Watchdog:
    """Compares the time that batches take with that of the first epoch.

    A run that resumes hands over the reference of its first epoch, so that a machine which has become slow
    in between is found out. One long batch moves no median and stops nothing.

    Args:
        factor: how many times the reference is too slow.
        window: batches that the rolling median is taken over, and for which it must stay too slow.
        least_seconds: how long those batches must have taken too. A window of short batches fits into a
            neighbour's burst, which is no reason to stop.
        reference: median seconds of the first epoch's batches; measured on the first epoch seen if None.
        wall: seconds of a clock on the wall, from any origin.
        cpu: seconds of CPU that this process has had.
    """

    def __init__(
        self,
        factor: float = 3.0,
        window: int = 20,
        least_seconds: float = 0.0,
        reference: float | None = None,
        wall: Callable[[], float] = time.perf_counter,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self._factor, self._window, self._least_seconds = factor, window, least_seconds
        self._wall, self._cpu = wall, cpu
        self._epochs: dict[int, _Epoch] = {}
        self._recent: deque[tuple[float, float]] = deque(maxlen=window)
        self._slow: list[float] = []  # batches, one after the other, at whose end the median was too slow
        self._epoch: int | None = None
        self._reference = reference or 0.0
        self._last = (0.0, 0.0)

    def begin(self, epoch: int) -> None:
        """Starts the clock for an epoch, so that what came before (an evaluation, say) is not counted."""
        if self._epochs and not self._reference:
            self._reference = self.median_seconds(next(iter(self._epochs)))
        self._epoch = epoch
        self._epochs[epoch] = _Epoch()
        self._last = self._wall(), self._cpu()

    def batch(self, epoch: int) -> None:
        """Takes note that a batch has ended; without ``begin``, the first of an epoch starts the clock.

        Raises:
            Slowdown: the rolling median has been too slow for as many batches as it is taken over, and for
                ``least_seconds``.
            Suspended: likewise, and the process had hardly any CPU. The caller lets both pass: the
                worker ends the run with that outcome, and a later try resumes from its checkpoint.
        """
        if epoch != self._epoch:
            self.begin(epoch)
            return
        now = self._wall(), self._cpu()
        wall, cpu = now[0] - self._last[0], now[1] - self._last[1]
        self._last = now
        held = self._epochs[epoch]
        held.batches.append(wall)
        held.wall += wall
        held.cpu += cpu
        self._recent.append((wall, cpu))
        if self._reference:
            self._judge(epoch)

    def seconds(self, epoch: int) -> float:
        """Wall seconds of an epoch's batches."""
        return self._epochs[epoch].wall

    def median_seconds(self, epoch: int) -> float:
        """Median wall seconds of an epoch's batches; 0 where there was none."""
        return median(self._epochs[epoch].batches or [0.0])

    def cpu_per_wall(self, epoch: int) -> float:
        """CPU seconds per wall second over an epoch's batches; 0 where no time passed."""
        held = self._epochs[epoch]
        return held.cpu / held.wall if held.wall > 0 else 0.0

    def _judge(self, epoch: int) -> None:
        rolling = median(wall for wall, _ in self._recent)
        slow = len(self._recent) == self._window and rolling >= self._factor * self._reference
        if not slow:
            self._slow.clear()
            return
        self._slow.append(self._recent[-1][0])
        if len(self._slow) < self._window or sum(self._slow) < self._least_seconds:
            return
        ratio = sum(cpu for _, cpu in self._recent) / sum(wall for wall, _ in self._recent)
        told = (
            f"batches of epoch {epoch} take {rolling * 1000:.1f} ms, {rolling / self._reference:.1f} times "
            f"those of the first epoch ({self._reference * 1000:.1f} ms), over {len(self._slow)} batches; "
            f"CPU/wall {ratio:.2f}"
        )
        raise Suspended(told) if ratio < SUSPENDED_BELOW else Slowdown(told)
