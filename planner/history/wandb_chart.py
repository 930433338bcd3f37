"""The CSV that W&B gives of a chart: a row for each step, a column for each run."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from planner.history.columns import is_blank_cell

_STEPS = ("Step", "step", "_step", "epoch", "Relative Time (Process)", "Relative Time (Wall)", "Wall Time")
_SEED_IN_NAME = re.compile(
    r"(?P<rest>.*?)[-_ /.]*(?<![a-z])seed[-_= ]?(?P<seed>\d+)[-_ /.]*(?P<after>.*)", re.IGNORECASE
)


def chart_rows(rows: Sequence[Mapping[str, Any]], metric: str) -> list[dict[str, Any]]:
    """A row for each run and step; none where the table is no chart of the metric.

    A run is known by its name alone: a seed in it (``adam_seed_42``) is one, the rest is the setting ``run``.
    """
    ending = f" - {metric}"
    names = list(dict.fromkeys(name for row in rows for name in row))
    runs = {name: name.removesuffix(ending) for name in names if name.endswith(ending)}
    step = next((name for name in _STEPS if name in names), None)
    if not runs or step is None:
        return []
    return [
        {**_named(run), "step": row.get(step), metric: row[column]}
        for column, run in runs.items()
        for row in rows
        if not is_blank_cell(row.get(column))
    ]


def _named(run: str) -> dict[str, Any]:
    match = _SEED_IN_NAME.fullmatch(run)
    if match is None:
        return {"run": run}
    return {"run": f"{match['rest']}{match['after']}" or "all", "seed": match["seed"]}
