"""``replay``: reads MLflow and the journal, writes nothing, and derives every record again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from planner.engine.ports import RecordStore, RunStore
from planner.errors import StoreUnavailable, UsageError
from planner.io.commands.open_home import open_program
from planner.io.commands.replies.result import CommandResult, joined
from planner.io.journal.journal import Journal
from planner.io.mlflow.client import has_store
from planner.io.mlflow.home_store import store_uri
from planner.io.programs.loader import load_program
from planner.io.sync.reconcile import Reconciled, reconcile
from planner.language.program import Program
from planner.paths import Home
from planner.records.journal_entry import Copy
from planner.records.repeats import Repeat
from planner.records.runs import Run
from planner.records.verdict import Verdict
from planner.replay.differences import stepped_in
from planner.replay.edited_program import WhatIf, what_if
from planner.replay.replay import replay
from planner.replay.report import ReplayReport, as_json, as_lines, what_if_json, what_if_lines

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply


@dataclass(frozen=True)
class Archive:
    """Everything that is on record of a program.

    Attributes:
        runs: the finished runs that MLflow holds.
        repeats: of runs that were made a second time.
    """

    program: Program
    records: Reconciled
    runs: Sequence[Run]
    repeats: Sequence[Repeat] = ()


def answer_replay(home: Home, name: str) -> CommandResult:
    """What comes out of MLflow and the program again, and what does not.

    Side effects: those of :func:`replay_program`.
    """
    report = replay_program(home, name)

    def reply() -> Reply:
        from planner.io.commands.replies.replay import ReplayReply

        return ReplayReply.model_validate(as_json(report))

    return CommandResult(reply, lambda: joined(as_lines(report)), exit_code=0 if report.ok else 1)


def answer_replay_rules(home: Home, name: str, path: Path) -> CommandResult:
    """What an edited program would have made of the past.

    Side effects: those of :func:`try_rules`.
    """
    outcome = try_rules(home, name, path)

    def reply() -> Reply:
        from planner.io.commands.replies.replay import ReplayRulesReply

        return ReplayRulesReply.model_validate(what_if_json(name, str(path), outcome))

    return CommandResult(reply, lambda: joined(what_if_lines(name, str(path), outcome)))


def replay_program(home: Home, name: str) -> ReplayReport:
    """Derives every recorded verdict and decision of a program again.

    Raises:
        UsageError: there is no such program.
        ProgramError: it is malformed.
        StoreUnavailable: MLflow cannot be reached or read, and there is something on record.

    Side effects: reads the program, the journal and MLflow.
    """
    archive, _ = open_archive(home, open_program(home, name))
    return replay_archive(archive)


def try_rules(home: Home, name: str, path: Path) -> WhatIf:
    """What an edited program would have made of everything that is on record of a program.

    Raises:
        UsageError: there is no such program, or the edited one is another.
        ProgramError: one of them is malformed.
        StoreUnavailable: MLflow cannot be reached or read, and there is something on record.

    Side effects: reads both programs, the journal and MLflow.
    """
    program, edited = open_program(home, name), load_program(path, any_name=True)
    if edited.program != name:
        raise UsageError(f"{path} is the program '{edited.program}', not '{name}'")
    archive, _ = open_archive(home, program)
    return what_if(program, edited, archive.runs, archive.records.entries, archive.records.older)


def replay_archive(archive: Archive) -> ReplayReport:
    """The outcome of replaying what is on record."""
    records = archive.records
    replayed = replay(archive.program, archive.runs, records.entries, records.older)
    return ReplayReport(archive.program, replayed, records.differences, records.pending, records.elsewhere)


def open_archive(home: Home, program: Program) -> tuple[Archive, RecordStore | None]:
    """What is on record of a program, and MLflow's records; None where nothing was ever recorded.

    Raises:
        StoreUnavailable: MLflow cannot be reached or read, and there is something on record.
    """
    journal = Journal(home.journal).copies(program.program)
    if not has_store(home):
        if journal:
            raise StoreUnavailable(
                f"there is no MLflow store {store_uri(home)} to derive the records of the journal from",
                "restore it, or name another with MLFLOW_TRACKING_URI",
            )
        return Archive(program, reconcile((), ()), ()), None
    from planner.io.store.record_store import MlflowRecords
    from planner.io.store.run_store import MlflowRuns

    runs = MlflowRuns(home)
    records = MlflowRecords(runs)
    return build_archive(program, journal, records, runs), records


def build_archive(program: Program, journal: Sequence[Copy], records: RecordStore, runs: RunStore) -> Archive:
    """Joins a journal's copies with what the stores hold.

    Side effects: reads the stores.
    """
    reconciled = reconcile(journal, list(records.copies(program)))
    verdicts = [e.record for e in reconciled.entries if isinstance(e.record, Verdict)]
    stepped = frozenset[str]().union(*map(stepped_in, verdicts))
    snapshot = runs.snapshot(program, stepped)
    return Archive(program, reconciled, snapshot.finished, snapshot.repeats)
