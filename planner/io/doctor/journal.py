"""The journal's file: whether it is whole, and whether its columns say what its records say."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from planner.errors import JournalDamaged, StoreUnavailable
from planner.io.doctor import journal_repairs
from planner.io.doctor.database_recovery import sound
from planner.io.doctor.finding import HealthFinding, HomeUnderCheck
from planner.io.doctor.journal_recovery import salvaged_records, salvaged_work
from planner.io.doctor.store import put_right_what_keeps_from_reading
from planner.io.journal.database import opened, put_in_place
from planner.io.journal.journal import Journal
from planner.io.journal.work import work_of
from planner.io.mlflow.client import database_of, pages, speaking_of
from planner.io.mlflow.home_store import store_uri
from planner.io.sync.sync import note_runs, take_over_records
from planner.io.system.quarantine import move_away
from planner.records.journal_entry import KINDS, Copy, kind_of
from planner.records.person import AnyRecord


def check_journal(patient: HomeUnderCheck) -> Iterator[HealthFinding]:
    """Whether the file can be read at all; what is in it comes after.

    Side effects: notes in the patient whether it can.
    """
    path = patient.home.journal
    patient.journal_sound = True
    if not path.exists():
        return
    try:
        with opened(path, write=False, durable=True) as db:
            said = [str(row[0]) for row in db.execute("PRAGMA integrity_check(3)")]
    except JournalDamaged as error:
        patient.journal_sound = False
        yield _damaged(patient, error.what)
        return
    except StoreUnavailable as error:
        patient.journal_sound = False
        yield HealthFinding("journal.unreadable", str(path), error.what, error.mend)
        return
    if said != ["ok"]:
        patient.journal_sound = False
        yield _damaged(patient, f"the journal {path} is damaged ({'; '.join(said)[:200]})")
        return
    yield from _rows(patient)


def _damaged(patient: HomeUnderCheck, what: str) -> HealthFinding:
    return HealthFinding(
        id="journal.damaged",
        about=str(patient.home.journal),
        what=what,
        mend="'phasegate doctor --repair' moves it away and rebuilds it from MLflow and its remains",
        repair=lambda: _rebuild(patient),
    )


def _rebuild(patient: HomeUnderCheck) -> str:
    """Moves a broken journal away and makes a new one of what MLflow holds and it still held."""
    home = patient.home
    kept, work = list(salvaged_records(home.journal)), list(salvaged_work(home.journal))
    aside = Journal(home.journal.with_name(f"{home.journal.name}.rebuilt"))
    aside.path.unlink(missing_ok=True)
    aside.make()
    put_right, taken = [], 0
    if _can_be_read_from(patient):
        put_right = put_right_what_keeps_from_reading(patient)
        taken = _from_mlflow(patient, aside)
    readable_ids = {str(row["id"]) for row in journal_repairs.rows(aside, "records")}
    added = [aside.add(record, at) for record, at in kept if record.id not in readable_ids]
    resumed = journal_repairs.put_back_work(aside, iter(work))
    moved_to = move_away(home.journal, home.quarantine)
    put_in_place(aside.path, home.journal)
    patient.journal_sound = True
    rebuilt = f"rebuilt with {taken} records from MLflow, {sum(added)} that only it held, "
    return "; ".join([*put_right, f"moved to {moved_to}", f"{rebuilt}and {resumed} runs in progress"])


def _can_be_read_from(patient: HomeUnderCheck) -> bool:
    """Whether MLflow has anything to rebuild from; asked without the journal, which is broken."""
    path = database_of(store_uri(patient.home))
    if path is not None and (not path.exists() or not path.stat().st_size):
        return False
    return path is None or not sound(path)  # a broken database is looked at next


def _from_mlflow(patient: HomeUnderCheck, journal: Journal) -> int:
    """Every record and finished run that MLflow holds; a record that cannot be read is looked at later."""
    from planner.io.store.record_store import MlflowRecords
    from planner.io.store.run_store import MlflowRuns

    runs = MlflowRuns(patient.home)
    records, taken = MlflowRecords(runs), 0
    with speaking_of(runs.uri):
        experiments = {experiment.name for experiment in pages(runs.client.search_experiments)}
    for program in patient.programs:
        if program.program not in experiments:
            continue  # it was never advanced, or the journal alone can say that its experiment is gone
        taken += take_over_records(journal, records, program)[0]
        note_runs(journal, program, runs.snapshot(program))
    return taken


def _rows(patient: HomeUnderCheck) -> Iterator[HealthFinding]:
    """Rows whose columns do not say what their record says: nobody would find them."""
    for row in journal_repairs.rows(patient.journal, "records"):
        record = read(row)
        if record is not None and _columns(row) != _columns_of(record):
            yield _row_finding(patient, row, record)
        elif record is None and row["program"] not in {p.program for p in patient.programs}:
            what = (
                f"row {row['position']} of the journal holds a record that cannot be read, of no program here"
            )
            mend = "bring the program's file back, then 'phasegate doctor --repair'"
            yield HealthFinding("journal.row", f"row {row['position']}", what, mend)
    for row in journal_repairs.rows(patient.journal, "work"):
        try:
            work_of(row)
        except ValueError:
            yield _work_finding(patient, row)


def _row_finding(patient: HomeUnderCheck, row: dict[str, Any], record: AnyRecord) -> HealthFinding:
    def repair() -> str:
        journal_repairs.put_right(patient.journal, int(row["position"]), record)
        return "its columns say again what the record says"

    what = (
        f"row {row['position']} of the journal says that it holds {_columns(row)}, and it holds {record.id}"
    )
    mend = "'phasegate doctor --repair' writes what the record says"
    return HealthFinding("journal.row", f"row {row['position']}", what, mend, repair=repair)


def _work_finding(patient: HomeUnderCheck, row: dict[str, Any]) -> HealthFinding:
    def repair() -> str:
        timed = isinstance(row["seconds"], int | float)
        journal_repairs.settle_row(patient.journal, int(row["place"]), row["outcome"] if timed else None)
        return "it counts as finished where it has an outcome, and as not made where it has none"

    what = f"the journal's row of run {row['fingerprint']} of {row['program']} is malformed "
    what += f"(state {str(row['state'])[:20]!r})"
    mend = "'phasegate doctor --repair' goes by its outcome"
    return HealthFinding("journal.work", str(row["fingerprint"]), what, mend, repair=repair)


def read(row: dict[str, Any]) -> AnyRecord | None:
    """The record of a row, whatever its columns say; None where its text is not that of any record."""
    for kind in (row["kind"], *(k for k in KINDS if k != row["kind"])):
        try:
            record_id = str(json.loads(row["body"])["id"])
            return Copy(record_id, str(kind), row["body"], "", 0, None).read()
        except (ValueError, TypeError, KeyError):
            continue
    return None


def _columns(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("id", "kind", "program", "phase", "fidelity"))


def _columns_of(record: AnyRecord) -> tuple[str, ...]:
    return record.id, kind_of(record), record.program, record.phase, getattr(record, "fidelity", "")
