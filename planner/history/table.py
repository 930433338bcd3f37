"""The runs of a table: one row for each run, for each of its steps, or for each value."""

from __future__ import annotations

import calendar
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from planner.errors import NoSuchMetric, UsageError
from planner.evidence.values import is_finite
from planner.history.arms import ALL_BUT_SEED
from planner.history.columns import (
    Row,
    about_the_run,
    as_number,
    as_param,
    flat,
    is_blank_cell,
    measured_columns,
    metric_column,
    plain_name,
)
from planner.history.logged_run import History, LoggedRun, Status
from planner.history.question import HistoryQuestion
from planner.history.seeds import is_seed_name
from planner.history.wandb_chart import chart_rows
from planner.language.suggestions import instead

_STATUS: dict[str, Status] = {
    **dict.fromkeys(("finished", "ok", "success", "succeeded", "complete", "completed", "done"), "finished"),
    **dict.fromkeys(("running", "pending", "scheduled", "unfinished", "queued"), "running"),
    **dict.fromkeys(
        ("failed", "fail", "crashed", "error", "code_error", "timeout", "oom", "aborted"), "failed"
    ),
    **dict.fromkeys(
        ("killed", "pruned", "preempted", "preempting", "stopped", "canceled", "cancelled"), "killed"
    ),
}
_STATUS_COLUMNS = ("status", "state", "outcome")
_STEP_COLUMNS = ("step", "_step", "global_step", "iteration", "epoch")
_NAMES_OF_RUNS = ("run", "run_id", "run_name", "name", "id", "trial", "_run")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)")


@dataclass(frozen=True)
class _Layout:
    """What the columns of a table are.

    Attributes:
        column: of the metric.
        steps: those that say at which step a value was taken; the first is asked for.
        aside: columns that are no settings.
        keys: those that tell runs apart, where a run has several rows.
        status: the column that says how a run ended.
    """

    column: str
    steps: tuple[str, ...]
    aside: frozenset[str]
    keys: tuple[str, ...]
    status: str | None


Numbered = tuple[int, Row]
"""A row with its number, from 1."""


def history_of_rows(rows: Iterable[Row], store: str, question: HistoryQuestion) -> History:
    """The history in a table.

    Args:
        rows: column -> value; a value that is a mapping (``config``, ``summary``) is taken apart.

    Raises:
        UsageError: it is empty, has no column of the metric, or no steps where one is asked for.
    """
    cells: list[Numbered] = list(enumerate((dict(flat(row)) for row in rows), 1))
    if not cells:
        raise UsageError(f"{store} holds no runs")
    of_chart = chart_rows([row for _, row in cells], question.metric)
    cells = list(enumerate(of_chart, 1)) or cells
    names = list(dict.fromkeys(name for _, row in cells for name in row))
    metrics = [plain_name(name) for name in names]
    is_long = {"metric", "value"} <= set(names) and any(r.get("metric") == question.metric for _, r in cells)
    if is_long:
        metrics = list(dict.fromkeys(str(row.get("metric")) for _, row in cells))
        cells = _of_one_metric(cells, question.metric)
        names = [name for name in names if name not in ("metric", "value")]
    column = question.metric if is_long else metric_column(names, question.metric)
    if column is None:
        raise NoSuchMetric(f"{store} has no column '{question.metric}'{instead(question.metric, names)}")
    measured = [] if is_long else _measured([row for _, row in cells], names, column, question)
    layout = _layout(cells, names, column, measured, question)
    if question.at not in ("last", "best") and not layout.steps:
        raise NoSuchMetric(f"{store} has no column of steps, so that there is no value at step {question.at}")
    runs = _with_parents([_run(numbered, layout, question) for numbered in _rows_of_runs(cells, layout)])
    about = about_the_run(names)
    shown = [name for name in measured if not name.startswith("metrics.") and name not in about]
    remarks = [f"columns taken for measurements, not for settings: {', '.join(shown)}"] if shown else []
    return History(store, runs, metrics, remarks)


def _of_one_metric(cells: Sequence[Numbered], metric: str) -> list[Numbered]:
    """The rows of one metric, each numbered by the first row of its run, whatever metric stands there."""
    numbers: dict[Any, int] = {}
    repeated: Counter[Any] = Counter()
    kept: list[Numbered] = []
    for number, row in cells:
        run = tuple((name, str(cell)) for name, cell in row.items() if name not in ("metric", "value"))
        repeated[row.get("metric"), run] += 1
        first = numbers.setdefault((run, repeated[row.get("metric"), run]), number)
        if row.get("metric") == metric:
            kept.append((first, {**row, metric: row["value"]}))
    return kept


def _measured(rows: Sequence[Row], names: Sequence[str], column: str, question: HistoryQuestion) -> list[str]:
    stated = [name for name in names if plain_name(name) in question.measured and name != column]
    return list(dict.fromkeys([*stated, *measured_columns(rows, names, column)]))


def _layout(
    cells: Sequence[Numbered],
    names: Sequence[str],
    column: str,
    measured: Sequence[str],
    question: HistoryQuestion,
) -> _Layout:
    lower = {name.lower().replace(" ", "_"): name for name in names if name != column}
    steps = tuple(lower[name] for name in _STEP_COLUMNS if name in lower)
    status = next((lower[n] for n in _STATUS_COLUMNS if n in lower and _says_status(cells, lower[n])), None)
    aside = {*measured, *steps, *about_the_run(names), *([status] if status else [])}
    runs = [lower[name] for name in _NAMES_OF_RUNS if name in lower]
    asked_by = [] if list(question.arms_by) == [ALL_BUT_SEED] else list(question.arms_by)
    keys = [n for n in names if n in runs or is_seed_name(n) or n in asked_by] if runs and asked_by else []
    every = [name for name in names if name not in {column, *measured, *steps}]
    return _Layout(column, steps, frozenset(aside), tuple(keys or every), status)


def _says_status(cells: Sequence[Numbered], name: str) -> bool:
    return any(str(row.get(name)).strip().lower() in _STATUS for _, row in cells)


def _rows_of_runs(cells: Sequence[Numbered], layout: _Layout) -> list[list[Numbered]]:
    """The rows of each run; a second row at the same step is another run's."""
    if not layout.steps:
        return [[one] for one in cells]
    groups: dict[tuple[Any, ...], list[Numbered]] = {}
    seen: dict[tuple[Any, ...], int] = {}
    for number, row in cells:
        key = tuple(str(row.get(name)) for name in layout.keys)
        at = (*key, *(str(row.get(step)) for step in layout.steps))
        seen[at] = seen.get(at, 0) + 1
        groups.setdefault((*key, seen[at]), []).append((number, row))
    return list(groups.values())


def _run(rows: Sequence[Numbered], layout: _Layout, question: HistoryQuestion) -> LoggedRun:
    row = _at(rows, layout, question)
    params = {
        name.removeprefix("params."): as_param(value)
        for name, value in row.items()
        if name != layout.column
        and name not in layout.aside
        and not name.startswith(("tags.", "metrics."))
        and name not in ("metric", "value")
        and not is_blank_cell(value)
    }
    at = as_number(row.get(layout.steps[0])) if layout.steps else None
    tags = {n.removeprefix("tags."): as_param(v) for n, v in row.items() if n.startswith("tags.") and v}
    aside = [name for name in layout.aside if not name.startswith("metrics.")]
    about = {name: as_param(row[name]) for name in aside if not is_blank_cell(row.get(name))}
    return LoggedRun(
        id=str(rows[0][0]),
        status=_status(row, layout),
        params=params,
        value=as_number(row.get(layout.column)),
        step=int(at) if at is not None and is_finite(at) else None,
        began=_time(row, "start_time"),
        ended=_time(row, "end_time"),
        tags={**about, **tags},
        name=tags.get("mlflow.runName", about.get("Name", about.get("name", ""))),
        parent=tags.get("mlflow.parentRunId"),
        position=rows[0][0],
    )


def _with_parents(runs: Sequence[LoggedRun]) -> list[LoggedRun]:
    """The runs, each naming its parent by its row."""
    rows = {run.tags.get("run_id", ""): run.id for run in runs}
    return [replace(run, parent=rows.get(run.parent)) if run.parent else run for run in runs]


def _status(row: Row, layout: _Layout) -> Status:
    """How a run ended; a word that is none of those that are usual is no good sign."""
    if layout.status is None or is_blank_cell(row.get(layout.status)):
        return "finished"
    word = str(row[layout.status]).strip().lower()
    return _STATUS.get(word) or _STATUS.get(re.split(r"[^a-z]", word)[0], "failed")


def _time(row: Row, name: str) -> float | None:
    """Seconds since 1970, of a time or of milliseconds; of one that names a zone, as if it were UTC."""
    value = next((row[held] for held in row if held.lower().replace(" ", "_") == name), None)
    stamp = getattr(value, "timestamp", None)  # of a time in a DataFrame
    if callable(stamp):
        return float(stamp())
    match = _DATE.match(value.strip()) if isinstance(value, str) else None
    if match is not None:
        return float(calendar.timegm(tuple(map(int, match.groups()))))
    number = as_number(value)
    return number / 1000 if number is not None and is_finite(number) else None


def _at(rows: Sequence[Numbered], layout: _Layout, question: HistoryQuestion) -> Row:
    """The row of one run that holds the value asked for."""
    column = layout.column
    with_value = [row for _, row in rows if as_number(row.get(column)) is not None] or [rows[-1][1]]
    if not layout.steps:
        return with_value[-1]
    step = layout.steps[0]
    if question.at == "best":
        sign = 1 if question.direction == "higher" else -1
        return max(with_value, key=lambda row: _sortable(as_number(row.get(column)), sign))
    if question.at != "last":
        at = [row for row in with_value if as_number(row.get(step)) == float(question.at)]
        return at[-1] if at else {**rows[0][1], column: None}
    return max(with_value, key=lambda row: _sortable(as_number(row.get(step)), 1))


def _sortable(value: float | None, sign: int) -> float:
    return -math.inf if value is None or math.isnan(value) else sign * value
