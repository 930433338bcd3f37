"""Runs that show no sign of life: told, because nobody knows whether they work on or hang."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from planner.records.jobs import Ended, Event, Job, Started

SILENT_SECONDS = 600.0
"""After so long without a sign of life a run is named, and again each time its silence has doubled."""


@dataclass
class _AtWork:
    """A run at work, and how long its silence must last until it is told."""

    job: Job
    since: float
    patience: float = SILENT_SECONDS


class SilenceWatch:
    """Watches the runs of a batch that have no time limit.

    A sign of life is a metric, progress, a file in the run's folder, or anything printed.

    Args:
        now: seconds since the epoch.
        last_sign: job -> when it last left one, in the same seconds.
        say: takes one line.
    """

    def __init__(
        self, now: Callable[[], float], last_sign: Callable[[Job], float], say: Callable[[str], None]
    ) -> None:
        self._now, self._last_sign, self._say = now, last_sign, say
        self._at_work: dict[str, _AtWork] = {}
        self._lock = threading.Lock()  # events come from one thread, and the look from another

    def take(self, job: Job, event: Event) -> None:
        """Something happened to a job."""
        with self._lock:
            if isinstance(event, Ended):
                self._at_work.pop(job.id, None)
            elif isinstance(event, Started) and job.timeout is None:
                self._at_work[job.id] = _AtWork(job, self._now())
            elif job.id in self._at_work:
                self._at_work[job.id].since = self._now()

    def look(self) -> None:
        """Names the runs that have been silent for too long."""
        with self._lock:
            for one in self._at_work.values():
                self._look_at(one)

    def _look_at(self, one: _AtWork) -> None:
        sign = max(one.since, self._last_sign(one.job))
        if sign > one.since:
            one.since, one.patience = sign, SILENT_SECONDS
        silence = self._now() - one.since
        if silence >= one.patience:
            run = f"run of {one.job.arm}, seed {one.job.seed}"
            silent = f"no sign of life for {silence / 60:.0f} min (no metric, nothing printed)"
            self._say(f"{run}: {silent}; it has no time limit (budget.run_seconds)")
            one.patience = 2 * silence


def last_sign(job: Job) -> float:
    """When a run last wrote to its folder, where what it prints is too; 0 where nobody can tell."""
    folder = Path(job.folder)
    return max(map(_changed, [folder, *folder.rglob("*")]), default=0.0)


def _changed(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:  # gone since
        return 0.0
