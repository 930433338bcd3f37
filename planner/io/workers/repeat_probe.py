"""Makes a run a second time, to see whether it gives the same numbers."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planner.engine.ports import Clock, RunStore
from planner.evidence.repeats import NO_ANSWER, DueRepeat, latest_of_each
from planner.io.journal.journal import Journal
from planner.io.journal.work import REPEATS
from planner.io.system.signals import whole
from planner.io.workers.jobs import job_of, lease, say_where
from planner.io.workers.limits import Limits
from planner.io.workers.watched_files import WatchedFiles
from planner.language.program import Program
from planner.paths import Home
from planner.records.jobs import Description, Ended, Event, Job, Started
from planner.records.repeats import Repeat
from planner.records.runs import SET_ASIDE

SUFFIX = "-repeat"
"""What the second time is called, in the journal and in ``mlruns/work``: the first one's name and this."""


@dataclass
class RepeatProbe:
    """One run that is made a second time, alone, from its beginning.

    It is written down as a run is, in the journal with the process that makes it, but it never counts as
    finished there: nothing that a budget or a verdict rests on ever sees it.

    Attributes:
        repeat: what came of it; None where it came to no end of its own.
        was_killed: somebody ended its worker.

    Side effects: journal and run store, each step durable before the next begins; the folder of the run.
    """

    home: Home
    program: Program
    journal: Journal
    runs: RunStore
    clock: Clock
    due: DueRepeat
    description: Description
    limits: Limits = Limits()
    watched: WatchedFiles = field(default_factory=WatchedFiles)
    repeat: Repeat | None = None
    was_killed: bool = False
    stopped: str = ""
    _run_id: str = ""
    _began: float = 0.0

    @property
    def name(self) -> str:
        """What it is called in the journal."""
        return self.due.planned.fingerprint + SUFFIX

    @property
    def job(self) -> Job:
        """The work, as its worker is to do it."""
        watched = self.watched.of(self.description)
        job = job_of(self.home, self.program, self.due.planned, self.limits, watched)
        folder = str(self.home.run_folder(self.program.program, self.name))
        return job.model_copy(update={"id": self.name, "folder": folder, "alone": True})

    def jobs(self) -> Iterator[Job]:
        """The one job, after its intent is on record."""
        job = self.job
        with whole():
            shutil.rmtree(job.folder, ignore_errors=True)  # no checkpoint of an earlier try leads to its end
            columns = {**self.due.planned.model_dump(mode="json"), REPEATS: self.due.first.id}
            self.journal.plan_work(self.name, 1, self.program.program, columns, job.folder)
        yield job

    def take(self, event: Event) -> Job:
        """Writes down one event.

        Raises:
            StoreUnavailable: MLflow or the journal cannot be written.
        """
        if isinstance(event, Started):
            self._begin(event)
        elif isinstance(event, Ended):
            self._end(event)
        return self.job

    def job_of(self, event: Event) -> Job:
        """The job that an event is about."""
        return self.job

    def stop(self, why: str) -> None:
        """Nothing more is to begin."""
        self.stopped = why

    def _begin(self, event: Started) -> None:
        self._began = self.clock.seconds()
        self._note(**lease(event, self._began))
        self._run_id = self.runs.start_repeat(self.program, self.due, self.description, self._began)
        self._note(state="started", mlflow_run=self._run_id)
        say_where(self.job, self.runs.variables(self.program, self._run_id))

    def _end(self, event: Ended) -> None:
        folder = Path(self.job.folder)
        if event.outcome in SET_ASIDE and self._run_id:
            self.runs.abandon(self._run_id, event.outcome, event.reason)
        elif self._run_id:  # a worker that never started says nothing of the run
            self._finish(folder, event)
        shutil.rmtree(folder, ignore_errors=True)
        self._note(state="abandoned")

    def _finish(self, folder: Path, event: Ended) -> None:
        repeat = self.runs.finish_repeat(self.program, self._run_id, self.due, folder, event, self._began)
        self.was_killed = repeat.outcome == "killed"
        if repeat.outcome not in NO_ANSWER:
            self.repeat = repeat
            name = self.program.program
            self.journal.note_repeats(name, latest_of_each([*self.journal.repeats(name), repeat]))

    def _note(self, **fields: Any) -> None:
        self.journal.update_work(self.program.program, self.name, 1, **fields)
