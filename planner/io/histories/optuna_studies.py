"""Optuna's studies in an SQLite file: each trial is a run."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from planner.history.logged_run import History, LoggedRun, Status
from planner.history.question import HistoryQuestion
from planner.io.histories.database import refuse_unknown
from planner.io.histories.extras import needed

_STATUS: dict[str, Status] = {"COMPLETE": "finished", "FAIL": "failed", "PRUNED": "killed"}
OBJECTIVE = "value"
"""What a study's objective is called where the study does not name it."""


def read_studies(path: Path, question: HistoryQuestion, studies: Sequence[str]) -> History:
    """The trials of an Optuna file; the metric is ``value``, an objective's name or a user attribute.

    The file is copied first: Optuna writes into what it opens.

    Raises:
        UsageError: the package optuna is not installed, or a study that is named is not there.
    """
    optuna = needed("optuna", "Optuna's studies")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(path, Path(folder) / "studies.db")
        storage = f"sqlite:///{copy}"
        names = list(optuna.get_all_study_names(storage))
        refuse_unknown(names, studies)
        loaded = {
            name: optuna.load_study(study_name=name, storage=storage)
            for name in names
            if not studies or name in studies
        }
        runs, metrics = list[LoggedRun](), dict[str, None]()
        for name, study in loaded.items():
            objectives = list(study.metric_names or [OBJECTIVE])
            for trial in study.get_trials(deepcopy=False):
                measured = dict(_measured(trial, objectives))
                metrics.update(dict.fromkeys(measured))
                runs.append(_run(len(runs), name, trial, measured, question))
    return History(str(path), runs, list(metrics))


def _measured(trial: Any, objectives: Sequence[str]) -> Iterator[tuple[str, float]]:
    """What a trial measured: its objectives, and the numbers that a person attached to it."""
    for name, value in trial.user_attrs.items():
        if isinstance(value, int | float) and not isinstance(value, bool):
            yield str(name), float(value)
    if trial.values is not None:
        yield from zip(objectives, map(float, trial.values), strict=False)
        if len(trial.values) == 1:
            yield OBJECTIVE, float(trial.values[0])


def _run(
    position: int, study: str, trial: Any, measured: Mapping[str, float], question: HistoryQuestion
) -> LoggedRun:
    attributes = {str(k): str(v) for k, v in trial.user_attrs.items() if k != question.metric}
    return LoggedRun(
        id=f"{study}/{trial.number}",
        status=_STATUS.get(trial.state.name, "running"),
        params={**attributes, **{str(name): str(value) for name, value in trial.params.items()}},
        value=measured.get(question.metric),
        began=trial.datetime_start.timestamp() if trial.datetime_start else None,
        ended=trial.datetime_complete.timestamp() if trial.datetime_complete else None,
        name=f"trial {trial.number}",
        experiment=study,
        position=position,
    )
