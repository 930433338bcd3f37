"""Shows on stderr how far a batch of runs is: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TextIO

from planner.records.jobs import Ended, Event, Job, Progressed, Started
from planner.records.runs import ending_in_words
from planner.text.terminal import sentence

if TYPE_CHECKING:
    import rich.progress


def in_words(seconds: float) -> str:
    """A duration as people say it: ``4.2 s``, ``1 min 10 s``, ``2 h 5 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def seconds_left(spent: float, ended: int, remaining: int, workers: int) -> float | None:
    """Seconds until a batch is done, from the mean of the runs that ended; None before the first.

    Args:
        spent: seconds of the ended runs, summed.
        workers: runs that go on side by side; the last round counts as a whole one.
    """
    if not ended:
        return None
    return spent / ended * math.ceil(remaining / max(1, workers))


_Ending = tuple[str, str, str]
"""(outcome, reason, where it was raised)."""


class Progress:
    """Follows batches of runs, one after the other.

    Args:
        workers: how many runs go on side by side.
        stream: where to write; stderr if not given.
        environment: a ``NO_COLOR`` in it that is not empty turns colours off.
        clock: seconds, from any origin.
    """

    def __init__(
        self,
        workers: int = 1,
        stream: TextIO | None = None,
        environment: Mapping[str, str] = os.environ,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workers = workers
        self._stream = stream
        self._no_color = bool(environment.get("NO_COLOR"))
        self._clock = clock
        self._bar: _Bar | None = None
        self._failures: dict[_Ending, list[str]] = {}  # how -> the arms of the batch that ended so
        self.start(0, "")

    def start(self, total: int, label: str) -> None:
        """Begins a batch of that many runs.

        Side effects:
            On a terminal, draws a bar until ``finish``.
        """
        self.finish()
        self._total = total
        self._ended = 0
        self._spent = 0.0
        self._estimate: tuple[float, float] | None = None
        self._shares: dict[str, float] = {}
        self._arms: dict[str, str] = {}
        stream = self._stream or sys.stderr
        if total and stream.isatty():
            self._bar = _Bar(stream, self._no_color, label, total)

    def event(self, job: Job, event: Event) -> None:
        """Takes in what happened to a job.

        Side effects:
            Writes a line for a run that ended (on a terminal only for one that failed); moves the bar.
        """
        if isinstance(event, Started):
            self._arms[job.id] = job.arm
        elif isinstance(event, Progressed):
            self._shares[job.id] = min(1.0, max(0.0, event.done / event.total)) if event.total > 0 else 0.0
        else:
            self._end(job, event)
        if self._bar is not None:
            done = self._ended + sum(self._shares.values())
            self._bar.show(self._total, self._ended, done, sorted(set(self._arms.values())), self.left())

    def finish(self) -> None:
        """Ends the batch; may be called at any time, also twice.

        Side effects:
            Takes the bar off the terminal; says once of what several runs ended.
        """
        for (outcome, reason, raised_at), arms in self._failures.items():
            if len(arms) > 1:
                of = " and ".join(dict.fromkeys(arms))
                self.say(f"{len(arms)} runs of {of} {ending_in_words(outcome, reason, raised_at)}")
        self._failures = {}
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def left(self) -> float | None:
        """Seconds that the batch is expected to take from now; None before the first run has ended."""
        if self._estimate is None:
            return None
        seconds, since = self._estimate
        return max(0.0, seconds - (self._clock() - since))

    def _end(self, job: Job, event: Ended) -> None:
        self._arms.pop(job.id, None)
        self._shares.pop(job.id, None)
        self._ended += 1
        self._spent += event.seconds
        self._total = max(self._total, self._ended)
        remaining = self._total - self._ended
        seconds = seconds_left(self._spent, self._ended, remaining, self._workers)
        self._estimate = None if seconds is None else (seconds, self._clock())
        ending = event.outcome, sentence(event.reason), event.raised_at
        new = ending not in self._failures
        if event.outcome != "ok":
            self._failures.setdefault(ending, []).append(job.arm)
        if self._bar is None:
            self._write(self._line(job, event, remaining, new))
        elif event.outcome != "ok" and new:
            self._bar.say(self._line(job, event, 0, new))

    def _line(self, job: Job, event: Ended, remaining: int, new: bool) -> str:
        """One run that ended; what it ended in, where none of the batch ended in that before."""
        width = len(str(self._total))
        text = f"[{self._ended:{width}}/{self._total}] {job.arm} seed {job.seed} {event.outcome}"
        text += f" {in_words(event.seconds)}"
        if event.reason and new:
            text += f" ({sentence(event.reason)}{event.raised_at and f', {event.raised_at}'})"
        left = self.left()
        return f"{text}, about {in_words(left)} left" if remaining and left is not None else text

    def say(self, line: str) -> None:
        """Writes a line, above the bar where there is one."""
        if self._bar is not None:
            self._bar.say(line)
        else:
            self._write(line)

    def _write(self, line: str) -> None:
        stream = self._stream or sys.stderr
        stream.write(line + "\n")
        stream.flush()


class _Bar:
    """A bar with the runs done, the arms at work, the time since the start and the time left."""

    def __init__(self, stream: TextIO, no_color: bool, label: str, total: int) -> None:
        from rich import progress
        from rich.console import Console

        # The parts are text of the user's: brackets in them are no markup.
        columns = [
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[runs]}", markup=False),
            progress.TimeElapsedColumn(),
            progress.TextColumn("{task.fields[left]}", markup=False),
            progress.TextColumn("{task.fields[arms]}", markup=False),
        ]
        console = Console(file=stream, no_color=no_color)
        self._progress: rich.progress.Progress = progress.Progress(*columns, console=console, transient=True)
        self._task = self._progress.add_task(label, total=total, runs=f"0/{total}", left="", arms="")
        self._progress.start()

    def show(self, total: int, ended: int, done: float, arms: list[str], left: float | None) -> None:
        """Draws the bar anew."""
        self._progress.update(
            self._task,
            total=total,
            completed=done,
            runs=f"{ended}/{total}",
            left="" if left is None else f"about {in_words(left)} left",
            arms=", ".join(arms),
        )

    def say(self, line: str) -> None:
        """Writes a line above the bar."""
        self._progress.console.print(line, markup=False, highlight=False)

    def close(self) -> None:
        """Takes the bar away."""
        self._progress.stop()
