"""The journal's file: made whole or not at all, opened at any earlier schema, refused at a newer one."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import get_ident

from planner.errors import JournalDamaged, PhasegateError, StoreUnavailable, disk_full, not_allowed
from planner.io.journal.copies import copy_for_reading
from planner.io.system.permissions import may_write
from planner.io.system.quarantine import move_away

MEND = "'phasegate doctor --repair' moves it away and rebuilds it from MLflow"
PATIENCE = 15.0
"""Seconds for which another process may hold the file."""
LONGEST_PATH = 480
"""Bytes; SQLite opens nothing above 512, and names files of its own after the one that it opens."""

_WORK = """CREATE TABLE {name} (
    fingerprint TEXT NOT NULL, attempt INTEGER NOT NULL, program TEXT NOT NULL, planned TEXT NOT NULL,
    folder TEXT NOT NULL, state TEXT NOT NULL, pid INTEGER, process_start REAL, host TEXT,
    heartbeat REAL, mlflow_run TEXT, outcome TEXT, seconds REAL NOT NULL DEFAULT 0,
    started_at REAL, PRIMARY KEY ({key}))"""
STEPS: tuple[tuple[str, ...], ...] = (
    (  # 1
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
        """CREATE TABLE records (
            position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, kind TEXT NOT NULL,
            program TEXT NOT NULL, phase TEXT NOT NULL, fidelity TEXT NOT NULL, at TEXT NOT NULL,
            body TEXT NOT NULL, mlflow_run TEXT, mirrored INTEGER NOT NULL DEFAULT 0)""",
        "CREATE INDEX records_id ON records (id)",
        _WORK.format(name="work", key="fingerprint, attempt"),
        "CREATE TABLE described (key TEXT PRIMARY KEY, body TEXT NOT NULL)",
        "INSERT INTO meta VALUES ('schema', '1')",
    ),
    (  # 2: two programs may ask for the same run; before, one took the other's row
        _WORK.format(name="work_2", key="program, fingerprint, attempt"),
        "INSERT INTO work_2 SELECT * FROM work ORDER BY rowid",
        "DROP TABLE work",
        "ALTER TABLE work_2 RENAME TO work",
        "CREATE INDEX records_program ON records (program)",
        "CREATE TABLE IF NOT EXISTS described (key TEXT PRIMARY KEY, body TEXT NOT NULL)",
    ),
    (  # 3: whether the code and data of a run are looked at after it, too
        "ALTER TABLE work ADD COLUMN checked INTEGER NOT NULL DEFAULT 0",
    ),
    (  # 4: which other home wrote a record; none where it was this one
        "ALTER TABLE records ADD COLUMN home TEXT NOT NULL DEFAULT ''",
    ),
)
"""What leads from each schema to the next; the first makes an empty journal."""
SCHEMA = len(STEPS)


@contextmanager
def opened(path: Path, write: bool, durable: bool) -> Iterator[sqlite3.Connection]:
    """A connection to a journal that is there; for writing, it is brought to today's schema.

    A reader leaves the file as it is, whichever earlier schema it has.

    Raises:
        StoreUnavailable: the file cannot be read as a journal, or not be written; says what mends it.

    Side effects: may migrate the file.
    """
    refuse_too_long(path)
    try:
        with closing(_connected(path, write)) as connection:
            connection.row_factory = sqlite3.Row
            connection.text_factory = _text
            if write:
                connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
            if schema_of(connection, path) < SCHEMA and write:
                _migrate(connection, path)
            with connection:
                yield connection
    except sqlite3.Error as error:
        raise error_of(path, error) from error


def refuse_too_long(path: Path) -> None:
    """Refuses a database that SQLite cannot open because its path is too long.

    Raises:
        StoreUnavailable: says how long it is.
    """
    length = len(os.fsencode(path.absolute()))
    if length > LONGEST_PATH:
        raise StoreUnavailable(
            f"the path {path.absolute()} has {length} bytes, more than SQLite opens",
            "move the home to a shorter path",
        )


def _connected(path: Path, write: bool) -> sqlite3.Connection:
    """Never makes a file: an empty one would read as a journal without records."""
    address = path.resolve().as_uri()
    connection = _connect(f"{address}?mode=rw")
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        connection.close()
        wal = path.with_name(path.name + "-wal")
        if write or may_write(path.parent) or not isinstance(error, sqlite3.OperationalError):
            raise
        # SQLite wants to write beside the file even to read it. Whoever had it open would have made these
        # files: where they are not there nobody is at work, and nothing changes.
        if wal.exists() and wal.stat().st_size:
            return _connect(f"{copy_for_reading(path).as_uri()}?mode=rw")
        return _connect(f"{address}?immutable=1")
    return connection


def _text(data: bytes) -> str:
    """A damaged text reads as one that no record or state has, which is noticed where it is read."""
    return data.decode("utf-8", errors="replace")


def _connect(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None)


def create(path: Path, durable: bool = True) -> None:
    """Makes an empty journal beside its place and puts it there whole, unless one has come meanwhile.

    Side effects: creates the file and its folder; moves away what an earlier journal left beside it.
    """
    refuse_too_long(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f"{path.name}.new-{os.getpid()}-{get_ident()}")
        aside.unlink(missing_ok=True)
        with closing(sqlite3.connect(aside, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'OFF'}")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("BEGIN")
            _take_steps(connection, 0)
            connection.execute("COMMIT")
        put_in_place(aside, path)
    except sqlite3.Error as error:
        raise error_of(path, error) from error


def put_in_place(aside: Path, path: Path) -> None:
    """Gives a finished journal its name, unless there is one.

    Side effects: renames; moves away the log that a journal left which was deleted without it: SQLite
    would write its pages into the new one.
    """
    for suffix in ("-wal", "-shm"):
        stray = path.with_name(path.name + suffix)
        if stray.exists() and not path.exists():
            move_away(stray, path.parent / "quarantine")
    try:
        with suppress(FileExistsError):
            os.link(aside, path)
    except OSError:  # a file system without links
        if not path.exists():
            aside.rename(path)
    aside.unlink(missing_ok=True)


def schema_of(connection: sqlite3.Connection, path: Path) -> int:
    """The schema of an open journal.

    Raises:
        StoreUnavailable: a newer version wrote it, or it is none.
    """
    named = "SELECT count(*) FROM sqlite_master WHERE name IN ('meta', 'records', 'work')"
    if connection.execute(named).fetchone()[0] < 3:
        how = "tables are missing" if path.stat().st_size else "it is empty"
        raise JournalDamaged(f"the journal {path} is damaged ({how})", MEND)
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    written = str(row[0]) if row is not None else ""
    if not written.isdecimal() or not int(written):
        raise JournalDamaged(f"the journal {path} is damaged (it does not say its schema)", MEND)
    if int(written) > SCHEMA:
        raise StoreUnavailable(
            f"the journal {path} has schema {written} and this version knows {SCHEMA}",
            "use the version that wrote it, or move it away: the next command rebuilds it from MLflow",
        )
    return int(written)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Brings a journal to today's schema, whole or not at all; whoever waits for it finds it done."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        _take_steps(connection, schema_of(connection, path))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _take_steps(connection: sqlite3.Connection, reached: int) -> None:
    for step in STEPS[reached:]:
        for statement in step:
            connection.execute(statement)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'schema'", (str(SCHEMA),))


def removed(path: Path) -> StoreUnavailable:
    """A journal that was there a moment ago."""
    return StoreUnavailable(
        f"the journal {path} was removed while this command was at work",
        "run the same command again: it is rebuilt from MLflow, and what is finished is kept",
    )


def kind_of_error(error: sqlite3.Error) -> int | None:
    """SQLite's primary result code; None for an error that Python itself raised."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def error_of(path: Path, error: sqlite3.Error) -> PhasegateError:
    """What an error of SQLite means for the person at the keyboard."""
    kind = kind_of_error(error)
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreUnavailable(
            f"the journal {path} is held by another process for longer than {PATIENCE:g} s",
            "end that process, or run the same command again when it has ended",
        )
    if kind == sqlite3.SQLITE_FULL:
        return disk_full(path)
    if kind in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return not_allowed(path if path.exists() else path.parent)
    if kind == sqlite3.SQLITE_IOERR:
        return StoreUnavailable(
            f"the journal {path} cannot be used: the disk refuses to read or write it (disk I/O error)",
            "see whether it is full or broken, then run the same command again",
        )
    return JournalDamaged(f"the journal {path} is damaged ({error})", MEND)
