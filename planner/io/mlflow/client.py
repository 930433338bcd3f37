"""The way to MLflow: the only module that imports it."""

from __future__ import annotations

import logging
import os
import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from planner.errors import PhasegateError, StoreUnavailable, meaning_of_system_error
from planner.io.journal.database import kind_of_error, refuse_too_long
from planner.io.journal.journal import Journal
from planner.io.mlflow.artifact_location import refuse_misplaced, refuse_moved
from planner.io.mlflow.faults import meaning_of, shown
from planner.io.mlflow.home_store import address_of, own_uri, refuse_another, remember, store_uri
from planner.io.mlflow.read_only import database_for_reading
from planner.io.system.permissions import may_write
from planner.paths import Home

if TYPE_CHECKING:
    from mlflow import MlflowClient

    Client = MlflowClient
else:
    Client = Any

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_LOGGING_LEVEL": "CRITICAL",  # what goes wrong is told once, in a sentence of ours
    "DO_NOT_TRACK": "true",
    "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
    # A server that restarts is waited for, one that is gone or hangs is told after some 5 or 35 seconds.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "PGCONNECT_TIMEOUT": "10",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is for results
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # drawn on stderr wherever tqdm is installed
}


def connect(home: Home) -> Client:
    """A client of this home's store; creates the SQLite store under a lock when it is not there.

    Raises:
        StoreUnavailable: the store cannot be reached, read or made, or is gone; the message says which and
            what to do.

    Side effects: creates ``mlruns/`` and the database; sets MLflow's environment variables.
    """
    from filelock import FileLock

    _set_environment()
    uri = store_uri(home)
    if not uri.startswith("sqlite") and "://" not in uri and uri != "databricks":
        raise StoreUnavailable(
            f"MLFLOW_TRACKING_URI is '{uri}', a folder of files, which MLflow no longer writes",
            "use a server's address or a database such as sqlite:///mlruns/mlflow.db",
        )
    has_store(home)
    with speaking_of(uri):
        from mlflow import MlflowClient

        for noisy in ("mlflow", "alembic", "urllib3", "psycopg", "sqlalchemy"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)

        if not is_database(uri):
            client = MlflowClient(tracking_uri=uri)
            client.search_experiments(max_results=1)
            return client
        path = database_of(uri)
        if path is not None and path.exists() and not may_write(path.parent):
            return MlflowClient(tracking_uri=address_of(database_for_reading(home, path)))
        lock = home.lock("mlflow")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(lock, timeout=120), nullcontext() if path is not None else _alone_at(uri):
            if path is not None and not (path.exists() and path.stat().st_size):
                _make_database(path)
            client = MlflowClient(tracking_uri=uri)
            client.search_experiments(max_results=1)
        return client


def _set_environment() -> None:
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)


def client_of(uri: str) -> Client:
    """A client of somebody's server, to read.

    Side effects: sets MLflow's environment variables.
    """
    _set_environment()
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def pages(search: Any, *which: Any, **options: Any) -> Iterator[Any]:
    """Everything that a search gives, page by page: MLflow gives a thousand at most, and where to go on."""
    token: str | None = None
    while True:
        page = search(*which, max_results=1000, page_token=token, **options)
        yield from page
        token = page.token
        if not token:
            return


def _make_database(path: Path) -> None:
    """Makes MLflow's tables beside a database's place and puts them there whole.

    MLflow makes them in dozens of steps, and can go on with no database that was left between two of them.
    """
    from mlflow import MlflowClient

    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f"{path.name}.part*"):  # by one who was killed
        left.unlink()
    aside = path.with_name(f"{path.name}.part")
    MlflowClient(tracking_uri=address_of(aside)).search_experiments(max_results=1)
    aside.replace(path)


def has_store(home: Home) -> bool:
    """Whether there is a store to read; False where nothing was ever written to one.

    A database that was deleted, emptied or overwritten is told here, at once: MLflow would make a new one
    in its place, or try for minutes to open it.

    Raises:
        StoreUnavailable: the database is gone or is none.
    """
    path = database_of(store_uri(home))
    if path is None:
        return True
    refuse_too_long(path)
    if path.exists() and path.stat().st_size:
        examine_database(path)
        return True
    experiments = Journal(home.journal).in_mlflow()
    if experiments:
        refuse_another(home)
        raise StoreUnavailable(
            f"the MLflow database {path} is {'empty' if path.exists() else 'gone'}, and the journal knows of "
            f"{experiments} records and finished runs in it",
            "put it back, name the store that has them with MLFLOW_TRACKING_URI, or 'phasegate doctor "
            "--repair' begins a new one",
        )
    return path.exists()


@contextmanager
def _alone_at(uri: str) -> Iterator[None]:
    """Holds a database's server against other homes while MLflow looks for its tables, and may make them.

    Two that make them at once fail. One attempt is made to reach the server: MLflow would try for nearly
    two minutes.
    """
    from sqlalchemy import create_engine, text

    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('phasegate'))"))
            yield
    finally:
        engine.dispose()


def is_database(uri: str) -> bool:
    """Whether MLflow writes to a database itself, and to no server that keeps artifacts too."""
    return uri.startswith(("sqlite", "postgresql", "mysql", "mssql"))


def database_of(uri: str) -> Path | None:
    """The file of an SQLite store; None for any other."""
    match = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", uri)
    return Path(unquote(match[1])) if match is not None and match[1] != ":memory:" else None


def database_in_use(client: Client) -> Path:
    """The SQLite file that a client reads: the home's, or a copy of it where the home may only be read."""
    path = database_of(str(client.tracking_uri))
    assert path is not None
    return path


def examine_database(path: Path) -> None:
    """Looks at a database's first pages, as SQLite does on opening it.

    Raises:
        StoreUnavailable: it cannot be opened, or is no SQLite database.
    """
    try:
        # For writing, where that is allowed: what a killed process left half written is then taken back.
        address = f"{path.resolve().as_uri()}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, timeout=20)) as db:
            db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        if kind_of_error(error) == sqlite3.SQLITE_READONLY and not may_write(path.parent):
            return  # what is half written is taken back in the copy that is read
        raise meaning_of(error, f"sqlite:///{path}") from error


@contextmanager
def speaking_of(uri: str) -> Iterator[None]:
    """Turns MLflow's many errors into one sentence."""
    try:
        yield
    except (PhasegateError, KeyboardInterrupt, GeneratorExit):
        raise
    except Exception as error:
        raise (meaning_of_system_error(error) or meaning_of(error, uri)) from error


def find_experiment(client: Client, home: Home, program: str) -> Any:
    """A program's MLflow experiment; None where there never was one.

    Raises:
        StoreUnavailable: it was deleted, its artifacts lie elsewhere because the home was moved, or the
            store is not the one that the journal knows.
    """
    experiment = client.get_experiment_by_name(program)
    if experiment is not None and experiment.lifecycle_stage == "deleted":
        raise StoreUnavailable(
            f"the MLflow experiment '{program}' is deleted",
            "restore it with "
            f"'mlflow experiments restore --experiment-id {experiment.experiment_id}' (MLFLOW_TRACKING_URI="
            f"{shown(store_uri(home))}), or with 'phasegate doctor --repair'",
        )
    if experiment is None and (experiment_id := Journal(home.journal).in_mlflow(program)):
        raise StoreUnavailable(
            f"MLflow at {shown(store_uri(home))} has no experiment '{program}', and the journal "
            f"knows of {experiment_id} "
            "records and finished runs in it",
            "name the store that has it with MLFLOW_TRACKING_URI, or 'phasegate doctor --repair' begins it "
            "anew",
        )
    if experiment is not None and store_uri(home) == own_uri(home):
        location = str(experiment.artifact_location)
        refuse_moved(home, program, location)
        refuse_misplaced(database_in_use(client), str(experiment.experiment_id), location)
    return experiment


def experiment_id(client: Client, home: Home, program: str, question: str) -> str:
    """The id of a program's MLflow experiment, made (with its artifact folder) if it is not there."""
    remember(home)
    experiment = find_experiment(client, home, program)
    if experiment is not None:
        _describe(client, str(experiment.experiment_id), question, experiment.tags)
        return str(experiment.experiment_id)
    from filelock import FileLock

    lock = home.lock("mlflow")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, timeout=120):
        again = client.get_experiment_by_name(program)
        if again is not None:
            return str(again.experiment_id)
        location = _artifacts(home, program) if is_database(store_uri(home)) else None
        try:
            made = client.create_experiment(program, artifact_location=location)
        except Exception:
            again = client.get_experiment_by_name(program)  # another home may have made it just now
            if again is None:
                raise
            made = again.experiment_id
    _describe(client, str(made), question, {})
    return str(made)


def _describe(client: Client, experiment: str, question: str, described: Mapping[str, str]) -> None:
    """What a program asks, on its page, which opens at the runs because they train models."""
    wanted = {"mlflow.note.content": question, "mlflow.experimentKind": "custom_model_development"}
    for name, value in wanted.items():
        if described.get(name) != value:
            write_experiment_tag(client, experiment, name, value)


def write_experiment_tag(client: Client, experiment: str, name: str, value: str) -> None:
    """Writes a tag of an experiment, also where another home writes the same one at the same moment.

    MLflow looks for a tag and then adds it: of two that find none, a database lets one add it.
    """
    try:
        client.set_experiment_tag(experiment, name, value)
    except Exception:
        if name not in client.get_experiment(experiment).tags:
            raise
        client.set_experiment_tag(experiment, name, value)


def _artifacts(home: Home, program: str) -> str:
    folder: Path = home.artifacts / program
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve().as_uri()


def metric_entity(name: str, value: float, timestamp: int, step: int) -> Any:
    """One value for ``log_batch``."""
    from mlflow.entities import Metric

    return Metric(name, value, timestamp, step)


def param_entity(name: str, value: str) -> Any:
    """One parameter for ``log_batch``; MLflow keeps at most 6,000 characters of it."""
    from mlflow.entities import Param

    return Param(name, value[:6000])


def tag_entity(name: str, value: str) -> Any:
    """One tag for ``log_batch``."""
    from mlflow.entities import RunTag

    return RunTag(name, value)


def dataset_input(name: str, digest: str, profile: str | None) -> Any:
    """A dataset as MLflow shows it on a run's page."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    dataset = Dataset(name=name, digest=digest, source_type="code", source=name, profile=profile)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
