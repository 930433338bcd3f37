"""Tables of any kind as rows of plain values, and what their columns mean to a program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planner.errors import UsageError
from planner.evidence.metric_names import own_names
from planner.language.program import Program
from planner.language.suggestions import closest, instead

Rows = Sequence[Mapping[str, Any]]

RUN_FIELDS = {
    "run_id": "id",
    "outcome": "outcome",
    "data_digest": "data_digest",
    "code_digest": "code_digest",
    "device": "device",
    "overlap": "overlap",
    "seconds": "seconds",
}
"""Column -> the field of a run that it holds."""
_KEYS = ("arm", "seed", "phase", "fidelity", "step", "params")
_FORM = "one row per run, with the columns arm, seed and one per metric"


def rows_of(table: object) -> Rows:
    """The rows of a DataFrame (pandas, polars, Arrow), of a mapping of columns, or of a list of mappings.

    Raises:
        UsageError: it is none of these, or it is empty.
    """
    rows = list(_rows(table))
    strange = next((row for row in rows if not isinstance(row, Mapping)), None)
    if strange is not None:
        raise UsageError(f"a row of the table is {type(strange).__name__}, not a mapping of column to value")
    if not rows:
        raise UsageError(f"the table is empty: give {_FORM}")
    return rows


def _rows(table: object) -> Iterable[Any]:
    for method in ("to_dicts", "to_pylist"):  # polars, Arrow
        if hasattr(table, method):
            return list(getattr(table, method)())
    if hasattr(table, "to_dict") and hasattr(table, "columns"):  # pandas
        return _of_pandas(table)
    if isinstance(table, Mapping):
        return _of_columns(table)
    if isinstance(table, Iterable) and not isinstance(table, str | bytes):
        return table
    raise UsageError(
        f"a table is a DataFrame or a list of mappings, not {type(table).__name__}: give {_FORM}"
    )


def _of_pandas(table: Any) -> Iterable[Any]:
    names = list(table.columns)
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise UsageError(f"the table has more than one column '{sorted(map(str, twice))[0]}': rename one")
    indexed = [name for name in table.index.names if name in ("arm", "seed") and name not in names]
    rows: Iterable[Any] = (table.reset_index(level=indexed) if indexed else table).to_dict("records")
    return rows


def _of_columns(columns: Mapping[Any, Any]) -> Iterable[Any]:
    lists = {name: list(values) for name, values in columns.items() if isinstance(values, Iterable)}
    if len(lists) < len(columns) or len({len(values) for values in lists.values()}) > 1:
        raise UsageError("a mapping is a table where every column is a list, and all are of one length")
    return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


@dataclass(frozen=True)
class Columns:
    """What the columns of a table mean to a program.

    Attributes:
        metrics: column -> metric; in the long form, what the column ``metric`` says -> metric.
        params: column -> parameter.
        fields: column -> field of a run.
        is_long: each row holds one value: ``metric`` says of what, ``value`` holds it.
    """

    metrics: Mapping[str, str]
    params: Mapping[str, str]
    fields: Mapping[str, str]
    is_long: bool


def read_columns(program: Program, rows: Rows) -> Columns:
    """What the columns of a table mean; those that mean nothing to the program are left alone.

    Raises:
        UsageError: ``arm`` or ``seed`` is missing, no column holds a metric, or one is misspelt.
    """
    names = list(dict.fromkeys(str(name) for row in rows for name in row))
    for wanted in ("arm", "seed"):
        if wanted not in names:
            raise UsageError(f"the table has no column '{wanted}'{_meant(wanted, names)}: give {_FORM}")
    is_long = {"metric", "value"} <= set(names) and "metric" not in program.metrics
    metrics = _metrics(program, _long_names(rows) if is_long else names)
    prefix = "params."
    return Columns(
        metrics=metrics,
        params={name: name.removeprefix(prefix) for name in names if name.startswith(prefix)},
        fields={name: RUN_FIELDS[name] for name in names if name in RUN_FIELDS and name not in metrics},
        is_long=is_long,
    )


def _meant(wanted: str, names: Sequence[str]) -> str:
    meant = closest(wanted, [name for name in names if name not in _KEYS])
    return f"; did you mean '{meant}'? rename it" if meant else ""


def _long_names(rows: Rows) -> list[str]:
    return list(dict.fromkeys(str(row["metric"]) for row in rows if "metric" in row))


def _metrics(program: Program, names: Sequence[str]) -> dict[str, str]:
    """Name -> the metric that it means; MLflow's ``metrics.NAME`` is taken too."""
    plain_names = {name: name.removeprefix("metrics.") for name in names}
    own = own_names(program)
    metrics = {
        name: own.get(metric, metric)
        for name, metric in plain_names.items()
        if metric in (*program.metrics, *own)
    }
    absent = set(program.metrics) - set(metrics.values())
    for name in plain_names:
        meant = closest(plain_names[name], absent)
        if name not in metrics and name not in (*_KEYS, *RUN_FIELDS) and meant is not None:
            raise UsageError(f"{program.program} has no metric '{name}'; did you mean '{meant}'? rename it")
    if not metrics:
        raise UsageError(
            f"the table holds no metric of {program.program}{instead('', program.metrics)}: give {_FORM}"
        )
    return metrics
