"""Damage to what a dead worker left: its result, its metrics, its artifacts."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

from tests.promises.fuzz.mutate import damaged, damaged_bytes
from tests.promises.fuzz.stores import store_of, text


def leave_work(home: Path, chance: Random) -> str:
    """Makes a finished run unfinished again, its result in its folder, and damages that."""
    with store_of(home, "journal.db") as db:
        rows = db.execute("SELECT fingerprint, attempt, folder, mlflow_run, program FROM work").fetchall()
        fingerprint, attempt, folder, run, program = chance.choice(rows)
        db.execute(
            "UPDATE work SET state = ?, pid = 99999999, outcome = NULL WHERE fingerprint = ? AND attempt = ?",
            (chance.choice(("started", "started", "leased", "planned")), fingerprint, attempt),
        )
    with store_of(home, "mlflow.db") as db:
        points = db.execute("SELECT key, step, value FROM metrics WHERE run_uuid = ?", (run,)).fetchall()
        for table in ("metrics", "latest_metrics"):
            db.execute(f"DELETE FROM {table} WHERE run_uuid = ?", (run,))
        db.execute("UPDATE runs SET status = 'RUNNING', end_time = NULL WHERE run_uuid = ?", (run,))
        gone = "('planner.outcome', 'planner.seconds', 'planner.artifacts')"
        db.execute(f"DELETE FROM tags WHERE run_uuid = ? AND key IN {gone}", (run,))
    _leave_folder(Path(folder), [list(point) for point in points], chance)
    return str(program)


def _leave_folder(folder: Path, points: list[list[Any]], chance: Random) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "artifacts").mkdir(parents=True)
    (folder / "artifacts" / "note.txt").write_text("measured")
    result: Any = {"outcome": "ok", "reason": "", "seconds": 0.5, "not_finite": [], "device": "cpu"}
    kind = chance.randrange(4)
    if kind == 0:
        result = damaged(result, chance)
    elif kind == 1:
        points = damaged(points, chance)
    written = json.dumps(result).encode()
    lines = points if isinstance(points, list) else [points]
    metrics = b"".join(json.dumps(point).encode() + b"\n" for point in lines)
    if kind == 2:
        written, metrics = damaged_bytes(written, chance), damaged_bytes(metrics, chance)
    elif kind == 3:
        _leave_artifact(folder / "artifacts", chance)
    (folder / "result.json").write_bytes(written)
    (folder / "metrics.jsonl").write_bytes(metrics)


def _leave_artifact(folder: Path, chance: Random) -> None:
    kind = chance.randrange(6)
    name = text(chance).replace("/", "_").replace("\x00", "")[:80] or "x"
    with suppress(OSError):
        if kind == 0:
            (folder / "link").symlink_to("/etc/passwd")
        elif kind == 1:
            (folder / "loop").symlink_to(folder)
        elif kind == 2:
            os.mkfifo(folder / "pipe")
        elif kind == 3:
            (folder / os.fsdecode(b"\xff\xfe.txt")).write_text("x")
        elif kind == 4:
            (folder / name).write_text("x")
        else:
            deep = folder.joinpath(*["d"] * 100)
            deep.mkdir(parents=True)
            (deep / "x").write_text("x")
