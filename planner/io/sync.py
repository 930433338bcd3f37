"""Keeps journal and MLflow telling the same story, and settles what an interrupted run left behind."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

from planner.io.desk import Desk
from planner.io.journal import Journal, Work
from planner.io.record_store import MlflowRecords
from planner.io.run_store import MlflowRuns
from planner.memo.notes import decision_note, person_note
from planner.paths import Home
from planner.ports import RecordStore, RunStore
from planner.program import Program
from planner.records import Decision, Ended, Verdict


def rebuild(home: Home, journal: Journal) -> None:
    """Fills an empty journal from MLflow: records in the order they were made, and finished runs.

    Side effects: reads MLflow, writes the journal.
    """
    from planner.io.programs import load_program, program_names

    runs = MlflowRuns(home)
    records = MlflowRecords(runs)
    for name in program_names(home.root):
        import_records(journal, records, runs, load_program(home.program(name)))


def import_records(journal: Journal, records: RecordStore, runs: RunStore, program: Program) -> None:
    """Takes over what MLflow holds of a program and the journal does not: others' records too.

    Side effects: reads MLflow, writes the journal.
    """
    known = {entry.record.id for entry in journal.entries(program.program)}
    if set(records.held(program)) - known:
        found = [(record, at, place) for record, at, place in records.load(program) if record is not None]
        order = {"Verdict": 0, "Decision": 1}
        for record, at, place in sorted(found, key=lambda f: (f[1], order.get(type(f[0]).__name__, 2))):
            if record.id not in known:
                journal.add(record, at, mlflow_run=place, mirrored=True)
    rows = [
        (run.fingerprint, run.attempt, run.id, run.outcome, run.seconds)
        for run in runs.snapshot(program).finished
        if run.fingerprint is not None
    ]
    if rows:
        journal.note_finished(program.program, rows)


def mirror_pending(desk: Desk) -> None:
    """Writes to MLflow what the journal holds and MLflow does not; verdicts are written by the loop.

    Side effects: writes MLflow and the journal.
    """
    entries = desk.journal.entries(desk.program.program)
    pending = [e for e in entries if not e.mirrored and not isinstance(e.record, Verdict)]
    if not pending:
        return
    held = desk.records.held(desk.program)
    verdicts = {e.record.id: e.record for e in entries if isinstance(e.record, Verdict)}
    for entry in pending:
        record = entry.record
        if record.id in held:
            desk.journal.mark_mirrored(record.id, held[record.id])
        elif isinstance(record, Decision):
            if record.verdict_id and record.verdict_id not in held and record.action != "add_seeds":
                continue
            parent = held.get(record.verdict_id or "") or desk.records.phase_run(
                desk.program, record.phase, record.fidelity
            )
            verdict = verdicts.get(record.verdict_id or "")
            place = desk.records.write_decision(record, verdict, parent, decision_note(record), entry.at)
            desk.journal.mark_mirrored(record.id, place)
        elif not isinstance(record, Verdict):
            parent_id = held.get(getattr(record, "contradicts", None) or "")
            place = desk.records.write_person(record, parent_id, person_note(record), entry.at)
            desk.journal.mark_mirrored(record.id, place)


def settle_work(desk: Desk) -> int:
    """Settles runs whose process is gone: a complete result is adopted, anything else marked ``killed``.

    The death of the planner itself uses up no retry, because nothing is marked that never started.

    Returns:
        How many were settled.

    Side effects: writes MLflow and the journal; removes the folders of settled runs.
    """
    unsettled = desk.journal.work(desk.program.program, unfinished_only=True)
    left = [w for w in unsettled if w.state != "abandoned" and not is_alive(w)]
    for work in left:
        _settle(desk, work)
    return len(left)


def _settle(desk: Desk, work: Work) -> None:
    folder = Path(work.folder)
    ended = _result(folder)
    where = work.fingerprint, work.attempt
    if ended is not None and work.mlflow_run is not None:
        desk.runs.finish(work.mlflow_run, folder, ended, work.started_at or desk.clock.seconds())
        desk.journal.update_work(*where, state="finished", outcome=ended.outcome, seconds=ended.seconds)
        shutil.rmtree(folder, ignore_errors=True)
        return
    if work.mlflow_run is not None:
        desk.runs.abandon(work.mlflow_run, work.attempt)
    desk.journal.update_work(*where, state="abandoned")


def _result(folder: Path) -> Ended | None:
    try:
        told = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return Ended(
            job_id=folder.name, outcome=told["outcome"], reason=told["reason"], seconds=told["seconds"]
        )
    except (OSError, ValueError, KeyError):
        return None


def is_alive(work: Work) -> bool:
    """Whether the process that leased a run is still the same one and still there."""
    if work.pid is None or work.pid <= 0:
        return False
    if work.host != socket.gethostname():
        return True
    import psutil

    try:
        return abs(psutil.Process(work.pid).create_time() - (work.process_start or 0.0)) < 1.0
    except psutil.Error:
        return False
