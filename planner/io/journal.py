"""The journal: leases of work in progress, and the fast copy of what was judged and decided.

MLflow is the record; this file can be deleted and is rebuilt from it. It is what ``status``,
``explain``, ``graph`` and ``memo`` read, so importing it costs next to nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from planner.errors import StoreUnavailable
from planner.io.entries import KINDS, Copy, Entry, Work, from_body, kind_of
from planner.records import AnyRecord, canonical

SCHEMA = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, kind TEXT NOT NULL,
    program TEXT NOT NULL, phase TEXT NOT NULL, fidelity TEXT NOT NULL, at TEXT NOT NULL,
    body TEXT NOT NULL, mlflow_run TEXT, mirrored INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS records_id ON records (id);
CREATE TABLE IF NOT EXISTS work (
    fingerprint TEXT NOT NULL, attempt INTEGER NOT NULL, program TEXT NOT NULL, planned TEXT NOT NULL,
    folder TEXT NOT NULL, state TEXT NOT NULL, pid INTEGER, process_start REAL, host TEXT,
    heartbeat REAL, mlflow_run TEXT, outcome TEXT, seconds REAL NOT NULL DEFAULT 0,
    started_at REAL, PRIMARY KEY (fingerprint, attempt));
CREATE TABLE IF NOT EXISTS described (key TEXT PRIMARY KEY, body TEXT NOT NULL);
"""


class Journal:
    """The SQLite journal of one home.

    Args:
        durable: what is written survives a power cut; without, writing is many times faster.

    Side effects: creates the file and its tables when first written to; a missing file reads as empty.

    Raises:
        StoreUnavailable: the file cannot be read as a journal; the caller moves it away
            (it is rebuilt from MLflow).
    """

    def __init__(self, path: Path, durable: bool = True) -> None:
        self.path = path
        self._durable = durable

    @property
    def exists(self) -> bool:
        """Whether there is a journal yet."""
        return self.path.exists()

    def create(self) -> None:
        """Makes an empty journal where there is none."""
        with self._open(write=True):
            pass

    @contextmanager
    def _open(self, write: bool = False) -> Iterator[sqlite3.Connection]:
        if write:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                if write:
                    self._prepare(connection)
                self._refuse_newer(connection)
                with connection:
                    yield connection
        except sqlite3.Error as error:
            raise StoreUnavailable(
                f"the journal {self.path} cannot be used ({error}); "
                "move it away, and the next advance rebuilds it from MLflow"
            ) from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'OFF'}")
        if _has_table(connection, "described"):
            return
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(_TABLES)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('schema', ?)", (str(SCHEMA),))

    def _refuse_newer(self, connection: sqlite3.Connection) -> None:
        if not _has_table(connection, "meta"):
            return
        told = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
        if told is not None and str(told["value"]) != str(SCHEMA):
            raise StoreUnavailable(
                f"the journal {self.path} has schema {told['value']} and this version knows {SCHEMA}; "
                "use the version that wrote it, or move it away: the next advance rebuilds it from MLflow"
            )

    # --- records -------------------------------------------------------------------------------

    def add(self, record: AnyRecord, at: str, mlflow_run: str | None = None, mirrored: bool = False) -> bool:
        """Writes a record down before anything else happens; False where it is the last word already.

        A verdict or decision that stood before and stands again is written again, so that the last
        one of its phase and fidelity is always the one that stands.
        """
        kind, fidelity = kind_of(record), getattr(record, "fidelity", "")
        with self._open(write=True) as db:
            db.execute("BEGIN IMMEDIATE")
            last = db.execute(
                "SELECT id FROM records WHERE program = ? AND kind = ? AND phase = ? AND fidelity = ? "
                "ORDER BY position DESC LIMIT 1",
                (record.program, kind, record.phase, fidelity),
            ).fetchone()
            known = db.execute(
                "SELECT mlflow_run FROM records WHERE id = ? ORDER BY mirrored DESC", (record.id,)
            ).fetchone()
            new = (
                last is None or last["id"] != record.id if kind in ("verdict", "decision") else known is None
            )
            if new:
                place = mlflow_run or (known["mlflow_run"] if known else None)
                body = canonical(record.model_dump(mode="json"))
                db.execute(
                    "INSERT INTO records "
                    "(id, kind, program, phase, fidelity, at, body, mlflow_run, mirrored) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (record.id, kind, record.program, record.phase, fidelity, at, body, place, int(mirrored)),
                )
            db.execute("COMMIT")
            return new

    def mark_mirrored(self, record_id: str, mlflow_run: str) -> None:
        """Notes that MLflow holds the record, in that run."""
        with self._open(write=True) as db:
            db.execute(
                "UPDATE records SET mirrored = 1, mlflow_run = ? WHERE id = ?", (mlflow_run, record_id)
            )

    def entries(self, program: str, kinds: Sequence[str] = tuple(KINDS)) -> list[Entry]:
        """The records of a program in order of writing.

        Raises:
            StoreUnavailable: one of them was altered; its id is named.
        """
        found = [row for row in self.copies(program) if row.kind in kinds]
        try:
            return [
                Entry(c.position, from_body(c.kind, c.body or ""), c.at, c.mlflow_run, c.mirrored)
                for c in found
            ]
        except ValueError as error:
            raise StoreUnavailable(f"the journal {self.path} is damaged: {error}") from error

    def copies(self, program: str) -> list[Copy]:
        """The records of a program as they lie there, altered or not, in order of writing."""
        if not self.exists:
            return []
        query = "SELECT * FROM records WHERE program = ? ORDER BY position"
        with self._open() as db:
            rows = db.execute(query, (program,)).fetchall() if _has_table(db, "records") else []
        return [
            Copy(r["id"], r["kind"], r["body"], r["at"], r["position"], r["mlflow_run"], bool(r["mirrored"]))
            for r in rows
        ]

    # --- work ----------------------------------------------------------------------------------

    def plan_work(self, fingerprint: str, attempt: int, program: str, planned: Any, folder: str) -> None:
        """Notes the intent to make a run; done before a worker hears of it."""
        with self._open(write=True) as db:
            db.execute(
                "INSERT OR REPLACE INTO work (fingerprint, attempt, program, planned, folder, state) "
                "VALUES (?, ?, ?, ?, ?, 'planned')",
                (fingerprint, attempt, program, canonical(planned), folder),
            )

    def update_work(self, fingerprint: str, attempt: int, **fields: Any) -> None:
        """Moves a run one step on (``state``), with what became known of it."""
        unknown = set(fields) - set(Work.__dataclass_fields__)
        if unknown:
            raise TypeError(f"no such column: {', '.join(sorted(unknown))}")
        names = ", ".join(f"{name} = ?" for name in fields)
        with self._open(write=True) as db:
            db.execute(
                f"UPDATE work SET {names} WHERE fingerprint = ? AND attempt = ?",
                (*fields.values(), fingerprint, attempt),
            )

    def beat(self, program: str, now: float) -> None:
        """Notes that the planner of a program's runs in progress lives (seconds since the epoch)."""
        with self._open(write=True) as db:
            db.execute(
                "UPDATE work SET heartbeat = ? WHERE program = ? AND state IN ('leased', 'started')",
                (now, program),
            )

    def work(self, program: str, unfinished_only: bool = False) -> list[Work]:
        """The runs of a program that this journal knows of."""
        if not self.exists:
            return []
        where = " AND state != 'finished'" if unfinished_only else ""
        with self._open() as db:
            if not _has_table(db, "work"):
                return []
            query = f"SELECT * FROM work WHERE program = ?{where} ORDER BY rowid"
            rows = db.execute(query, (program,)).fetchall()
        return [Work(**{**dict(r), "planned": json.loads(r["planned"])}) for r in rows]

    def note_finished(self, program: str, rows: Sequence[tuple[str, int, str, str, float]]) -> None:
        """Fills in finished runs that MLflow holds and this journal does not.

        Args:
            rows: (fingerprint, attempt, MLflow run id, outcome, seconds).
        """
        with self._open(write=True) as db:
            db.executemany(
                "INSERT OR IGNORE INTO work (fingerprint, attempt, program, planned, folder, state, "
                "mlflow_run, outcome, seconds) VALUES (?, ?, ?, '{}', '', 'finished', ?, ?, ?)",
                [(f, attempt, program, run, outcome, seconds) for f, attempt, run, outcome, seconds in rows],
            )

    # --- descriptions --------------------------------------------------------------------------

    def described(self, key: str) -> str | None:
        """What an experiment said of a configuration, if it was asked before."""
        return self._described("WHERE key = ?", key).get(key)

    def all_described(self) -> dict[str, str]:
        """Everything that experiments said of configurations, by key."""
        return self._described("")

    def _described(self, where: str, *values: str) -> dict[str, str]:
        if not self.exists:
            return {}
        with self._open() as db:
            if not _has_table(db, "described"):
                return {}
            rows = db.execute(f"SELECT key, body FROM described {where}", values).fetchall()
        return {str(row["key"]): str(row["body"]) for row in rows}

    def note_described(self, found: dict[str, str]) -> None:
        """Keeps what an experiment said of configurations."""
        with self._open(write=True) as db:
            db.executemany("INSERT OR REPLACE INTO described VALUES (?, ?)", list(found.items()))


def _has_table(db: sqlite3.Connection, name: str) -> bool:
    found = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)).fetchone()
    return found is not None
