"""MLflow: whether it can be reached and read, and whether it has what the journal wrote to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import PhasegateError
from planner.io.doctor import journal_repairs
from planner.io.doctor.database_recovery import sound, whole_copy
from planner.io.doctor.finding import HealthFinding, HomeUnderCheck
from planner.io.mlflow.artifact_location import (
    folder_of,
    left_behind,
    misplaced_runs,
    put_in_place,
    settle_in,
)
from planner.io.mlflow.client import database_in_use, database_of, has_store, speaking_of
from planner.io.mlflow.home_store import own_uri, store_uri
from planner.io.system.quarantine import move_away
from planner.language.program import Program
from planner.text.terminal import sentence

if TYPE_CHECKING:
    from planner.io.store.run_store import MlflowRuns


def check_store(patient: HomeUnderCheck) -> Iterator[HealthFinding]:
    """Whether the store opens, is whole, and holds each program's experiment.

    Side effects: opens the store for what comes after.
    """
    from planner.io.store.record_store import MlflowRecords
    from planner.io.store.run_store import MlflowRuns

    patient.runs = patient.records = None
    path = database_of(store_uri(patient.home))
    try:
        wrong = sound(path) if path is not None and path.exists() and path.stat().st_size else ""
        if wrong:
            yield _broken(patient, f"the MLflow database {path} is damaged ({wrong})", path, gone=False)
            return
        if not has_store(patient.home):
            return
        runs = MlflowRuns(patient.home)
    except PhasegateError as error:
        gone = path is not None and (not path.exists() or not path.stat().st_size)
        if path is not None and not gone and _is_half_made(path):
            what = f"{error.what} (it was cut off while it was made, and holds no run)"
            yield _broken(patient, what, path, gone=True)
        elif gone and patient.journal_sound:
            yield _broken(patient, error.what, path, gone=True)
        elif not gone:  # where it is, the journal has to be mended first: it alone says whether there was one
            mend = error.mend or "see the sentence"
            yield HealthFinding("store.unreadable", store_uri(patient.home), error.what, mend)
        return
    patient.runs, patient.records = runs, MlflowRecords(runs)
    if patient.journal_sound:
        findings = [finding for program in patient.idle for finding in _experiment(patient, program)]
        yield from findings
        if any(finding.id == "store.moved" for finding in findings):
            patient.runs = patient.records = None  # until MLflow is told, its artifacts all seem to be lost


def _is_half_made(path: Path) -> bool:
    """Whether a database that does not open was never used: its making was cut off, by an earlier version."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=20)) as db:
            tables = {
                str(row[0]) for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            return "runs" not in tables or not db.execute("SELECT count(*) FROM runs").fetchone()[0]
    except sqlite3.Error:
        return False


def _broken(patient: HomeUnderCheck, what: str, path: Path | None, gone: bool) -> HealthFinding:
    assert path is not None
    anew = "begins a new one: the runs in the old one are lost and are made again, what the journal holds is "
    anew += "written to the new one"
    mend = f"put it back; or 'phasegate doctor --repair' {anew}"
    if not gone:
        mend = "put a copy of it back; or 'phasegate doctor --repair' moves it away and puts a whole copy in "
        mend += f"its place, or, where no whole copy can be made, {anew}"
    return HealthFinding(
        id="store.gone" if gone else "store.damaged",
        about=str(path),
        what=what,
        mend=mend,
        repair=lambda: _begin_anew(patient, path),
    )


def _begin_anew(patient: HomeUnderCheck, path: Path) -> str:
    """Replaces a broken database by a whole copy of itself, or, where that fails, by a new one."""
    worth_copying = path.exists() and path.stat().st_size and not _is_half_made(path)
    copied = whole_copy(path) if worth_copying else None
    if copied is not None:
        moved_to = move_away(path, patient.home.quarantine)
        copied.rename(path)
        return f"moved to {moved_to}; a whole copy of it stands in its place, nothing is lost"
    has_journal = patient.home.journal.exists()
    work = journal_repairs.rows(patient.journal, "work") if has_journal else []
    records = journal_repairs.rows(patient.journal, "records") if has_journal else []
    moved = f"moved to {move_away(path, patient.home.quarantine)}; " if path.exists() else ""
    for name in sorted({str(row["program"]) for row in (*work, *records)}):
        journal_repairs.forget_places(patient.journal, name)
    finished = sum(row["state"] == "finished" for row in work)
    return (
        f"{moved}the next advance begins a new store; lost with the old one: {finished} finished runs with "
        "their metrics and artifacts, which the next advance makes again where a phase needs them; "
        f"kept: {len(records)} "
        "records in the journal, which the next advances write to the new store"
    )


def _experiment(patient: HomeUnderCheck, program: Program) -> Iterator[HealthFinding]:
    """A program's experiment: deleted, never there, or with its artifacts moved away."""
    name, runs = program.program, patient.runs
    assert runs is not None
    with speaking_of(runs.uri):
        experiment = runs.client.get_experiment_by_name(name)
    if experiment is None:
        experiment_id = patient.journal.in_mlflow(name)
        if experiment_id:
            what = (
                f"MLflow at {runs.uri} has no experiment '{name}', and the journal knows of {experiment_id} "
                "records and "
            )
            what += "finished runs in it"
            mend = (
                "name the store that has it with MLFLOW_TRACKING_URI, or 'phasegate doctor "
                "--repair' begins it anew"
            )
            yield HealthFinding("store.no_experiment", name, what, mend, name, lambda: _forget(patient, name))
        return
    yield from _kept_from_reading(patient, name)
    if experiment.lifecycle_stage != "deleted":
        yield from _artifacts(patient, name, str(experiment.artifact_location))


def put_right_what_keeps_from_reading(patient: HomeUnderCheck) -> list[str]:
    """Mends what keeps the records in MLflow from being read; says what was done. Needs no journal.

    Side effects: opens the store; restores experiments, and tells MLflow where artifacts are.
    """
    from planner.io.store.run_store import MlflowRuns

    patient.runs = MlflowRuns(patient.home)
    done: dict[tuple[str, str], str] = {}
    for program in patient.idle:
        # One after the other, because a repair changes what is experiment after it; none is tried twice.
        while (finding := next(_kept_from_reading(patient, program.program), None)) is not None:
            if finding.key in done or finding.repair is None:
                break
            done[finding.key] = f"{finding.what}: {finding.repair()}"
    return list(done.values())


def _kept_from_reading(patient: HomeUnderCheck, name: str) -> Iterator[HealthFinding]:
    """What keeps a program's records in MLflow from being read, whatever the journal says of them."""
    runs = patient.runs
    assert runs is not None
    with speaking_of(runs.uri):
        experiment = runs.client.get_experiment_by_name(name)
    if experiment is None:
        return
    if experiment.lifecycle_stage == "deleted":
        yield _deleted(runs, name, str(experiment.experiment_id))
    elif runs.uri == own_uri(patient.home):
        yield from _moved(patient, name, str(experiment.artifact_location))
        yield from _misplaced(patient, name, str(experiment.experiment_id), str(experiment.artifact_location))


def _deleted(runs: MlflowRuns, name: str, experiment: str) -> HealthFinding:
    def restore() -> str:
        with speaking_of(runs.uri):
            runs.client.restore_experiment(experiment)
        return "restored, with its runs"

    what = f"the MLflow experiment '{name}' is deleted"
    mend = f"'mlflow experiments restore --experiment-id {experiment}', or 'phasegate doctor --repair'"
    return HealthFinding("store.experiment_deleted", name, what, mend, name, restore)


def _misplaced(patient: HomeUnderCheck, name: str, experiment: str, location: str) -> Iterator[HealthFinding]:
    """Runs whose artifacts MLflow would read and write in a place that somebody named."""
    assert patient.runs is not None
    with speaking_of(own_uri(patient.home)):
        misplaced = misplaced_runs(database_in_use(patient.runs.client), experiment, location)
    for run, uri in misplaced:
        what = f"MLflow run {run} of {name} was edited: its artifacts are looked for in {sentence(uri)!r}"
        mend = f"'phasegate doctor --repair' says again that they are under {location}"
        yield HealthFinding(
            "run.misplaced", run, what, mend, name, partial(_put_in_place, patient, run, location)
        )


def _put_in_place(patient: HomeUnderCheck, run: str, location: str) -> str:
    with speaking_of(own_uri(patient.home)):
        put_in_place(patient.home, run, location)
    return f"they are looked for under {location}"


def _moved(patient: HomeUnderCheck, name: str, location: str) -> Iterator[HealthFinding]:
    """A program's artifacts are looked for where the home was before it was moved or copied."""
    if left_behind(patient.home, name, location):
        folder = folder_of(location)
        what = f"the home was moved or copied: MLflow still looks for the artifacts of {name} in {folder}"
        mend = "'phasegate doctor --repair' tells MLflow where they are now"
        yield HealthFinding(
            "store.moved", str(folder), what, mend, name, lambda: _settled_in(patient, name, location)
        )


def _artifacts(patient: HomeUnderCheck, name: str, location: str) -> Iterator[HealthFinding]:
    """A program's artifacts are gone, and not because the home was moved."""
    assert patient.runs is not None
    folder = folder_of(location)
    own = patient.runs.uri == own_uri(patient.home)
    if folder is None or folder.is_dir() or (own and left_behind(patient.home, name, location)):
        return
    if patient.journal.in_mlflow(name):
        what = f"the artifacts of {name} are not in {folder}, where MLflow looks for them"
        mend = (
            "put the folder back; records are written to it again by 'phasegate doctor --repair', "
            "other files are not"
        )
        yield HealthFinding("store.no_artifacts", str(folder), what, mend, name, lambda: _made(folder))


def _settled_in(patient: HomeUnderCheck, name: str, location: str) -> str:
    with speaking_of(own_uri(patient.home)):
        settle_in(patient.home, name, location, patient.home.database)
    return f"MLflow looks for them in {patient.home.artifacts / name}"


def _made(folder: Path) -> str:
    folder.mkdir(parents=True)
    return "made the folder; what lay in it is lost, but for the records, which are written again"


def _forget(patient: HomeUnderCheck, name: str) -> str:
    journal_repairs.forget_places(patient.journal, name)
    return "the next advance makes the runs that a phase needs anew, and writes the journal's records"
