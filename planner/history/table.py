"""The runs of a table: one row for each run, or one for each value."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from planner.errors import UsageError
from planner.evidence.values import is_finite
from planner.history.columns import (
    Row,
    as_number,
    as_param,
    flat,
    is_blank_cell,
    is_param,
    measured_columns,
    metric_column,
    plain_name,
)
from planner.history.logged_run import History, LoggedRun, Status
from planner.history.question import HistoryQuestion
from planner.language.suggestions import instead

_STATUS: dict[str, Status] = {
    **dict.fromkeys(("finished", "ok", "success", "succeeded", "complete", "completed", "done"), "finished"),
    **dict.fromkeys(("running", "pending", "scheduled", "unfinished"), "running"),
    **dict.fromkeys(("failed", "crashed", "error", "code_error"), "failed"),
    **dict.fromkeys(("killed", "preempted", "preempting", "stopped", "canceled", "cancelled"), "killed"),
}
_STATUS_COLUMNS = ("status", "state", "outcome")
_STEP_COLUMNS = ("step", "_step", "epoch", "iteration", "global_step")


def history_of_rows(rows: Iterable[Row], store: str, question: HistoryQuestion) -> History:
    """The history in a table.

    Args:
        rows: column -> value; a value that is a mapping (``config``, ``summary``) is taken apart.

    Raises:
        UsageError: it is empty, or has no column of the metric.
    """
    cells = [dict(flat(row)) for row in rows]
    if not cells:
        raise UsageError(f"{store} holds no runs")
    names = list(dict.fromkeys(name for row in cells for name in row))
    if {"metric", "value"} <= set(names) and any(row.get("metric") == question.metric for row in cells):
        return _long(cells, names, store, question)
    column = metric_column(names, question.metric)
    if column is None:
        raise UsageError(f"{store} has no column '{question.metric}'{instead(question.metric, names)}")
    step = next((name for name in names if name.lower() in _STEP_COLUMNS and name != column), None)
    others = measured_columns(cells, names, column)
    runs = _with_steps(cells, names, column, step, others, question) if step else None
    if runs is None:
        runs = [_run(number, row, column, None, others) for number, row in enumerate(cells, 1)]
    metrics = [plain_name(name) for name in names if name in others or name == column]
    remarks = [f"columns taken for measurements, not for settings: {', '.join(others)}"] if others else []
    return History(store, runs, metrics, remarks)


def _long(rows: Sequence[Row], names: Sequence[str], store: str, question: HistoryQuestion) -> History:
    """Rows that say in ``metric`` what their ``value`` is of; all else tells runs apart."""
    step = next((name for name in names if name.lower() in _STEP_COLUMNS), None)
    keys = [name for name in names if name not in ("metric", "value", step)]
    numbered = [
        (number, {**row, question.metric: row.get("value")})
        for number, row in enumerate(rows, 1)
        if row.get("metric") == question.metric
    ]
    runs = _gathered(numbered, keys, question.metric, step, frozenset({"metric", "value"}), question)
    metrics = list(dict.fromkeys(str(row.get("metric")) for row in rows))
    return History(store, runs, metrics)


def _with_steps(
    rows: Sequence[Row],
    names: Sequence[str],
    column: str,
    step: str,
    others: Sequence[str],
    question: HistoryQuestion,
) -> list[LoggedRun] | None:
    """Runs of a table that holds several steps of each; None where every row is a run of its own."""
    keys = [name for name in names if name not in (column, step, *others)]
    numbered = list(enumerate(rows, 1))
    if len({tuple(str(row.get(key)) for key in keys) for row in rows}) == len(rows):
        return None
    return _gathered(numbered, keys, column, step, frozenset(others), question)


def _gathered(
    numbered: Sequence[tuple[int, Row]],
    keys: Sequence[str],
    column: str,
    step: str | None,
    others: frozenset[str],
    question: HistoryQuestion,
) -> list[LoggedRun]:
    """One run for each set of rows that are equal in these columns, at the step that is asked for."""
    groups: dict[tuple[str, ...], list[tuple[int, Row]]] = {}
    for number, row in numbered:
        groups.setdefault(tuple(str(row.get(key)) for key in keys), []).append((number, row))
    runs = []
    for rows in groups.values():
        number, row = _at(rows, column, step, question)
        runs.append(_run(rows[0][0] if step else number, row, column, step, others))
    return runs


def _at(
    rows: Sequence[tuple[int, Row]], column: str, step: str | None, question: HistoryQuestion
) -> tuple[int, Row]:
    """The row of one run that holds the value asked for; without a step, the last one."""
    with_value = [one for one in rows if as_number(one[1].get(column)) is not None] or list(rows)
    if step is None:
        return with_value[-1]
    if question.at == "best":
        sign = 1 if question.direction == "higher" else -1
        return max(with_value, key=lambda one: sign * _sortable(as_number(one[1].get(column)), sign))
    if question.at != "last":
        at = [one for one in with_value if as_number(one[1].get(step)) == float(question.at)]
        return at[-1] if at else (rows[0][0], {**rows[0][1], column: None})
    return max(with_value, key=lambda one: _sortable(as_number(one[1].get(step)), 1))


def _sortable(value: float | None, sign: int) -> float:
    return -sign * math.inf if value is None or math.isnan(value) else value


def _run(number: int, row: Row, column: str, step: str | None, others: Iterable[str]) -> LoggedRun:
    lower = {name.lower().replace(" ", "_"): name for name in row}
    state = next((str(row[lower[n]]).lower() for n in _STATUS_COLUMNS if n in lower and row[lower[n]]), "")
    aside = {column, step, *others}
    params = {
        name.removeprefix("params."): as_param(value)
        for name, value in row.items()
        if name not in aside and is_param(name) and not is_blank_cell(value)
    }
    at = as_number(row.get(step)) if step else None
    return LoggedRun(
        id=str(number),
        status=_STATUS.get(state, "finished"),
        params=params,
        value=as_number(row.get(column)),
        step=int(at) if at is not None and is_finite(at) else None,
        tags={n.removeprefix("tags."): as_param(v) for n, v in row.items() if n.startswith("tags.")},
        name=str(row.get(lower.get("name", ""), "") or ""),
        position=number,
    )
