"""Damage to what is stored: the journal, and runs and records in MLflow."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from planner.records.base import digest_of
from tests.promises.fuzz import hostile
from tests.promises.fuzz.mutate import damaged, damaged_bytes

TAGS = (
    *(
        "program",
        "phase",
        "arm",
        "seed",
        "fidelity",
        "kind",
        "outcome",
        "fingerprint",
        "record_id",
        "verdict",
    ),
    *("confidence", "tier", "case", "lineage", "code_digest", "data_digest", "device", "overlap", "attempt"),
    *("seconds", "at", "stood", "artifacts"),
)


@contextmanager
def store_of(home: Path, name: str) -> Iterator[sqlite3.Connection]:
    """A database of a home, open for damage."""
    with closing(sqlite3.connect(home / "mlruns" / name)) as db, db:
        db.execute("PRAGMA foreign_keys = OFF")
        yield db


def _column(chance: Random) -> Any:
    """A value as SQLite keeps it: text, whole number, number, bytes or nothing."""
    kind = chance.randrange(5)
    if kind == 0:
        return None
    if kind == 1:
        return chance.choice((0, 1, -1, 2**31, 2**63 - 1, -(2**63)))
    if kind == 2:
        return chance.choice([n for n in hostile.NUMBERS if isinstance(n, float)])
    if kind == 3:
        return chance.choice((b"\xff\xfe", b"", b"\x00" * 10))
    return text(chance)


def text(chance: Random) -> str:
    """A hostile text that SQLite can hold."""
    return hostile.text(chance).encode("utf-8", "replace").decode()


def forged(body: dict[str, Any], chance: Random) -> str:
    """A record's text, changed; half of them with a digest that fits, as a forger would write it."""
    changed = damaged(body, chance)
    if isinstance(changed, dict) and chance.random() < 0.7:
        content = {key: value for key, value in changed.items() if key != "id"}
        with suppress(ValueError, TypeError):
            changed["id"] = f"{str(body['id']).partition('-')[0]}-{digest_of(content)}"
    return json.dumps(changed)


# --- the journal ---------------------------------------------------------------------------------


def damage_journal(home: Path, chance: Random) -> str:
    """Flips bytes of the file, changes columns, or forges records."""
    path = home / "mlruns" / "journal.db"
    kind = chance.random()
    with store_of(home, "journal.db") as db:
        program = str(chance.choice(db.execute("SELECT DISTINCT program FROM records").fetchall())[0])
        if kind < 0.45:
            _forge(db, program, chance)
        elif kind < 0.8:
            _change_column(db, chance.choice(("records", "work", "described", "meta")), chance)
    if kind >= 0.8:
        path.write_bytes(damaged_bytes(path.read_bytes(), chance))
    return program


def _forge(db: sqlite3.Connection, program: str, chance: Random) -> None:
    rows = db.execute("SELECT position, id, body FROM records WHERE program = ?", (program,)).fetchall()
    position, _, body = chance.choice(rows)
    record = forged(json.loads(body), chance)
    name = None
    with suppress(ValueError, AttributeError, RecursionError):
        name = str(json.loads(record).get("id"))
    with suppress(sqlite3.Error, UnicodeEncodeError):
        db.execute("UPDATE records SET body = ?, id = ? WHERE position = ?", (record, name or "x", position))


def _change_column(db: sqlite3.Connection, table: str, chance: Random) -> None:
    columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
    rows = [row[0] for row in db.execute(f"SELECT rowid FROM {table}")]
    if not rows:
        return
    with suppress(sqlite3.Error, OverflowError):  # what the schema itself refuses
        db.execute(
            f"UPDATE {table} SET {chance.choice(columns)} = ? WHERE rowid = ?",
            (_column(chance), chance.choice(rows)),
        )


# --- runs and records in MLflow ------------------------------------------------------------------


def damage_runs(home: Path, chance: Random) -> str:
    """Adds runs that others might have logged, changes those that are there, or forges records."""
    with store_of(home, "mlflow.db") as db:
        runs = db.execute("SELECT run_uuid, value FROM tags WHERE key = 'planner.program'").fetchall()
        model, program = chance.choice(runs)
        for number in range(chance.choice((1, 1, 3, 10))):
            run = _copied(db, model, f"{chance.getrandbits(64):016x}{number:016x}", chance)
            for _ in range(chance.choice((1, 2, 5))):
                _change_run(db, run if chance.random() < 0.8 else model, chance)
    if chance.random() < 0.4:
        _forge_artifact(home, chance)
    if chance.random() < 0.3:
        for left in (home / "mlruns").glob("journal.db*"):
            left.unlink()
    return str(program)


def _copied(db: sqlite3.Connection, model: str, run: str, chance: Random) -> str:
    for table in ("runs", "tags", "params", "metrics", "latest_metrics"):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        selected = ", ".join("?" if c == "run_uuid" else c for c in columns)
        db.execute(f"INSERT INTO {table} SELECT {selected} FROM {table} WHERE run_uuid = ?", (run, model))
    if chance.random() < 0.7:  # as a stranger's script logs it
        ours = "('planner.fingerprint', 'planner.record_id', 'planner.outcome', 'planner.code_digest')"
        db.execute(f"DELETE FROM tags WHERE run_uuid = ? AND key IN {ours}", (run,))
    return run


def _change_run(db: sqlite3.Connection, run: str, chance: Random) -> None:
    kind = chance.randrange(6)
    with suppress(sqlite3.Error, OverflowError):
        if kind <= 1:
            _set(db, "tags", run, f"planner.{chance.choice(TAGS)}", text(chance)[:8000])
        elif kind == 2:
            keys = [row[0] for row in db.execute("SELECT key FROM params WHERE run_uuid = ?", (run,))]
            _set(
                db, "params", run, chance.choice([*keys, "seed", "device", text(chance)[:250]]), text(chance)
            )
        elif kind == 3:
            _set_metric(db, run, chance)
        elif kind == 4:
            column = chance.choice(("status", "start_time", "end_time", "name", "artifact_uri", "user_id"))
            value = (
                _column(chance) if column != "status" else chance.choice(("RUNNING", "FAILED", "SCHEDULED"))
            )
            db.execute(f"UPDATE runs SET {column} = ? WHERE run_uuid = ?", (value, run))
        else:
            _change_column(db, chance.choice(("datasets", "experiment_tags", "input_tags")), chance)


def _set(db: sqlite3.Connection, table: str, run: str, key: str, value: str) -> None:
    db.execute(f"DELETE FROM {table} WHERE run_uuid = ? AND key = ?", (run, key))
    db.execute(f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)", (key, value, run))


def _set_metric(db: sqlite3.Connection, run: str, chance: Random) -> None:
    keys = [row[0] for row in db.execute("SELECT key FROM latest_metrics WHERE run_uuid = ?", (run,))]
    key = chance.choice([*keys, text(chance)[:250]])
    value = chance.choice([float(n) for n in hostile.NUMBERS if isinstance(n, float) and n == n])
    step = chance.choice((0, 1, -1, 10**9, 2**63 - 1, -(2**63)))
    at = chance.choice((0, 1, -(10**15), 10**15, 2**63 - 1))
    nan = int(chance.random() < 0.3)
    if key in keys:
        where = "WHERE run_uuid = ? AND key = ?"
        db.execute(f"UPDATE latest_metrics SET value = ?, is_nan = ? {where}", (value, nan, run, key))
        db.execute(f"UPDATE metrics SET value = ?, is_nan = ? {where}", (value, nan, run, key))
        return
    db.execute("INSERT INTO metrics VALUES (?, ?, ?, ?, ?, ?)", (key, value, at, run, step, nan))
    db.execute("INSERT INTO latest_metrics VALUES (?, ?, ?, ?, ?, ?)", (key, value, at, step, nan, run))


def _forge_artifact(home: Path, chance: Random) -> None:
    """Changes a record, a memo or an explanation that lies with its MLflow run."""
    files = sorted((home / "mlruns" / "artifacts").rglob("*.json")) + sorted(
        (home / "mlruns" / "artifacts").rglob("*.md")
    )
    path = chance.choice(files)
    if path.name == "record.json" and chance.random() < 0.7:
        path.write_text(forged(json.loads(path.read_text()), chance))
    elif chance.random() < 0.7:
        path.write_bytes(damaged_bytes(path.read_bytes(), chance))
    else:
        path.write_text(chance.choice(("[" * 200_000, '{"id":' * 50_000, "9" * 5_000_000, "", "null")))
