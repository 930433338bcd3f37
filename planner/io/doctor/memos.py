"""Memos: each phase's file and its copy on the phase's page in MLflow."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from planner.io.doctor.finding import HealthFinding, HomeUnderCheck
from planner.io.mlflow import tags
from planner.io.mlflow.client import speaking_of
from planner.io.mlflow.home_store import own_uri
from planner.io.pictures.memo_files import write_aside
from planner.io.system.processes import home_mark
from planner.io.system.quarantine import move_away
from planner.language.program import Program
from planner.records.verdict import Verdict


def check_memos(patient: HomeUnderCheck) -> Iterator[HealthFinding]:
    """The memo of every phase's last verdict."""
    if not patient.journal_sound or patient.records is None or not patient.home.journal.exists():
        return
    for program in patient.idle:
        yield from _of_program(patient, program)


def _of_program(patient: HomeUnderCheck, program: Program) -> Iterator[HealthFinding]:
    assert patient.records is not None
    last: dict[tuple[str, str], tuple[Verdict, str]] = {}
    for copy in patient.journal.copies(program.program):
        record = copy.read_or_none()
        if isinstance(record, Verdict) and copy.mirrored and copy.mlflow_run:
            last[record.phase, record.fidelity] = record, copy.mlflow_run
    held = set(patient.records.held(program))
    for verdict, page_id in last.values():
        if verdict.id not in held:
            continue
        path = patient.home.memo(program.program, verdict.phase, verdict.fidelity)
        page = patient.records.memo(page_id)
        here = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None
        if here is None and _is_of_another_home(patient, page_id):
            continue
        if here != page and (here or page):
            yield _finding(patient, program.program, verdict, path, page_id, here, page)


def _is_of_another_home(patient: HomeUnderCheck, page_id: str) -> bool:
    """Whether a page was made by another home that uses the same store: its memo's file lies there."""
    assert patient.runs is not None
    if patient.runs.uri == own_uri(patient.home):
        return False
    with speaking_of(patient.runs.uri):
        maker = patient.runs.client.get_run(page_id).data.tags.get(tags.HOME)
    return maker not in (None, home_mark(patient.home))


def _finding(
    patient: HomeUnderCheck,
    name: str,
    verdict: Verdict,
    path: Path,
    page_id: str,
    here: str | None,
    page: str | None,
) -> HealthFinding:
    if page is None:
        what = f"the page of {name} / {verdict.phase} in MLflow run {page_id} has lost its memo"
        mend = f"'phasegate doctor --repair' writes {path} there"
        return HealthFinding(
            "memo.no_page", page_id, what, mend, name, partial(_to_page, patient, page_id, here or "")
        )
    repair = partial(_to_file, patient, path, page_id, page)
    if here is None:
        what = f"the memo {path} is gone"
        mend = (
            f"'phasegate doctor --repair' writes it from its page in MLflow, and 'memo {name}' "
            "shows it all the same"
        )
        return HealthFinding("memo.missing", str(path), what, mend, name, repair)
    what = f"the memo {path} is not what stands on its page in MLflow: one of them was edited"
    mend = (
        f"'memo {name} {verdict.phase} --verify' tells which comes out of the runs; 'phasegate "
        "doctor --repair' "
    )
    mend += "moves the file to the quarantine and writes it from the page"
    return HealthFinding("memo.differs", str(path), what, mend, name, repair)


def _to_page(patient: HomeUnderCheck, page_id: str, text: str) -> str:
    assert patient.runs is not None
    with speaking_of(patient.runs.uri):
        patient.runs.client.log_text(page_id, text, "memo.md")
    return "written to the page"


def _to_file(patient: HomeUnderCheck, path: Path, page_id: str, text: str) -> str:
    """Writes a memo's file from its page, with the figures that it lacks."""
    assert patient.runs is not None
    moved = f"the file is in {move_away(path, patient.home.quarantine)}; " if path.exists() else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    client = patient.runs.client
    with speaking_of(patient.runs.uri), tempfile.TemporaryDirectory() as folder:
        for figure in client.list_artifacts(page_id, "figures"):
            wanted = path.parent / figure.path
            if not wanted.exists():
                wanted.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(client.download_artifacts(page_id, figure.path, folder), wanted)
    write_aside(path, text)
    return f"{moved}written from its page in MLflow run {page_id}"
