"""Has MLflow hold what the journal holds: each record once, and every time at which it stood."""

from __future__ import annotations

from collections.abc import Callable

from planner.engine.ports import RecordStore
from planner.io.journal.journal import Journal
from planner.language.program import Program
from planner.memo.mlflow_notes import person_note
from planner.records.journal_entry import AnyEntry
from planner.records.person import PersonRecord


def mirror(
    journal: Journal,
    records: RecordStore,
    program: Program,
    record_id: str,
    write: Callable[[AnyEntry], str],
) -> str:
    """Writes a record of the journal to the record store where it is not there yet; gives its place.

    Args:
        write: writes it and returns the place.

    Side effects: record store, then journal. Doing it again after an interruption changes nothing.
    """
    entry = next(e for e in reversed(journal.entries(program.program)) if e.record.id == record_id)
    run_id = records.held(program).get(record_id) or write(entry)
    records.stood(run_id, entry.written_at, entry.position)
    journal.mark_mirrored(record_id, run_id)
    return run_id


def write_person(
    journal: Journal,
    records: RecordStore,
    program: Program,
    record: PersonRecord,
) -> None:
    """Writes down what a person did: journal first, then the record store.

    An override becomes a child of the decision that it contradicts.

    Side effects: journal, record store.
    """
    journal.add(record, record.at)
    about = getattr(record, "contradicts", None) or getattr(record, "override_id", None) or ""

    def write(entry: AnyEntry) -> str:
        parent = records.held(program).get(about)
        return records.write_person(record, parent, person_note(record), entry.written_at)

    mirror(journal, records, program, record.id, write)
