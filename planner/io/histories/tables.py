"""Tables in files: CSV, JSON lines, JSON and Parquet; exports of MLflow and W&B are such."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from planner.errors import OptionError, UsageError
from planner.history.logged_run import History
from planner.history.question import HistoryQuestion
from planner.history.table import history_of_rows

Rows = Iterable[Mapping[str, Any]]
_SURPLUS = "\0surplus"


def read_table(path: Path, question: HistoryQuestion, experiments: Sequence[str] = ()) -> History:
    """The runs in a table.

    Raises:
        UsageError: it is no such table, or has no column of the metric.
    """
    try:
        rows = list(_READERS[path.suffix.lower()](path))
    except (OSError, ValueError, TypeError, csv.Error, RecursionError) as error:
        raise UsageError(f"{path} cannot be read as {path.suffix.lstrip('.')}: {error}") from error
    if experiments:
        raise OptionError("experiment", f"{path} is a table and has no experiments; choose rows with --where")
    strange = next((row for row in rows if not isinstance(row, Mapping)), None)
    if strange is not None:
        raise UsageError(f"{path}: a run is a mapping of column to value, not {type(strange).__name__}")
    return history_of_rows(rows, str(path), question)


def _csv(path: Path, delimiter: str = ",") -> Rows:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=delimiter, restkey=_SURPLUS)
        names = list(reader.fieldnames or [])
        twice = {name for name in names if names.count(name) > 1}
        if twice:
            raise UsageError(f"{path} has more than one column '{sorted(twice)[0]}': rename one")
        rows = list(reader)
    surplus = next((number for number, row in enumerate(rows, 2) if _SURPLUS in row), None)
    if surplus is not None:
        raise UsageError(f"{path}: line {surplus} has more cells than the first line has names")
    return [{name: value for name, value in row.items() if name} for row in rows]


def _json_lines(path: Path) -> Rows:
    lines = path.read_text(encoding="utf-8-sig").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def _json(path: Path) -> Rows:
    """A list of runs, a mapping of columns, or of run to what it holds."""
    held = json.loads(path.read_text(encoding="utf-8-sig"))
    if isinstance(held, Mapping) and isinstance(held.get("data"), list) and "columns" in held:
        return [dict(zip(held["columns"], row, strict=False)) for row in held["data"]]
    if isinstance(held, Mapping) and isinstance(held.get("runs"), list):
        held = held["runs"]
    if isinstance(held, Mapping) and held and all(isinstance(value, list) for value in held.values()):
        return [dict(zip(held, row, strict=True)) for row in zip(*held.values(), strict=True)]
    if isinstance(held, Mapping):
        return [{"name": name, **row} for name, row in held.items() if isinstance(row, Mapping)]
    return held if isinstance(held, list) else []


def _parquet(path: Path) -> Rows:
    import pandas

    rows: list[dict[str, Any]] = pandas.read_parquet(path).to_dict("records")
    return rows


_READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": _csv,
    ".tsv": lambda path: _csv(path, "\t"),
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".parquet": _parquet,
}
SUFFIXES = frozenset(_READERS)
