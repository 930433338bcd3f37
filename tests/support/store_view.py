"""What a home's MLflow store holds, read from its tables without MLflow."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Seen:
    """One MLflow run."""

    id: str
    status: str
    tags: dict[str, str]

    def __getattr__(self, name: str) -> str:
        return self.tags.get(f"planner.{name}", "")

    @property
    def attempt(self) -> int:
        return int(self.tags["planner.attempt"])

    @property
    def note(self) -> str:
        return self.tags.get("mlflow.note.content", "")


def mlflow_runs_of(home: Path, kind: str | None = None) -> list[Seen]:
    """Every MLflow run of a home in order of start; those of one ``planner.kind`` if it is named."""
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as db:
        rows = db.execute("SELECT run_uuid, status FROM runs ORDER BY start_time, rowid").fetchall()
        tags: dict[str, dict[str, str]] = {run: {} for run, _ in rows}
        for run, key, value in db.execute("SELECT run_uuid, key, value FROM tags"):
            tags[run][key] = value
    seen = [Seen(run, status, tags[run]) for run, status in rows]
    return [run for run in seen if kind in (None, run.kind)]
