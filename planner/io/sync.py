"""Keeps journal and MLflow telling the same story, and settles what an interrupted run left behind."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from planner.errors import each_apart
from planner.io.desk import Desk
from planner.io.entries import Entry, Work
from planner.io.journal import Journal
from planner.io.mirror import mirror, write_person
from planner.io.record_store import MlflowRecords
from planner.io.run_store import MlflowRuns
from planner.memo.notes import decision_note
from planner.paths import Home
from planner.ports import RecordStore, RunStore
from planner.program import Program
from planner.recall import is_tried_again
from planner.records import AnyRecord, Decision, Verdict
from planner.runs import Ended


def rebuild(home: Home, journal: Journal) -> None:
    """Fills an empty journal from MLflow: records in the order they were made, and finished runs.

    A malformed program is left out: what is wrong with it is said where it is asked for.

    Side effects: reads MLflow, writes the journal.
    """
    from planner.io.programs import load_program, program_names

    runs = MlflowRuns(home)
    records = MlflowRecords(runs)
    programs, _ = each_apart(program_names(home.root), lambda name: load_program(home.program(name)))
    for program in programs:
        import_records(journal, records, runs, program)


def import_records(journal: Journal, records: RecordStore, runs: RunStore, program: Program) -> None:
    """Takes over what MLflow holds of a program and the journal does not: others' records too.

    Side effects: reads MLflow, writes the journal.
    """
    known = {entry.record.id for entry in journal.entries(program.program)}
    if set(records.held(program)) - known:
        for record, at, place in records.load(program):
            if record is not None and record.id not in known:
                journal.add(record, at, mlflow_run=place, mirrored=True)
    rows = [
        (run.fingerprint, run.attempt, run.id, run.outcome, run.seconds)
        for run in runs.snapshot(program).finished
        if run.fingerprint is not None
    ]
    if rows:
        journal.note_finished(program.program, rows)


def mirror_pending(desk: Desk) -> None:
    """Writes to MLflow what the journal holds and MLflow does not.

    The last verdict of a phase and what was decided after it are left to the loop, which writes them
    with their memo if they still stand.

    Side effects: writes MLflow and the journal.
    """
    entries = desk.journal.entries(desk.program.program)
    verdicts = {e.record.id: e.record for e in entries if isinstance(e.record, Verdict)}
    last = {(v.phase, v.fidelity): v.id for v in verdicts.values()}
    for entry in entries:
        record = entry.record
        about = record.id if isinstance(record, Verdict) else getattr(record, "verdict_id", None)
        if not entry.mirrored and about not in last.values():
            _mirror(desk, record, verdicts)


def _mirror(desk: Desk, record: AnyRecord, verdicts: Mapping[str, Verdict]) -> None:
    """Writes one record to MLflow: the phase, the decision, or what a person did."""
    journal, records, program = desk.journal, desk.records, desk.program
    if not isinstance(record, Verdict | Decision):
        write_person(journal, records, program, record)
        return

    def write(entry: Entry) -> str:
        held = records.held(program)
        verdict = record if isinstance(record, Verdict) else verdicts.get(record.verdict_id or "")
        place = held.get(verdict.id) if verdict is not None else None
        place = place or records.phase_run(program, record.phase, record.fidelity)
        if isinstance(record, Verdict):
            records.write_verdict(place, record, entry.at)
            return place
        return records.write_decision(record, verdict, place, decision_note(record), entry.at)

    mirror(journal, records, program, record.id, write)


def settle_work(desk: Desk) -> int:
    """Settles runs whose process is gone: a complete result is adopted, anything else ends as ``lost``.

    The death of the planner itself uses up no retry: the attempt of a lost run is not counted.
    Whatever else was begun in this home's own MLflow and never finished is ended too.

    Returns:
        How many were settled.

    Side effects: writes MLflow and the journal; removes the folders of adopted runs.
    """
    unsettled = desk.journal.work(desk.program.program, unfinished_only=True)
    left = [w for w in unsettled if w.state != "abandoned"]
    alive = [w for w in left if is_alive(w)]
    gone = [w for w in left if w not in alive]
    for work in gone:
        _settle(desk, work)
    desk.runs.end_orphans(desk.program, {w.mlflow_run for w in alive if w.mlflow_run is not None})
    return len(gone)


def _settle(desk: Desk, work: Work) -> None:
    folder = Path(work.folder)
    where = work.fingerprint, work.attempt
    ended = _result(folder, f"{work.fingerprint}-{work.attempt}")
    if ended is not None and work.mlflow_run is not None:
        desk.runs.finish(work.mlflow_run, folder, ended, work.started_at or desk.clock.seconds())
        desk.journal.update_work(*where, state="finished", outcome=ended.outcome, seconds=ended.seconds)
        if not is_tried_again(ended.outcome, work.attempt):
            shutil.rmtree(folder, ignore_errors=True)
        return
    if work.mlflow_run is not None:
        desk.runs.abandon(work.mlflow_run)
        lost = work.fingerprint, work.attempt - 1, work.mlflow_run, "lost", 0.0
        desk.journal.note_finished(work.program, [lost])
    desk.journal.update_work(*where, state="abandoned")  # its folder stays: the next try resumes from it


def _result(folder: Path, job_id: str) -> Ended | None:
    try:
        told = json.loads((folder / "result.json").read_text(encoding="utf-8"))
        return Ended(
            job_id=job_id,
            outcome=told["outcome"],
            reason=told["reason"],
            seconds=round(told["seconds"], 3),  # as MLflow keeps it, so that a rebuilt journal says the same
            device=told.get("device"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
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
