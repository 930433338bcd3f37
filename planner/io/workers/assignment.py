"""The jobs that a worker does at once, and what it says of them."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.workers.output import read_output

from planner.io.workers.results import ended_with, read_ending
from planner.io.workers.without_secrets import without_secrets
from planner.io.workers.worker_process import POLL_SECONDS, WorkerProcess
from planner.records.jobs import Ended, Event, Job, Progressed, Started
from planner.records.runs import RunOutcome


@dataclass
class Assignment:
    """Jobs that a worker does at once: one, or several seeds of an arm that train together.

    Attributes:
        begun: when the worker took them; None before.
        done: the exit code of the process that they had to themselves; None until it and all that it started
            have ended.
        over: nothing more comes of these jobs.
    """

    jobs: tuple[Job, ...]
    worker: WorkerProcess
    attempts: int = 1
    begun: float | None = None
    done: int | None = None
    over: bool = False
    ended: dict[str, Ended] = field(default_factory=dict)

    def send(self) -> None:
        """Hands the jobs to their worker."""
        self.worker.send({"request": "run", "jobs": [job.model_dump(mode="json") for job in self.jobs]})

    @property
    def open(self) -> list[Job]:
        """The jobs that have not ended."""
        return [job for job in self.jobs if job.id not in self.ended]

    @property
    def limit(self) -> float | None:
        """Seconds that the jobs may take, all together."""
        limits = [job.timeout for job in self.jobs if job.timeout]
        return sum(limits) if limits else None

    def overdue(self) -> bool:
        """Whether the jobs have taken longer than they may."""
        limit = self.limit
        return limit is not None and self.begun is not None and time.monotonic() - self.begun >= limit

    def hear(self) -> list[Event]:
        """What the worker has said of the jobs since."""
        return [event for answer in self.worker.answers() for event in self._events(answer)]

    def _events(self, answer: dict[str, Any]) -> list[Event]:
        if answer["answer"] == "started":
            self.begun = time.monotonic()
            return [self._started(job) for job in self.jobs]
        if answer["answer"] == "progress":
            done, total = answer["done"], answer["total"]
            return [Progressed(job_id=job.id, done=done, total=total) for job in self.open]
        if answer["answer"] == "done":
            self.done = answer["code"]
            return []
        (job,) = (job for job in self.jobs if job.id == answer["id"])
        return [self.end(job, ended_with(job.id, answer))]

    def _started(self, job: Job) -> Started:
        by = self.worker
        return Started(job_id=job.id, pid=by.pid, process_start=by.process_start, host=socket.gethostname())

    def settle(self, outcome: RunOutcome, reason: str) -> list[Event]:
        """Ends the jobs of which nothing more will be heard: with what they left, or else as given."""
        return [self.end(job, self._left(job) or self._cut_off(job, outcome, reason)) for job in self.open]

    def end(self, job: Job, ended: Ended) -> Ended:
        """Ends a job, with what it printed and without secrets."""
        printed = ended.model_copy(update={"output": self._printed(job)})
        self.ended[job.id] = without_secrets(printed, job)
        return self.ended[job.id]

    def _left(self, job: Job) -> Ended | None:
        """A result is written whole and last: where there is one, only its answer is missing."""
        return read_ending(Path(job.folder), job.id) if self.begun is not None else None

    def _cut_off(self, job: Job, outcome: RunOutcome, reason: str) -> Ended:
        """Its share of the time since they began is what it took."""
        seconds = 0.0 if self.begun is None else (time.monotonic() - self.begun) / len(self.jobs)
        return Ended(job_id=job.id, outcome=outcome, reason=reason, seconds=seconds)

    def _printed(self, job: Job) -> str:
        """Jobs that train together print into the first one's folder."""
        if self.begun is None:
            return self.worker.tail()
        return read_output(Path(job.folder)) or read_output(Path(self.jobs[0].folder))


def wait_for_any(running: Sequence[Assignment]) -> None:
    """Until a worker says something or a limit is reached; briefly, for a death may go unsaid."""
    now = time.monotonic()
    limits = [a.begun + a.limit - now for a in running if a.begun is not None and a.limit is not None]
    with selectors.DefaultSelector() as selector:
        for active in running:
            selector.register(active.worker, selectors.EVENT_READ)
        selector.select(max(0.0, min([POLL_SECONDS, *limits])))
