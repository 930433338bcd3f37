"""The journal: leases of work in progress, and the fast copy of what was judged and decided.

MLflow is the record; this file can be deleted and is rebuilt from it. It is what ``status``,
``explain``, ``graph`` and ``memo`` read, so importing it costs next to nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from planner.engine.ports import EndedRun
from planner.errors import RecordError
from planner.io.journal.database import create, opened, removed
from planner.io.journal.work import Work, repeats_in, work_of
from planner.records.base import canonical
from planner.records.journal_entry import KINDS, AnyEntry, Copy, JournalEntry, body_of, kind_of
from planner.records.person import AnyRecord
from planner.records.repeats import Repeat

_LATE = "imported_late:"
_INSERT = """
    INSERT INTO records (position, id, kind, program, phase, fidelity, at, body, mlflow_run, mirrored, home)
    VALUES (max(?, 1 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'records'), 0)),
    ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_REPEATS = "repeats:"


class Journal:
    """The SQLite journal of one home.

    Args:
        durable: what is written survives a power cut; without, writing is many times faster.

    Side effects: creates the file when first written to, and brings one of an earlier schema to today's;
        a missing file reads as empty, unless it was there before, and no other does.

    Raises:
        StoreUnavailable: from every method, where the file cannot be read as a journal, or not be written;
            the message says what mends it.
    """

    def __init__(self, path: Path, durable: bool = True) -> None:
        self.path = path
        self._durable = durable
        self._was_there = False

    @property
    def exists(self) -> bool:
        """Whether there is a journal yet."""
        there = self.path.exists()
        if self._was_there and not there:
            raise removed(self.path)
        self._was_there = there
        return there

    def make(self) -> None:
        """Makes an empty journal where there is none."""
        self._make()

    def _make(self) -> None:
        if not self.exists:
            create(self.path, self._durable)
            self._was_there = True

    def _open(self, write: bool = False) -> AbstractContextManager[sqlite3.Connection]:
        if write:
            self._make()
        return opened(self.path, write, self._durable)

    # --- records -------------------------------------------------------------------------------

    def add(
        self,
        record: AnyRecord,
        at: str,
        mlflow_run: str | None = None,
        mirrored: bool = False,
        least_position: int = 0,
        home: str = "",
    ) -> bool:
        """Writes a record down before anything else happens; False where it is the last word already.

        A verdict or decision that stood before and stands again is written again, so that the last
        one of its phase and fidelity is always the one that stands.

        Args:
            least_position: the position that another home gave it: whatever is written here from now on has a
                larger one, and so comes later for every home (L. Lamport, Time, Clocks, and the Ordering of
                Events in a Distributed System, 1978).
            home: mark of the other home that wrote it; empty where this one does.
        """
        kind, fidelity = kind_of(record), getattr(record, "fidelity", "")
        with self._open(write=True) as db:
            db.execute("BEGIN IMMEDIATE")
            last = db.execute(
                "SELECT id FROM records WHERE program = ? AND kind = ? AND phase = ? AND fidelity = ? "
                "ORDER BY position DESC LIMIT 1",
                (record.program, kind, record.phase, fidelity),
            ).fetchone()
            row = db.execute(
                "SELECT mlflow_run FROM records WHERE id = ? ORDER BY mirrored DESC", (record.id,)
            ).fetchone()
            new = last is None or last["id"] != record.id if kind in ("verdict", "decision") else row is None
            if new:
                run_id = mlflow_run or (row["mlflow_run"] if row else None)
                body = body_of(record)
                names = record.id, kind, record.program, record.phase, fidelity
                stored = least_position, *names, at, body, run_id, int(mirrored), home
                db.execute(_INSERT, stored)
            db.execute("COMMIT")
            return new

    def mark_mirrored(self, record_id: str, mlflow_run: str) -> None:
        """Notes that MLflow holds the record, in that run."""
        with self._open(write=True) as db:
            db.execute(
                "UPDATE records SET mirrored = 1, mlflow_run = ? WHERE id = ?", (mlflow_run, record_id)
            )

    def in_mlflow(self, program: str | None = None) -> int:
        """How many records and finished runs MLflow should hold; of all programs where none is named."""
        if not self.exists:
            return 0
        where, values = ("AND program = ?", (program,)) if program is not None else ("", ())
        with self._open() as db:
            queries = (
                f"SELECT count(*) FROM records WHERE mirrored {where}",
                f"SELECT count(*) FROM work WHERE state = 'finished' AND mlflow_run IS NOT NULL {where}",
            )
            return sum(int(db.execute(query, values).fetchone()[0]) for query in queries)

    def entries(self, program: str, kinds: Sequence[str] = tuple(KINDS)) -> list[AnyEntry]:
        """The records of a program in order of writing.

        Raises:
            RecordError: one of them was altered; its id is named.
        """
        return [
            self._entry(row) for row in self.copies(program) if row.kind in kinds or row.kind not in KINDS
        ]

    def _entry(self, row: Copy) -> AnyEntry:
        try:
            record = row.read()
        except ValueError:
            what = f"record {row.id} in the journal {self.path} was altered or is malformed"
            mend = "'phasegate doctor --repair' mends it from its copy in MLflow, or sets it aside"
            raise RecordError(row.id, what, mend) from None
        return JournalEntry(row.position, record, row.written_at, row.mlflow_run, row.mirrored, row.home)

    def copies(self, program: str) -> list[Copy]:
        """The records of a program as they lie there, altered or not, in order of writing."""
        if not self.exists:
            return []
        query = "SELECT * FROM records WHERE program = ? ORDER BY position"
        with self._open() as db:
            rows = db.execute(query, (program,)).fetchall()
        return [
            Copy(
                _text(r["id"]),
                _text(r["kind"]),
                r["body"],
                _text(r["at"]),
                r["position"],
                r["mlflow_run"],
                bool(r["mirrored"]),
                _text(dict(r).get("home", "")),  # an earlier schema had no such column
            )
            for r in rows
        ]

    # --- work ----------------------------------------------------------------------------------

    def plan_work(self, fingerprint: str, attempt: int, program: str, planned: Any, folder: str) -> None:
        """Notes the intent to make a run; done before a worker hears of it."""
        with self._open(write=True) as db:
            db.execute(
                "INSERT OR REPLACE INTO work "
                "(fingerprint, attempt, program, planned, folder, state, checked) "
                "VALUES (?, ?, ?, ?, ?, 'planned', 1)",
                (fingerprint, attempt, program, canonical(planned), folder),
            )

    def update_work(self, program: str, fingerprint: str, attempt: int, **fields: Any) -> None:
        """Moves a run of a program one step on (``state``), with what became known of it."""
        unknown = set(fields) - set(Work.__dataclass_fields__)
        if unknown:
            raise TypeError(f"no such column: {', '.join(sorted(unknown))}")
        names = ", ".join(f"{name} = ?" for name in fields)
        with self._open(write=True) as db:
            db.execute(
                f"UPDATE work SET {names} WHERE program = ? AND fingerprint = ? AND attempt = ?",
                (*fields.values(), program, fingerprint, attempt),
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
            query = f"SELECT * FROM work WHERE program = ?{where} ORDER BY rowid"
            rows = db.execute(query, (program,)).fetchall()
        return [self._work(dict(row)) for row in rows]

    def _work(self, row: dict[str, Any]) -> Work:
        try:
            return work_of(row)
        except ValueError:
            what = f"the row of run {row['fingerprint']} in the journal {self.path} is malformed"
            raise RecordError(str(row["fingerprint"]), what, "'phasegate doctor --repair' mends it") from None

    def note_finished(self, program: str, ended: Sequence[EndedRun]) -> None:
        """Fills in finished runs that MLflow holds and this journal does not, or no more."""
        with self._open(write=True) as db:
            db.executemany(
                "INSERT INTO work (fingerprint, attempt, program, planned, folder, state, "
                "mlflow_run, outcome, seconds, checked) VALUES (?, ?, ?, '{}', '', 'finished', ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET state = 'finished', mlflow_run = excluded.mlflow_run, "
                "outcome = excluded.outcome, seconds = excluded.seconds WHERE work.state = 'abandoned'",
                [(one.fingerprint, one.attempt, program, *one[2:]) for one in ended],
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
            if not _has_table(db, "described"):  # the first versions had none
                return {}
            rows = db.execute(f"SELECT key, body FROM described {where}", values).fetchall()
        return {str(row["key"]): str(row["body"]) for row in rows}

    def note_described(self, descriptions: dict[str, str]) -> None:
        """Keeps what an experiment said of configurations."""
        with self._open(write=True) as db:
            db.executemany(
                "INSERT OR REPLACE INTO described (key, body) VALUES (?, ?)", list(descriptions.items())
            )

    # --- modules -------------------------------------------------------------------------------

    def imported_late(self, experiment: str) -> list[str]:
        """Modules of the home that an experiment's runs were seen to import, unnamed in its source."""
        if not self.exists:
            return []
        with self._open() as db:
            row = db.execute("SELECT value FROM meta WHERE key = ?", (_LATE + experiment,)).fetchone()
        return _text(row["value"]).split() if row is not None else []

    def note_imported_late(self, experiment: str, modules: Sequence[str]) -> None:
        """Adds modules to them."""
        named = sorted({*self.imported_late(experiment), *modules})
        with self._open(write=True) as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_LATE + experiment, " ".join(named)))

    # --- repeats -------------------------------------------------------------------------------

    def repeats(self, program: str) -> tuple[Repeat, ...]:
        """What came of runs of a program that were made twice; none where that cannot be read."""
        if not self.exists:
            return ()
        with self._open() as db:
            row = db.execute("SELECT value FROM meta WHERE key = ?", (_REPEATS + program,)).fetchone()
        return repeats_in(_text(row["value"])) if row is not None else ()

    def note_repeats(self, program: str, repeats: Sequence[Repeat]) -> None:
        """Keeps these, instead of what was kept before."""
        kept = canonical([one.model_dump(mode="json") for one in repeats])
        with self._open(write=True) as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_REPEATS + program, kept))


def _has_table(db: sqlite3.Connection, name: str) -> bool:
    row = db.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)).fetchone()
    return row is not None


def _text(value: object) -> str:
    """A cell that should hold text: SQLite keeps whatever was put there."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
