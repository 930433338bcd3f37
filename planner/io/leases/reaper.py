"""The reaper: settles runs that a planner left in progress when it ended."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from planner.engine.ports import Clock, EndedRun, RecordStore, RunStore
from planner.errors import ProgramBusy
from planner.evidence.run_selection import is_tried_again
from planner.io.journal.journal import Journal
from planner.io.journal.work import Work
from planner.io.leases.heartbeat import DEAD_SECONDS
from planner.io.store.run_store import LOST
from planner.io.system.processes import end_worker
from planner.io.system.signals import whole
from planner.io.workers.descriptions import known_descriptions
from planner.io.workers.results import output_of, read_result
from planner.language.program import Program
from planner.paths import Home
from planner.records.jobs import Description
from planner.records.runs import SET_ASIDE, PlannedRun, RunOutcome, UnfinishedRun


class Reaper:
    """Settles the runs of one program; whoever does so holds the program.

    Side effects: run store and journal; removes the folders of adopted runs.
    """

    def __init__(
        self,
        home: Home,
        program: Program,
        journal: Journal,
        runs: RunStore,
        records: RecordStore,
        clock: Clock,
    ) -> None:
        self._home = home
        self._program = program
        self._journal = journal
        self._runs = runs
        self._records = records
        self._clock = clock

    def settle(self, outcome: RunOutcome = "lost", reason: str = LOST) -> int:
        """Adopts what was finished and never recorded; ends the rest with this outcome.

        A worker of a dead planner that still lives is ended first. The death of the planner uses up no
        retry: the attempt of a run that was cut off is not counted. Whatever else was begun in this
        home's own MLflow and never finished is ended too.

        Returns:
            How many were cut off.

        Raises:
            ProgramBusy: a planner on another machine makes some of them; nothing is changed.
        """
        left = unsettled(self._journal, self._program.program)
        self._refuse_elsewhere(left)
        cut_off = 0
        for work in left:
            with whole():
                cut_off += self._settle(work, outcome, reason)
        self._clear_up()
        self._adopt_unknown()
        with whole():
            ended = self._runs.end_orphans(self._program)
            if ended:
                self._journal.note_finished(self._program.program, ended)
        return cut_off

    def _refuse_elsewhere(self, left: Sequence[Work]) -> None:
        now = self._clock.seconds()
        for work in left:
            if is_elsewhere(work, now):
                ago = max(0.0, now - (work.heartbeat or 0.0))
                raise ProgramBusy(
                    f"{work.program} is being advanced on {work.host}: a run there gave a sign of life "
                    f"{ago:.0f} s ago",
                    "try again when it has ended (without such signs its runs are taken over after "
                    f"{DEAD_SECONDS:g} s)",
                )

    def _settle(self, work: Work, outcome: RunOutcome, reason: str) -> bool:
        """Settles one run; whether it was cut off."""
        if work.host == socket.gethostname():
            end_worker(self._home, work.pid, work.process_start)
        folder = run_folder(self._home, work)
        if work.repeats is not None:
            return self._drop(work, folder, outcome, reason)
        ended = read_result(folder, f"{work.fingerprint}-{work.attempt}") if folder is not None else None
        run_id = work.mlflow_run or (self._start_late(work) if ended is not None else None)
        printed = output_of(folder) if folder is not None and work.state == "started" else ""
        if ended is not None and ended.outcome in SET_ASIDE:
            outcome, reason, ended = ended.outcome, ended.reason, None
        if ended is not None and run_id is not None and folder is not None:
            ended = self._runs.finish(run_id, folder, ended, work.started_at or self._clock.seconds())
            result: dict[str, Any] = {
                "outcome": ended.outcome,
                "seconds": ended.seconds,
                "mlflow_run": run_id,
            }
            self._note(work, state="finished", **result)
            if not is_tried_again(ended.outcome, work.attempt, self._program.budget.retries):
                self._remove(folder)
            return False
        if run_id is not None and self._runs.abandon(run_id, outcome, reason, printed):
            cut_off = EndedRun(work.fingerprint, work.attempt - 1, run_id, outcome, 0.0)
            self._journal.note_finished(work.program, [cut_off])
        self._note(work, state="abandoned")  # its folder stays: the next try resumes from it
        return work.state != "planned"

    def _drop(self, work: Work, folder: Path | None, outcome: RunOutcome, reason: str) -> bool:
        """Ends a run that was made a second time: whatever it left, it is made again from its beginning."""
        if work.mlflow_run is not None:
            self._runs.abandon(work.mlflow_run, outcome, reason)
        self._note(work, state="abandoned")
        self._remove(folder)
        return work.state != "planned"

    def _note(self, work: Work, **fields: Any) -> None:
        """Moves a run one step on in the journal."""
        self._journal.update_work(work.program, work.fingerprint, work.attempt, **fields)

    def _adopt_unknown(self) -> None:
        """Adopts what was finished and never recorded of runs that MLflow knows and the journal does not.

        A journal that was deleted is rebuilt without the runs that were in progress.
        """
        leased = {(work.fingerprint, work.attempt) for work in self._journal.work(self._program.program)}
        for run in self._runs.in_progress(self._program):
            fingerprint = run.fingerprint or ""
            if (fingerprint, run.attempt) not in leased and fingerprint.isalnum():
                leased.add((fingerprint, run.attempt))  # a tag that anybody may write names a folder
                with whole():
                    self._adopt(run, fingerprint, run.attempt)

    def _adopt(self, run: UnfinishedRun, fingerprint: str, attempt: int) -> None:
        folder = self._home.run_folder(self._program.program, fingerprint)
        ended = read_result(folder, f"{fingerprint}-{attempt}")
        if ended is None or ended.outcome in SET_ASIDE:
            return
        ended = self._runs.finish(run.id, folder, ended, run.began)
        row = EndedRun(fingerprint, attempt, run.id, ended.outcome, ended.seconds, run.checked)
        self._journal.note_finished(self._program.program, [row])
        if not is_tried_again(ended.outcome, attempt, self._program.budget.retries):
            self._remove(folder)

    def _clear_up(self) -> None:
        """Removes the folders of finished runs whose planner died before it could."""
        for work in self._journal.work(self._program.program):
            again = is_tried_again(work.outcome or "", work.attempt, self._program.budget.retries)
            if work.state == "finished" and not again and work.folder:
                self._remove(run_folder(self._home, work))

    def _remove(self, folder: Path | None) -> None:
        if folder is not None and folder.exists():
            shutil.rmtree(folder, ignore_errors=True)

    def _start_late(self, work: Work) -> str | None:
        """The MLflow run of one that ended before MLflow had heard of it; None if too little is known."""
        planned = PlannedRun.model_validate(work.planned) if work.planned else None
        description = self._told(planned) if planned is not None else None
        if planned is None or description is None:
            return None
        parent = self._records.phase_run(self._program, planned.phase, planned.fidelity)
        began = work.started_at or self._clock.seconds()
        return self._runs.start(self._program, planned, description, parent, work.attempt, None, began)

    def _told(self, planned: PlannedRun) -> Description | None:
        descriptions = known_descriptions(self._program, planned.code_digest, self._journal, planned.fidelity)
        description = descriptions.get((planned.phase, planned.arm, planned.fidelity))
        return description if description is not None and description.config == planned.params else None


def run_folder(home: Home, work: Work) -> Path | None:
    """The folder of a run, in this home.

    A journal that moved with its home names the old place, and one that was tampered with any other.
    """
    here = home.work.resolve()
    places = Path(work.folder), home.run_folder(work.program, work.fingerprint)
    return next((folder for folder in places if here in folder.resolve().parents), None)


def unsettled(journal: Journal, program: str) -> list[Work]:
    """The runs that were begun, or meant to be, and of which no end is written down."""
    return [w for w in journal.work(program, unfinished_only=True) if w.state != "abandoned"]


def is_elsewhere(work: Work, now: float) -> bool:
    """Whether a planner on another machine is making a run and was heard of not long ago."""
    elsewhere = work.host is not None and work.host != socket.gethostname()
    return elsewhere and now - (work.heartbeat or 0.0) < DEAD_SECONDS
