"""What the columns of a table hold: settings, what was measured, or where a run is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from planner.evidence.values import is_finite
from planner.history.seeds import is_seed_name

Row = Mapping[str, Any]
_ABOUT_THE_RUN = frozenset(
    [
        "name",
        "state",
        "status",
        "notes",
        "user",
        "tags",
        "created",
        "runtime",
        "sweep",
        "hostname",
        "id",
        "run_id",
        "start_time",
        "end_time",
        "duration",
        "source_type",
        "source_name",
        "version",
        "artifact_uri",
        "experiment_id",
        "updated",
        "agent",
        "commit",
        "description",
        "_runtime",
        "_timestamp",
        "_step",
        "step",
        "_wandb",
        "lifecycle_stage",
        "outcome",
    ]
)
"""Columns in which exports of MLflow and W&B say what a run is called and where it is."""
_LEAST_MEASURED = 4
"""So many rows at least, before a column is taken for something measured."""


def flat(row: Row, before: str = "") -> Iterator[tuple[str, Any]]:
    """Nested mappings as names with dots; W&B's ``config`` and ``summary`` give their names alone."""
    for name, value in row.items():
        if isinstance(value, Mapping):
            if set(value) <= {"value", "desc"} and "value" in value:
                yield f"{before}{name}", value["value"]
            else:
                is_part = not before and name in ("config", "summary", "params", "metrics")
                prefix = (
                    {"params": "params.", "metrics": "metrics."}.get(name, "")
                    if is_part
                    else f"{before}{name}."
                )
                yield from flat(value, prefix)
        else:
            yield f"{before}{name}", value


def plain_name(name: str) -> str:
    return re.sub(r"^(?:metrics|params)\.", "", name)


def metric_column(names: Sequence[str], metric: str) -> str | None:
    return next((name for name in (metric, f"metrics.{metric}") if name in names), None)


def measured_columns(rows: Sequence[Row], names: Sequence[str], column: str) -> list[str]:
    """Columns that hold what runs measured besides the metric: no setting is another number in each run."""
    prefixed = [name for name in names if name.startswith("metrics.")]
    if prefixed:
        return [name for name in prefixed if name != column]
    return [name for name in names if name != column and _is_measured(name, rows)]


def _is_measured(name: str, rows: Sequence[Row]) -> bool:
    numbers = [number for row in rows if (number := as_number(row.get(name))) is not None]
    if len(numbers) < max(_LEAST_MEASURED, len(rows) / 2) or is_seed_name(name):
        return False
    fractions = sum(is_finite(number) and not float(number).is_integer() for number in numbers)
    return fractions > len(numbers) / 2 and len(set(numbers)) > 0.7 * len(numbers)


def is_param(name: str) -> bool:
    plain = name.lower().replace(" ", "_")
    return plain not in _ABOUT_THE_RUN and not name.startswith(("tags.", "metrics."))


def is_blank_cell(value: Any) -> bool:
    blank = value is None or (isinstance(value, str) and not value.strip())
    return (
        blank
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and value != value)
    )


def as_param(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def as_number(value: Any) -> float | None:
    """A value as a float; None where there is none, or it is no number."""
    if value is None or isinstance(value, str) and not value.strip():
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None
