"""One batch of runs: gives jobs to the launcher and writes down what comes of them."""

from __future__ import annotations

import math
import shutil
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planner.engine.ports import Clock, RunStore
from planner.evidence.eligibility import GIVES_UP
from planner.evidence.run_selection import RunSelector, is_tried_again
from planner.io.journal.journal import Journal
from planner.io.system.signals import whole
from planner.io.workers.jobs import forget_where, job_of, lease, say_where
from planner.io.workers.limits import Limits
from planner.io.workers.results import forget_result
from planner.io.workers.watched_files import WatchedFiles
from planner.language.program import Program
from planner.paths import Home
from planner.records.jobs import Description, Ended, Job, Started
from planner.records.runs import SET_ASIDE, PlannedRun


@dataclass(frozen=True)
class GivenUp:
    """An arm of which so many runs ended alike, and none well, that no more are begun."""

    arm: str
    outcome: str
    count: int


@dataclass(frozen=True)
class _Task:
    """A planned run with its job."""

    planned: PlannedRun
    job: Job
    attempt: int
    lineage: str | None


@dataclass
class Batch:
    """Runs that are made together, under one phase run.

    Args:
        parent: the phase run's place.
        workers: how many runs, or groups of runs that train together, go on side by side.
        watched: the files that must stay as they are.

    Side effects: journal and run store, one step of a run's life at a time, each durable before the
        next begins; removes the folders of finished runs, but for those that are tried again.
    """

    home: Home
    program: Program
    journal: Journal
    runs: RunStore
    clock: Clock
    run_selector: RunSelector
    parent: str
    workers: int = 1
    limits: Limits = Limits()
    watched: WatchedFiles = field(default_factory=WatchedFiles)
    finished: int = 0
    stopped: str = ""
    outdated: str = ""
    imported_late: bool = False
    _failures: dict[str, Counter[str]] = field(default_factory=dict)
    _seconds: float = 0.0
    _tasks: dict[str, _Task] = field(default_factory=dict)
    _started: dict[str, tuple[str, float]] = field(default_factory=dict)

    def jobs(self, planned: Sequence[PlannedRun]) -> Iterator[Job]:
        """The jobs, one by one, each after its intent is on record; none once a limit is reached.

        An arm of which so many runs failed alike, and none ended well, gets no more.

        Runs that train faster together come one after the other, as no more than a fair share for each
        worker.
        """
        share = math.ceil(len(planned) / self.workers)
        for group in self._groups(planned, share):
            if self.stopped:
                return
            if self.limits.stop_at is not None and self.clock.seconds() >= self.limits.stop_at:
                self.stopped = "the time given with --max-seconds is up"
                return
            if self.limits.seconds_left is not None and self._seconds >= self.limits.seconds_left:
                return
            if self.outdated:
                return
            if self._fails_alike(group[0].arm):
                continue
            for index, one in enumerate(group):
                yield self._plan(one, 0 if index else len(group) - 1)

    def _groups(self, planned: Sequence[PlannedRun], most: int) -> list[list[PlannedRun]]:
        """Runs in their order, each with the next ones that differ from it in their seed alone.

        A second try goes alone: what ended the first might end its whole group again. A run that was cut off
        from outside goes with the others, as it did.
        """
        groups: list[list[PlannedRun]] = []
        filling: dict[str, list[PlannedRun]] = {}  # arm -> its group that may have room
        for one in planned:
            earlier = self.run_selector.retried(one)
            alone = earlier is not None and earlier.attempt > 0
            size = 1 if alone else min(most, self._told(one).together)
            if size > 1 and len(filling.get(one.arm, ())) in range(1, size):
                filling[one.arm].append(one)
                continue
            groups.append([one])
            if size > 1:
                filling[one.arm] = groups[-1]
        return groups

    def _plan(self, planned: PlannedRun, more_together: int) -> Job:
        task = self._task(planned, more_together)
        self._tasks[task.job.id] = task
        columns = planned.model_dump(mode="json")
        with whole():
            forget_result(Path(task.job.folder))
            forget_where(task.job)
            self.journal.plan_work(
                planned.fingerprint, task.attempt, self.program.program, columns, task.job.folder
            )
        return task.job

    def _fails_alike(self, arm: str) -> bool:
        return any(one.arm == arm for one in self.given_up())

    def given_up(self) -> list[GivenUp]:
        """The arms that get no more runs in this batch."""
        hopeless = {arm: ended for arm, ended in self._failures.items() if not ended["ok"]}
        worst = [
            GivenUp(arm, outcome, count)
            for arm, ended in hopeless.items()
            for outcome, count in ended.most_common(1)
        ]
        return [one for one in worst if one.count >= GIVES_UP]

    def _told(self, planned: PlannedRun) -> Description:
        return self.run_selector.catalog.described[planned.phase, planned.arm, planned.fidelity]

    def take(self, event: Any) -> Job:
        """Writes down one event and says which job it is about.

        Raises:
            StoreUnavailable: MLflow or the journal cannot be written. What the job left lies in its folder,
                and the next ``advance`` adopts it; call ``stop``.
        """
        task = self._tasks[event.job_id]
        if isinstance(event, Started):
            self._begin(event, task)
        elif isinstance(event, Ended):
            if event.job_id not in self._started:
                nobody = Started(job_id=event.job_id, pid=0, process_start=0.0, host=socket.gethostname())
                self._begin(nobody, task)
            self._end(event, task)
        return task.job

    def _task(self, planned: PlannedRun, more_together: int) -> _Task:
        earlier = self.run_selector.retried(planned)
        attempt = earlier.attempt + 1 if earlier else 1
        watched = self.watched.of(self._told(planned))
        job = job_of(self.home, self.program, planned, self.limits, watched)
        own = {"id": f"{planned.fingerprint}-{attempt}", "more_together": more_together}
        job = job.model_copy(update=own)
        return _Task(planned, job, attempt, earlier.id if earlier else None)

    def _begin(self, event: Started, task: _Task) -> None:
        planned, began = task.planned, self.clock.seconds()
        self._note(task, **lease(event, began))
        description = self._told(planned)
        run_id = self.runs.start(
            self.program, planned, description, self.parent, task.attempt, task.lineage, began
        )
        self._note(task, state="started", mlflow_run=run_id)
        say_where(task.job, self.runs.variables(self.program, run_id))
        self._started[event.job_id] = run_id, began

    def job_of(self, event: Any) -> Job:
        """The job that an event is about; nothing is written down."""
        return self._tasks[event.job_id].job

    def stop(self, why: str) -> None:
        """Begins no more runs; those at work go on."""
        self.stopped = self.stopped or why

    def _end(self, event: Ended, task: _Task) -> None:
        run_id, began = self._started[event.job_id]
        if event.outcome in SET_ASIDE:
            self._set_aside(event, run_id, task)
            return
        event = self.runs.finish(run_id, Path(task.job.folder), event, began)
        done = {"state": "finished", "outcome": event.outcome, "seconds": round(event.seconds, 3)}
        self._note(task, **done)
        if not is_tried_again(event.outcome, task.attempt, self.program.budget.retries):
            shutil.rmtree(task.job.folder, ignore_errors=True)
        self.finished += 1
        self._seconds += event.seconds
        good = event.outcome in ("ok", "bad_metric")  # a NaN is something that an arm may have to show
        self._failures.setdefault(task.planned.arm, Counter())["ok" if good else event.outcome] += 1

    def _set_aside(self, event: Ended, run_id: str, task: _Task) -> None:
        """What is no run's fault ends no run's tries, and no more runs are begun as they were planned.

        A full disk stops everything until it has room; of files that changed, what is there now is read anew.
        """
        if event.outcome == "disk_full":
            self.stop(
                f"the disk is full ({event.reason}); make room, and advance goes on from the checkpoints"
            )
        else:
            self.outdated = event.reason
            if event.imported_late and self.program.experiment is not None:
                self.imported_late = True
                self.journal.note_imported_late(self.program.experiment, event.imported_late)
            shutil.rmtree(task.job.folder, ignore_errors=True)
        self.runs.abandon(run_id, event.outcome, event.reason, event.output)
        self._note(task, state="abandoned")

    def _note(self, task: _Task, **fields: Any) -> None:
        """Moves a run one step on in the journal."""
        self.journal.update_work(self.program.program, task.planned.fingerprint, task.attempt, **fields)
