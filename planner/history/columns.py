"""What the columns of a table hold: settings, what was measured, or where a run is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from planner.evidence.values import is_finite
from planner.history.seeds import is_seed_name

Row = Mapping[str, Any]
_OF_EVERY_EXPORT = frozenset(
    [
        *("run_id", "start_time", "end_time", "artifact_uri", "experiment_id", "lifecycle_stage"),
        *("_wandb", "_runtime", "_timestamp"),
    ]
)
_OF_WANDB = frozenset(
    [
        "name",
        "state",
        "notes",
        "user",
        "tags",
        "created",
        "runtime",
        "sweep",
        "hostname",
        "id",
        "updated",
        "agent",
        "commit",
        "description",
    ]
)
_OF_MLFLOW = frozenset(
    ["name", "status", "duration", "user", "source_type", "source_name", "version", "models", "dataset"]
)
"""Columns in which exports say what a run is called, when and where; elsewhere they may be settings."""
_SETTINGS = re.compile(
    r"(?:.*[._/])?(?:lr|learning_rate|weight_decay|wd|dropout|momentum|beta\d?|gamma|alpha|eps(?:ilon)?|tau"
    r"|lambda\w*|temperature|warmup\w*|l1|l2|c|reg\w*|noise|sigma|std|\w*_rate|\w*_ratio)"
)
_MEASURES = re.compile(
    r"(?:.*[ ._/-])?(?:\w*acc|\w*accuracy|\w*loss|\w*error|\w*f1|f1\w*|auc|\w*_auc|\w*score|\w*reward|return"
    r"|precision|recall|\w*rmse|\w*mse|\w*mae|r2|bleu|rouge\w*|ppl|perplexity|\w*time|\w*seconds|runtime)"
)
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
    """Whether a column is of measurements: its name says so, or it has long numbers that hardly repeat."""
    numbers = [number for row in rows if (number := as_number(row.get(name))) is not None]
    lower = name.lower()
    if len(numbers) < max(_LEAST_MEASURED, len(rows) / 2) or is_seed_name(name) or _SETTINGS.fullmatch(lower):
        return False
    if _MEASURES.fullmatch(lower):
        return len(set(numbers)) > 1
    long = sum(
        is_finite(number) and len(f"{number:.12g}".strip("-0.").replace(".", "")) > 3 for number in numbers
    )
    return long > len(numbers) / 2 and len(set(numbers)) > 0.7 * len(numbers)


def about_the_run(names: Sequence[str]) -> frozenset[str]:
    """The columns of an export that are no settings."""
    plain = {name: name.lower().replace(" ", "_") for name in names}
    held = set(plain.values())
    about = set(_OF_EVERY_EXPORT)
    if {"state", "created"} <= held or {"state", "runtime"} <= held or {"name", "state"} <= held:
        about |= _OF_WANDB
    if {"run_id", "start_time"} <= held:
        about |= _OF_MLFLOW
    return frozenset(name for name, lower in plain.items() if lower in about)


def is_blank_cell(value: Any) -> bool:
    blank = value is None or (isinstance(value, str) and not value.strip())
    return (
        blank
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, float) and value != value)
    )


def as_param(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def as_number(value: Any) -> float | None:
    """A value as a float, also as ``1,400`` or ``91.2%``; None where there is none, or it is no number."""
    if value is None or isinstance(value, str) and not value.strip():
        return None
    text = value.strip().removesuffix("%") if isinstance(value, str) else value
    if isinstance(text, str) and _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    try:
        return float(text)
    except (TypeError, ValueError, OverflowError):
        return None
