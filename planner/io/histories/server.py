"""Runs on an MLflow server, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planner.history.logged_run import History, LoggedRun
from planner.history.question import HistoryQuestion
from planner.io.histories.database import STATUS, rank_of, refuse_unknown
from planner.io.mlflow import tags
from planner.io.mlflow.client import client_of, pages, speaking_of
from planner.io.mlflow.faults import shown
from planner.io.mlflow.run_reader import last_steps, whole_number


def read_server(uri: str, question: HistoryQuestion, experiments: Sequence[str]) -> History:
    """The runs on a server.

    Raises:
        StoreUnavailable: it cannot be reached.
        UsageError: an experiment that is named is not there.
    """
    with speaking_of(uri):
        client = client_of(uri)
        names = {str(one.experiment_id): str(one.name) for one in pages(client.search_experiments)}
        refuse_unknown(list(names.values()), experiments)
        wanted = [one for one, name in names.items() if not experiments or name in experiments]
        runs, metrics = list[LoggedRun](), set[str]()
        for raw in pages(client.search_runs, experiment_ids=wanted) if wanted else ():
            metrics.update(raw.data.metrics)
            runs.append(_run(client, len(runs), raw, names, question))
    return History(shown(uri), runs, sorted(metrics))


def _run(client: Any, position: int, raw: Any, names: dict[str, str], question: HistoryQuestion) -> LoggedRun:
    held, info = raw.data.tags, raw.info
    value, step = _value(client, raw, question)
    datasets = getattr(getattr(raw, "inputs", None), "dataset_inputs", None) or []
    return LoggedRun(
        id=str(info.run_id),
        status=STATUS.get(str(info.status), "running"),
        params=dict(raw.data.params),
        value=value,
        step=step,
        seed=whole_number(held.get(tags.SEED, "")),
        began=info.start_time / 1000 if info.start_time else None,
        ended=info.end_time / 1000 if info.end_time else None,
        tags=dict(held),
        name=str(info.run_name or ""),
        experiment=names[str(info.experiment_id)],
        parent=held.get("mlflow.parentRunId"),
        data=held.get(tags.DATA) or (str(datasets[0].dataset.digest) if datasets else None),
        position=-position,  # a server lists the latest first
    )


def _value(client: Any, raw: Any, question: HistoryQuestion) -> tuple[float | None, int | None]:
    if question.metric not in raw.data.metrics:
        return None, None
    if question.at == "last":
        return float(raw.data.metrics[question.metric]), last_steps(raw).get(question.metric, 0)
    ranked = [
        (rank, one.value, one.step)
        for one in client.get_metric_history(str(raw.info.run_id), question.metric)
        if (rank := rank_of(one.value, one.step, one.timestamp, question)) is not None
    ]
    return max(ranked)[1:] if ranked else (None, None)
