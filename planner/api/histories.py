"""Runs that are there already, judged without a program."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from planner.api.report import Report, report_of
from planner.api.tables import rows_of
from planner.history.arms import ALL_BUT_SEED
from planner.history.judge import judge_history
from planner.history.question import HistoryQuestion, arms_by_of
from planner.history.report import as_json, as_lines
from planner.history.table import history_of_rows
from planner.io.histories.open_history import read_history
from planner.paths import Home


def judge_runs(
    runs: object,
    metric: str,
    arms_by: str | Sequence[str] = ALL_BUT_SEED,
    min_effect: float | None = None,
    experiments: Sequence[str] = (),
    **options: Any,
) -> Report:
    """What ``judge`` says of a store, or of a table.

    Args:
        runs: an address, a file or a folder; a table; None for the store that is meant where none is named.
        options: ``baseline``, ``better``, ``seed_from``, ``where``, ``at`` and ``alpha``.
    """
    names = arms_by_of(arms_by) if isinstance(arms_by, str) else tuple(arms_by)
    question = HistoryQuestion(metric, names, least_effect=min_effect, **options)
    if runs is None or isinstance(runs, str | PathLike):
        store = None if runs is None else str(fspath(runs))
        history = read_history(Home(Path.cwd()), store, question, experiments)
    else:
        history = history_of_rows(rows_of(runs), "the table", question)
    judged = judge_history(history, question)
    return report_of(as_lines(judged), as_json(judged))
