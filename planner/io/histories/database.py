"""MLflow's database, read by its tables: of whatever version it is, it is neither upgraded nor written."""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from planner.errors import OptionError, StoreUnavailable
from planner.history.logged_run import History, LoggedRun, Status
from planner.history.question import HistoryQuestion
from planner.io.mlflow import tags
from planner.io.mlflow.client import database_of, speaking_of
from planner.io.mlflow.faults import meaning_of, shown
from planner.io.mlflow.home_store import address_of
from planner.io.mlflow.run_reader import whole_number
from planner.language.suggestions import instead

Query = Callable[..., Iterable[Sequence[Any]]]
"""Takes a statement with ``:names`` and their values; gives rows."""
STATUS: dict[str, Status] = {
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "killed",
    "RUNNING": "running",
    "SCHEDULED": "running",
}
_RUNS = """
    SELECT r.run_uuid, r.name, r.status, r.start_time, r.end_time, e.name
    FROM runs r JOIN experiments e ON r.experiment_id = e.experiment_id
    WHERE r.lifecycle_stage = 'active' AND e.lifecycle_stage = 'active' ORDER BY r.start_time, r.run_uuid"""
_LAST = "SELECT run_uuid, value, is_nan, step FROM latest_metrics WHERE key = :metric"
_STEPS = "SELECT run_uuid, value, is_nan, step, timestamp FROM metrics WHERE key = :metric"
_DATASETS = """
    SELECT i.destination_id, d.digest FROM inputs i JOIN datasets d ON i.source_id = d.dataset_uuid
    WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN'"""
_TABLES = frozenset({"runs", "experiments", "params", "tags", "latest_metrics", "metrics"})
_TABLES_OF_OPTUNA = frozenset({"studies", "trials", "trial_params"})
_OLD = "it is no MLflow database, or of a version before 1.0"


def read_database(uri: str, question: HistoryQuestion, experiments: Sequence[str]) -> History:
    """The runs in an MLflow database.

    Raises:
        StoreUnavailable: it cannot be opened, or holds none of MLflow's tables.
        UsageError: an experiment that is named is not there.
    """
    path = database_of(uri)
    with _queries(uri, path) as query:
        if path is not None and not _tables(query) >= _TABLES:
            raise StoreUnavailable(f"{shown(uri)} holds no runs", _OLD)
        rows = [row for row in query(_RUNS) if not experiments or row[5] in experiments]
        names = [str(name) for (name,) in query("SELECT name FROM experiments")]
        refuse_unknown(names, experiments)
        wanted = {row[0] for row in rows}
        params, run_tags = _by_run(query, "params", wanted), _by_run(query, "tags", wanted)
        values = _values(query, question)
        digests = _digests(query)
        metrics = [str(key) for (key,) in query("SELECT DISTINCT key FROM latest_metrics")]
    runs = [_run(position, row, params, run_tags, values, digests) for position, row in enumerate(rows)]
    return History(str(path) if path is not None else shown(uri), runs, metrics)


def holds_studies(path: Path) -> bool:
    """Whether an SQLite file is one of Optuna's."""
    with _queries(address_of(path), path) as query:
        return _tables(query) >= _TABLES_OF_OPTUNA


def refuse_unknown(names: Sequence[str], experiments: Sequence[str]) -> None:
    """Refuses experiments that are not there.

    Raises:
        UsageError: names the first, and what was meant.
    """
    for name in experiments:
        if name not in names:
            raise OptionError("experiment", f"there is none named '{name}'{instead(name, names)}")


@contextmanager
def _queries(uri: str, path: Path | None) -> Iterator[Query]:
    """What asks a database, without a right to write where it is a file."""
    if path is None:
        with _server_queries(uri) as query:
            yield query
        return
    try:
        with closing(_opened(path)) as connection:
            yield lambda statement, **values: connection.execute(statement, values)
    except sqlite3.Error as error:
        raise meaning_of(error, f"sqlite:///{path}") from error


def _opened(path: Path) -> sqlite3.Connection:
    """A connection that may not write; of a folder that may not be written either, one that takes no lock."""
    address = path.resolve().as_uri()
    connection = sqlite3.connect(f"{address}?mode=ro", uri=True, timeout=20)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError:
        connection.close()
        connection = sqlite3.connect(f"{address}?immutable=1", uri=True)
    return connection


@contextmanager
def _server_queries(uri: str) -> Iterator[Query]:
    with speaking_of(uri):
        from sqlalchemy import create_engine, text

        engine = create_engine(uri)
        try:
            with engine.connect() as connection:
                yield lambda statement, **values: connection.execute(text(statement), values)
        finally:
            engine.dispose()


def _tables(query: Query) -> frozenset[str]:
    return frozenset(str(name) for (name,) in query("SELECT name FROM sqlite_master WHERE type = 'table'"))


def _by_run(query: Query, table: str, wanted: set[str]) -> Mapping[str, dict[str, str]]:
    held: dict[str, dict[str, str]] = defaultdict(dict)
    for run_id, key, value in query(f"SELECT run_uuid, key, value FROM {table}"):
        if run_id in wanted:
            held[run_id][key] = value or ""
    return held


def _values(query: Query, question: HistoryQuestion) -> dict[str, tuple[float, int]]:
    """Run id -> (value, step) of the metric, where it is asked for."""
    if question.at == "last":
        rows = query(_LAST, metric=question.metric)
        return {run_id: (_value(value, is_nan), int(step or 0)) for run_id, value, is_nan, step in rows}
    chosen: dict[str, tuple[Any, float, int]] = {}
    for run_id, value, is_nan, step, timestamp in query(_STEPS, metric=question.metric):
        rank = rank_of(_value(value, is_nan), int(step or 0), timestamp, question)
        if rank is not None and (run_id not in chosen or rank > chosen[run_id][0]):
            chosen[run_id] = rank, _value(value, is_nan), int(step or 0)
    return {run_id: (value, step) for run_id, (_, value, step) in chosen.items()}


def rank_of(value: float, step: int, timestamp: float, question: HistoryQuestion) -> tuple[float, ...] | None:
    """How much one logged value is the one that is asked for; None where it is not."""
    if question.at == "last":
        return (step, timestamp)
    if question.at == "best":
        better = -value if question.direction == "lower" else value
        return (-math.inf if math.isnan(value) else better, -step)
    return (timestamp,) if step == int(question.at) else None


def _value(value: Any, is_nan: Any) -> float:
    return math.nan if is_nan or value is None else float(value)


def _digests(query: Query) -> dict[str, str]:
    """Run id -> digest of its first dataset; nothing where the database has no such tables yet."""
    try:
        return {str(run_id): str(digest) for run_id, digest in query(_DATASETS)}
    except Exception:  # versions before 2.4; of any database, with its own error
        return {}


def _run(
    position: int,
    row: Sequence[Any],
    params: Mapping[str, Mapping[str, str]],
    run_tags: Mapping[str, Mapping[str, str]],
    values: Mapping[str, tuple[float, int]],
    digests: Mapping[str, str],
) -> LoggedRun:
    run_id, name, status, start, end, experiment = row
    held = run_tags.get(run_id, {})
    value, step = values.get(run_id, (None, None))
    return LoggedRun(
        id=str(run_id),
        status=STATUS.get(str(status), "running"),
        params=params.get(run_id, {}),
        value=value,
        step=step,
        seed=whole_number(held.get(tags.SEED, "")),
        began=start / 1000 if start else None,
        ended=end / 1000 if end else None,
        tags=held,
        name=str(name or held.get("mlflow.runName", "")),
        experiment=str(experiment),
        parent=held.get("mlflow.parentRunId"),
        data=held.get(tags.DATA) or digests.get(run_id),
        position=position,
    )
