"""What a journal holds: records with the moment at which they were written, and runs in progress."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from planner.records.repeats import Repeat
from planner.records.runs import MEASURED

REPEATS = "repeats"
"""In what is planned: the run that is made a second time."""
WORK_STATES = frozenset({"planned", "leased", "started", "finished", "abandoned"})


@dataclass(frozen=True)
class Work:
    """A run in progress, or finished: what is known of it outside MLflow."""

    fingerprint: str
    attempt: int
    program: str
    planned: dict[str, Any]
    folder: str
    state: str
    pid: int | None
    process_start: float | None
    host: str | None
    heartbeat: float | None
    mlflow_run: str | None
    outcome: str | None
    seconds: float
    started_at: float | None
    checked: bool = False

    @property
    def repeats(self) -> str | None:
        """The run that this one makes a second time; it is nobody's evidence and never ``finished``."""
        first = self.planned.get(REPEATS)
        return first if isinstance(first, str) else None


def repeats_in(text: str) -> tuple[Repeat, ...]:
    """What came of runs that were made twice, as a journal keeps it; none where it is damaged."""
    try:
        return tuple(Repeat.model_validate(one) for one in json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return ()


def measured_in(work: Iterable[Work]) -> dict[str, bool]:
    """MLflow id of each run that came to its end -> whether its code and data were looked at after it."""
    ended = [one for one in work if one.state == "finished" and one.outcome in MEASURED]
    return {one.mlflow_run: one.checked for one in ended if one.mlflow_run is not None}


def spent_in(work: Iterable[Work]) -> tuple[int, float]:
    """Runs and seconds of a budget that finished ones took, counted as by ``run_selection.spent_by``."""
    finished = [one for one in work if one.state == "finished"]
    tries = [one for one in finished if one.attempt > 0 and one.outcome != "environment"]
    return len(tries), sum(one.seconds for one in finished)


_TEXTS = ("fingerprint", "program", "folder", "state")
_MAYBE_TEXTS = ("host", "mlflow_run", "outcome")
_MAYBE_NUMBERS = ("pid", "process_start", "heartbeat", "started_at")


def work_of(row: Mapping[str, Any]) -> Work:
    """A run from its row.

    Raises:
        ValueError: a cell holds what its column is not for: SQLite keeps whatever is put there.
    """
    fits = (
        all(isinstance(row[name], str) for name in _TEXTS)
        and all(isinstance(row[name], str | None) for name in _MAYBE_TEXTS)
        and all(row[name] is None or _is_number(row[name]) for name in _MAYBE_NUMBERS)
        and isinstance(row["attempt"], int)
        and _is_number(row["seconds"])
        and row["state"] in WORK_STATES
    )
    planned = json.loads(row["planned"]) if fits and isinstance(row["planned"], str) else None
    if not isinstance(planned, dict):
        raise ValueError(f"the row of run {row['fingerprint']} is malformed")
    cells: dict[str, Any] = {name: row[name] for name in Work.__dataclass_fields__ if name in row}
    return Work(**{**cells, "planned": planned, "checked": row.get("checked") == 1})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
