"""Settles a run that an ended process left: as the next ``advance`` would."""

from __future__ import annotations

from typing import Any

from planner.io import tags
from planner.io.clock import SystemClock
from planner.io.doctor.finding import Patient
from planner.io.entries import Work
from planner.io.settling import Reaper
from planner.program import Program


def settle(patient: Patient, program: Program, work: Work) -> str:
    """Settles every run of a program whose process is gone; says what became of this one."""
    _reaper(patient, program).settle()
    key = work.fingerprint, work.attempt
    rows = {(w.fingerprint, w.attempt): w for w in patient.journal.work(program.program)}
    now = rows.get(key, work)
    if now.state == "finished":
        return f"its result ({now.outcome}) is adopted, in MLflow run {now.mlflow_run}"
    return "it is ended; the next advance makes it again where a phase needs it"


def adopt(patient: Patient, program: Program, raw: Any, complete: bool) -> str:
    """Settles a run that MLflow knows of and the journal does not.

    Args:
        raw: the MLflow run.
        complete: its folder holds its result.
    """
    told, run_id = raw.data.tags, str(raw.info.run_id)
    if complete:
        name, fingerprint, attempt = program.program, told[tags.FINGERPRINT], int(told.get(tags.ATTEMPT, "1"))
        planned = {"phase": told.get(tags.PHASE), "arm": told.get(tags.ARM), "fingerprint": fingerprint}
        folder = str(patient.home.run_folder(name, fingerprint))
        patient.journal.plan_work(fingerprint, attempt, name, planned, folder)
        began = float(raw.info.start_time) / 1000
        patient.journal.update_work(
            name, fingerprint, attempt, state="started", mlflow_run=run_id, started_at=began
        )
    _reaper(patient, program).settle()
    return f"its result is adopted, in MLflow run {run_id}" if complete else "it is ended as lost"


def _reaper(patient: Patient, program: Program) -> Reaper:
    assert patient.runs is not None
    assert patient.records is not None
    stores = patient.journal, patient.runs, patient.records
    return Reaper(patient.home, program, *stores, SystemClock())
