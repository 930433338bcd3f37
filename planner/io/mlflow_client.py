"""The way to MLflow: the only module that imports it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.errors import PhasegateError, StoreUnavailable
from planner.paths import Home

if TYPE_CHECKING:
    from mlflow import MlflowClient  # noqa: TID251

    Client = MlflowClient
else:
    Client = Any

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
}


def store_uri(home: Home) -> str:
    """``MLFLOW_TRACKING_URI``, or the home's own SQLite file."""
    return os.environ.get("MLFLOW_TRACKING_URI") or own_uri(home)


def own_uri(home: Home) -> str:
    """The home's own SQLite file, which no other home writes to."""
    return f"sqlite:///{home.database}"


def connect(home: Home) -> Client:
    """A client of this home's store; creates the SQLite store under a lock when it is not there.

    Raises:
        StoreUnavailable: the store cannot be reached or made; the message says which and what to do.

    Side effects: creates ``mlruns/`` and the database; sets MLflow's environment variables.
    """
    from filelock import FileLock

    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    uri = store_uri(home)
    if not uri.startswith("sqlite:") and "://" not in uri and uri != "databricks":
        raise StoreUnavailable(
            f"MLFLOW_TRACKING_URI is '{uri}', a folder of files, which MLflow no longer writes; "
            "use a server's address or a database such as sqlite:///mlruns/mlflow.db"
        )
    with speaking_of(uri):
        from mlflow import MlflowClient  # noqa: TID251

        for noisy in ("mlflow", "alembic"):
            logging.getLogger(noisy).setLevel(logging.ERROR)

        if not uri.startswith("sqlite:"):
            client = MlflowClient(tracking_uri=uri)
            client.search_experiments(max_results=1)
            return client
        lock = home.lock("mlflow")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=120):
            client = MlflowClient(tracking_uri=uri)
            client.search_experiments(max_results=1)
        return client


@contextmanager
def speaking_of(uri: str) -> Iterator[None]:
    """Turns MLflow's many errors into one sentence."""
    try:
        yield
    except (PhasegateError, KeyboardInterrupt, GeneratorExit):
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        raise StoreUnavailable(
            f"MLflow at {uri} cannot be used: {type(error).__name__}: {text}; "
            "check that the server runs, or that the file can be written"
        ) from error


def experiment_id(client: Client, home: Home, program: str, question: str) -> str:
    """The id of a program's MLflow experiment, made (with its artifact folder) if it is not there."""
    found = client.get_experiment_by_name(program)
    if found is not None:
        if found.lifecycle_stage == "deleted":
            raise StoreUnavailable(
                f"the MLflow experiment '{program}' is deleted; restore it with "
                f"'mlflow experiments restore --experiment-id {found.experiment_id}'"
            )
        _describe(client, str(found.experiment_id), question, found.tags)
        return str(found.experiment_id)
    from filelock import FileLock

    lock = home.lock("mlflow")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, timeout=120):
        again = client.get_experiment_by_name(program)
        if again is not None:
            return str(again.experiment_id)
        location = _artifacts(home, program) if store_uri(home).startswith("sqlite:") else None
        made = client.create_experiment(program, artifact_location=location)
    _describe(client, str(made), question, {})
    return str(made)


def _describe(client: Client, experiment: str, question: str, told: Mapping[str, str]) -> None:
    """What a program asks, on its page, which opens at the runs because they train models."""
    wanted = {"mlflow.note.content": question, "mlflow.experimentKind": "custom_model_development"}
    for name, value in wanted.items():
        if told.get(name) != value:
            client.set_experiment_tag(experiment, name, value)


def _artifacts(home: Home, program: str) -> str:
    folder: Path = home.artifacts / program
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve().as_uri()


def metric_entity(name: str, value: float, timestamp: int, step: int) -> Any:
    """One value for ``log_batch``."""
    from mlflow.entities import Metric  # noqa: TID251

    return Metric(name, value, timestamp, step)


def param_entity(name: str, value: str) -> Any:
    """One parameter for ``log_batch``; MLflow keeps at most 6,000 characters of it."""
    from mlflow.entities import Param  # noqa: TID251

    return Param(name, value[:6000])


def tag_entity(name: str, value: str) -> Any:
    """One tag for ``log_batch``."""
    from mlflow.entities import RunTag  # noqa: TID251

    return RunTag(name, value)


def dataset_input(name: str, digest: str, profile: str | None) -> Any:
    """A dataset as MLflow shows it on a run's page."""
    from mlflow.entities import Dataset, DatasetInput, InputTag  # noqa: TID251

    dataset = Dataset(name=name, digest=digest, source_type="code", source=name, profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
