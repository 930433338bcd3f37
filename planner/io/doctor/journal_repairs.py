"""What ``doctor --repair`` changes in a journal, and nobody else does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any, get_args

from planner.io.journal.database import opened
from planner.io.journal.journal import Journal
from planner.records.journal_entry import body_of, kind_of
from planner.records.person import AnyRecord
from planner.records.runs import RunOutcome


def rows(journal: Journal, table: str) -> list[dict[str, Any]]:
    """All rows of a table of an existing journal, as they lie there."""
    with opened(journal.path, write=False, durable=True) as db:
        return [dict(row) for row in db.execute(f"SELECT rowid AS place, * FROM {table} ORDER BY rowid")]


def forget_places(journal: Journal, program: str) -> None:
    """Notes that the store of a program's records and runs is lost: all are to be written and made again."""
    with _writing(journal) as db:
        db.execute("BEGIN IMMEDIATE")
        db.execute("UPDATE records SET mirrored = 0, mlflow_run = NULL WHERE program = ?", (program,))
        db.execute("UPDATE work SET state = 'abandoned' WHERE program = ? AND state = 'finished'", (program,))
        db.execute("COMMIT")


def forget_record(journal: Journal, record_id: str) -> None:
    """Notes that MLflow lost a record: it is to be written again."""
    with _writing(journal) as db:
        db.execute("UPDATE records SET mirrored = 0, mlflow_run = NULL WHERE id = ?", (record_id,))


def settle_row(journal: Journal, row_number: int, outcome: str | None) -> None:
    """Gives a malformed row of a run the state that its outcome shows: finished, or as good as not made.

    What a finished one lacks then, the next ``advance`` takes from MLflow; no process counts as its owner.
    """
    state = "finished" if outcome in get_args(RunOutcome) else "abandoned"
    texts = ("fingerprint", "program", "folder", "mlflow_run", "outcome")
    as_text = ", ".join(f"{name} = CAST({name} AS TEXT)" for name in texts)
    with _writing(journal) as db:
        db.execute(
            f"UPDATE OR REPLACE work SET state = ?, planned = '{{}}', {as_text}, "
            "attempt = CAST(attempt AS INTEGER), pid = NULL, process_start = NULL, host = NULL, "
            "heartbeat = NULL, started_at = NULL, "
            "seconds = CASE WHEN typeof(seconds) IN ('integer', 'real') AND abs(seconds) < 1e9 "
            "THEN seconds ELSE 0 END WHERE rowid = ?",
            (state, row_number),
        )


def abandon_work(journal: Journal, row_number: int) -> None:
    """Notes that a run has no result any more."""
    with _writing(journal) as db:
        db.execute("UPDATE work SET state = 'abandoned' WHERE rowid = ?", (row_number,))


def put_right(journal: Journal, position: int, record: AnyRecord) -> None:
    """Gives a row the record that belongs there."""
    columns = (record.id, kind_of(record), record.program, record.phase, getattr(record, "fidelity", ""))
    with _writing(journal) as db:
        db.execute(
            "UPDATE records SET id = ?, kind = ?, program = ?, phase = ?, fidelity = ?, body = ? "
            "WHERE position = ?",
            (*columns, body_of(record), position),
        )


def take_out(journal: Journal, position: int) -> None:
    """Removes a row that cannot be read; the caller has put it into the quarantine."""
    with _writing(journal) as db:
        db.execute("DELETE FROM records WHERE position = ?", (position,))


def put_back_work(journal: Journal, rows: Iterator[dict[str, Any]]) -> int:
    """Gives a rebuilt journal the rows of unfinished runs that a broken one still held; how many."""
    added = 0
    with _writing(journal) as db:
        for row in rows:
            columns = {k: v for k, v in row.items() if k != "place"}
            names, marks = ", ".join(columns), ", ".join("?" * len(columns))
            try:
                made = db.execute(
                    f"INSERT OR IGNORE INTO work ({names}) VALUES ({marks})", tuple(columns.values())
                )
            except sqlite3.IntegrityError:
                continue  # a row of which a part is missing
            added += made.rowcount
    return added


def _writing(journal: Journal) -> AbstractContextManager[sqlite3.Connection]:
    return opened(journal.path, write=True, durable=True)
