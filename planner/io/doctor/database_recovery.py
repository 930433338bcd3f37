"""Copies a database whose indexes or free pages are broken: its tables row by row, everything else anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from planner.io.journal.database import kind_of_error


def sound(path: Path) -> str:
    """What SQLite finds wrong with a database, in one line.

    Returns:
        Empty where nothing is wrong, and where another process holds it, so that nothing can be said.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=20)) as db:
            said = [str(row[0]) for row in db.execute("PRAGMA quick_check(3)")]
    except sqlite3.Error as error:
        held = kind_of_error(error) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        return "" if held else str(error)
    return "" if said == ["ok"] else " ".join("; ".join(said).split())[:200]


def whole_copy(path: Path) -> Path | None:
    """A copy with every row of every table; None where a single one cannot be read: half of the evidence
    would be taken for all of it.

    Side effects: writes a file beside the database.
    """
    aside = path.with_name(f"{path.name}.copied")
    aside.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=20)) as old,
            closing(sqlite3.connect(aside)) as new,
            new,
        ):
            _copy(old, new)
        if not sound(aside):
            return aside
    except sqlite3.Error:
        pass
    aside.unlink(missing_ok=True)
    return None


def _copy(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    query = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
    parts = sorted(old.execute(query).fetchall(), key=lambda part: part[0] != "table")
    for kind, name, statement in parts:
        new.execute(statement)
        if kind == "table":
            _copy_rows(old, new, name)
    if old.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'").fetchone():
        new.execute("DELETE FROM sqlite_sequence")
        _copy_rows(old, new, "sqlite_sequence")


def _copy_rows(old: sqlite3.Connection, new: sqlite3.Connection, table: str) -> None:
    stored = [f'"{row[1]}"' for row in old.execute(f'PRAGMA table_info("{table}")')]  # without computed ones
    names, marks = ", ".join(stored), ", ".join("?" * len(stored))
    rows = old.execute(f'SELECT {names} FROM "{table}" NOT INDEXED')
    new.executemany(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', rows)
