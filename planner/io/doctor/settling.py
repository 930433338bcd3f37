"""Settles a run that an ended process left: as the next ``advance`` would."""

from __future__ import annotations

from planner.io.doctor.finding import Patient
from planner.io.journal.work import Work
from planner.io.leases.reaper import Reaper
from planner.io.system.clock import SystemClock
from planner.language.program import Program


def settle(patient: Patient, program: Program, work: Work) -> str:
    """Settles every run of a program whose process is gone; says what became of this one."""
    _reaper(patient, program).settle()
    key = work.fingerprint, work.attempt
    rows = {(w.fingerprint, w.attempt): w for w in patient.journal.work(program.program)}
    now = rows.get(key, work)
    if now.state == "finished":
        return f"its result ({now.outcome}) is adopted, in MLflow run {now.mlflow_run}"
    return "it is ended; the next advance makes it again where a phase needs it"


def settle_orphan(patient: Patient, program: Program, run_id: str) -> str:
    """Settles every run that MLflow knows of and the journal does not; says what became of this one."""
    _reaper(patient, program).settle()
    found = next((w for w in patient.journal.work(program.program) if w.mlflow_run == run_id), None)
    if found is not None and found.outcome != "lost":
        return f"its result ({found.outcome}) is adopted, in MLflow run {run_id}"
    return "it is ended as lost"


def _reaper(patient: Patient, program: Program) -> Reaper:
    assert patient.runs is not None
    assert patient.records is not None
    stores = patient.journal, patient.runs, patient.records
    return Reaper(patient.home, program, *stores, SystemClock())
