"""Keeps journal and MLflow telling the same story."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.deciding.situation import Step
from planner.engine.ports import EndedRun, RecordStore, RunStore
from planner.errors import each_apart
from planner.evidence.run_selection import Snapshot
from planner.io.journal.journal import Journal
from planner.io.store.record_store import MlflowRecords
from planner.io.store.run_store import MlflowRuns
from planner.io.sync.mirror import mirror, write_person
from planner.io.sync.missing_runs import refuse_vanished, unreadable
from planner.language.program import Program
from planner.memo.mlflow_notes import decision_note
from planner.paths import Home
from planner.records.decision import Decision
from planner.records.journal_entry import AnyEntry
from planner.records.person import AnyRecord
from planner.records.verdict import Verdict


def rebuild(home: Home, journal: Journal) -> None:
    """Fills an empty journal from MLflow: records in the order they were made, and finished runs.

    A malformed program is left out: what is wrong with it is said where it is asked for.

    Side effects: reads MLflow, writes the journal.
    """
    from planner.io.programs.loader import load_program, program_names

    runs = MlflowRuns(home)
    records = MlflowRecords(runs)
    programs, _ = each_apart(program_names(home.root), lambda name: load_program(home.program(name)))
    for program in programs:
        import_records(journal, records, runs, program)


def import_records(journal: Journal, records: RecordStore, runs: RunStore, program: Program) -> None:
    """Takes over what MLflow holds of a program and the journal does not: others' records too.

    Raises:
        StoreUnavailable: MLflow does not show a run that the journal knows to be finished.
        RecordError: MLflow holds a record that cannot be read, and the journal has no copy of it.

    Side effects: reads MLflow, writes the journal.
    """
    if set(records.held(program)) - {entry.record.id for entry in journal.entries(program.program)}:
        _, unreadable_pages = take_over_records(journal, records, program)
        mirrors = {entry.mlflow_run for entry in journal.entries(program.program)}
        for page in unreadable_pages:
            if page not in mirrors:
                raise unreadable(page, program.program)
    snapshot = runs.snapshot(program)
    refuse_vanished(journal, program.program, snapshot)
    note_runs(journal, program, snapshot)


def take_over_records(journal: Journal, records: RecordStore, program: Program) -> tuple[int, list[str]]:
    """Takes over the records that MLflow holds and the journal does not.

    Returns:
        How many there were, and the pages of those that cannot be read or are another program's.

    Side effects: reads MLflow, writes the journal.
    """
    journal_ids = {entry.record.id for entry in journal.entries(program.program)}
    added, unreadable_pages = 0, []
    for copy in records.copies(program):
        record = copy.read_or_none()
        if record is None or record.program != program.program:
            unreadable_pages.append(copy.mlflow_run or "")
        elif record.id not in journal_ids:
            written_at, page, position, home = copy.written_at, copy.mlflow_run, copy.position, copy.home
            added += journal.add(record, written_at, page, True, least_position=position, home=home)
    return added, unreadable_pages


def note_runs(journal: Journal, program: Program, snapshot: Snapshot) -> None:
    """Takes over the finished runs that MLflow holds, and what came of making one twice.

    Side effects: writes the journal.
    """
    rows = [
        EndedRun(run.fingerprint, run.attempt, run.id, run.outcome, run.seconds, run.checked)
        for run in snapshot.finished
        if run.fingerprint is not None
    ]
    if rows:
        journal.note_finished(program.program, rows)
    if tuple(snapshot.repeats) != journal.repeats(program.program):
        journal.note_repeats(program.program, snapshot.repeats)


def mirror_pending(
    journal: Journal, records: RecordStore, program: Program, steps: Sequence[Step] | None = None
) -> None:
    """Writes to MLflow what the journal holds and MLflow does not.

    Args:
        steps: those on the program's way, which are left to the loop: it writes them with their memo.
            None before the way is known: the last verdict of a phase, and what was decided after it,
            may then be on it.

    Side effects: writes MLflow and the journal.
    """
    entries = journal.entries(program.program)
    verdicts = {e.record.id: e.record for e in entries if isinstance(e.record, Verdict)}
    for entry in entries:
        if not entry.mirrored and entry.record.id not in _left_to_the_loop(entries, verdicts, steps):
            _mirror(journal, records, program, entry.record, verdicts)


def _left_to_the_loop(
    entries: Sequence[AnyEntry], verdicts: Mapping[str, Verdict], steps: Sequence[Step] | None
) -> set[str]:
    if steps is not None:
        return {record.id for step in steps for record in (step.verdict, step.decision)}
    last = set({(v.phase, v.fidelity): v.id for v in verdicts.values()}.values())
    return last | {e.record.id for e in entries if getattr(e.record, "verdict_id", None) in last}


def _mirror(
    journal: Journal,
    records: RecordStore,
    program: Program,
    record: AnyRecord,
    verdicts: Mapping[str, Verdict],
) -> None:
    """Writes one record to MLflow: the phase, the decision, or what a person did."""
    if not isinstance(record, Verdict | Decision):
        write_person(journal, records, program, record)
        return

    def write(entry: AnyEntry) -> str:
        held = records.held(program)
        verdict = record if isinstance(record, Verdict) else verdicts.get(record.verdict_id or "")
        run_id = held.get(verdict.id) if verdict is not None else None
        run_id = run_id or records.phase_run(program, record.phase, record.fidelity)
        if isinstance(record, Verdict):
            records.write_verdict(run_id, record, entry.written_at)
            return run_id
        return records.write_decision(record, verdict, run_id, decision_note(record), entry.written_at)

    mirror(journal, records, program, record.id, write)
