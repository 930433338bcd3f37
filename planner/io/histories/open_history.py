"""From what a person calls a store to the runs in it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from planner.errors import UsageError
from planner.history.logged_run import History
from planner.history.question import HistoryQuestion
from planner.io.histories.database import holds_studies, read_database
from planner.io.histories.folder import is_file_store, read_folder
from planner.io.histories.optuna_studies import read_studies
from planner.io.histories.server import read_server
from planner.io.histories.tables import SUFFIXES, read_table
from planner.io.histories.tensorboard import read_event_files
from planner.io.mlflow.client import database_of, is_database
from planner.io.mlflow.home_store import address_of, own_uri, store_uri
from planner.paths import Home

_DATABASES = (".db", ".sqlite", ".sqlite3")


def read_history(
    home: Home, store: str | None, question: HistoryQuestion, experiments: Sequence[str] = ()
) -> History:
    """The runs of a store.

    Args:
        store: an address, a file or a folder; None for ``MLFLOW_TRACKING_URI``, then the home's own.
        experiments: whose runs are wanted; none for all.

    Raises:
        UsageError: there is no such store, or it is of no kind that is known.
        StoreUnavailable: it cannot be reached or read.

    Side effects: reads it, and writes nothing.
    """
    address = store_named(home, store)
    path = Path(address.removeprefix("file://"))
    if is_database(address):
        return read_database(address, question, experiments)
    if is_address(address) and not address.startswith("file://"):
        return read_server(address, question, experiments)
    if not path.exists():
        raise UsageError(f"there is no store '{address}': name a file, a folder or an address")
    if path.is_dir():
        return _read_folder(path, question, experiments)
    if path.suffix.lower() in SUFFIXES:
        return read_table(path, question, experiments)
    if path.suffix.lower() in _DATABASES or _is_sqlite(path):
        if holds_studies(path):
            return read_studies(path, question, experiments)
        return read_database(address_of(path.resolve()), question, experiments)
    kinds = ", ".join(sorted({*SUFFIXES, *_DATABASES}))
    raise UsageError(f"'{address}' is of no kind that is known: a folder, an address, or a file ({kinds})")


def is_address(store: str) -> bool:
    """Whether a store is named by an address, and by no path."""
    return "://" in store or store == "databricks"


def store_named(home: Home, store: str | None) -> str:
    """The store that is meant: the one named, ``MLFLOW_TRACKING_URI``, or the home's own.

    Raises:
        UsageError: none is named, and the home holds none yet.
    """
    return store or _default(home)


def _read_folder(path: Path, question: HistoryQuestion, experiments: Sequence[str]) -> History:
    """An MLflow folder, or one that holds a store."""
    databases = [below for below in (path / "mlflow.db", path / "mlruns" / "mlflow.db") if below.is_file()]
    folders = [below for below in (path, path / "mlruns") if is_file_store(below)]
    if folders and folders[0] == path:
        return _beside(read_folder(path, question, experiments), databases)
    if databases:
        history = read_database(address_of(databases[0].resolve()), question, experiments)
        return _beside(history, [*databases[1:], *folders])
    if folders:
        return read_folder(folders[0], question, experiments)
    if any(path.rglob("events.out.tfevents.*")):
        return read_event_files(path, question)
    raise UsageError(
        f"'{path}' holds no runs: neither mlflow.db, nor an mlruns folder, nor TensorBoard's event files"
    )


def _beside(history: History, others: Sequence[Path]) -> History:
    """The history, which names stores beside it that were not read."""
    remarks = [
        f"{other} holds runs too, which are not among these: name it to judge them" for other in others
    ]
    return replace(history, remarks=[*history.remarks, *remarks])


def _default(home: Home) -> str:
    """The store that is meant where none is named."""
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return store_uri(home)
    own = database_of(own_uri(home))
    if own is not None and own.is_file():
        return str(own)
    for place_of_mlflow in (home.root / "mlflow.db", home.root / "mlruns"):
        if place_of_mlflow.is_file() or is_file_store(place_of_mlflow):
            return str(place_of_mlflow)
    raise UsageError(f"{home.root} holds no store yet: name one, as in 'phasegate judge runs.csv'")


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\x00"
