"""Which MLflow store is a home's: the environment's, the one that it remembers, or a file of its own."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from urllib.parse import quote

from planner.errors import StoreUnavailable
from planner.io.mlflow.faults import shown
from planner.paths import Home

VARIABLE = "MLFLOW_TRACKING_URI"
_NOT_PLAIN = frozenset("%?#")
"""Characters that mean something in an address."""


def store_uri(home: Home) -> str:
    """The store that is read: the environment's, else the one that was written to, else the home's own."""
    return os.environ.get(VARIABLE) or remembered(home) or own_uri(home)


def own_uri(home: Home) -> str:
    """The home's own SQLite file, which no other home writes to."""
    return address_of(home.database)


def address_of(database: Path) -> str:
    """An SQLite file as MLflow and SQLAlchemy take it, the latter of which decodes ``%`` and cuts at ``?``.

    With the driver named, MLflow leaves the folder alone, which it would otherwise make by its quoted name.
    """
    path = str(database)
    return f"sqlite+pysqlite:///{quote(path)}" if set(path) & _NOT_PLAIN else f"sqlite:///{path}"


def remembered(home: Home) -> str | None:
    """The store in ``mlruns/home.toml``; None where the home writes to its own file.

    Raises:
        StoreUnavailable: the file cannot be read.
    """
    try:
        store = tomllib.loads(home.store_file.read_text(encoding="utf-8"))["store"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        raise _unreadable(home) from error
    if not isinstance(store, str):
        raise _unreadable(home)
    return store


def remember(home: Home) -> None:
    """Keeps the store that is written to now, so that the home finds it without the environment.

    A password is not kept: such a store is to be named each time.

    Raises:
        StoreUnavailable: the home's records are in another store.

    Side effects: writes ``mlruns/home.toml`` where the store is not the home's own.
    """
    refuse_another(home)
    uri = store_uri(home)
    if remembered(home) is None and uri != own_uri(home) and not home.database.exists():
        _write(home, _without_password(uri))


def refuse_another(home: Home) -> None:
    """Refuses a store that is not the one that the home remembers.

    Raises:
        StoreUnavailable: says where the home's records are.
    """
    uri, before = store_uri(home), remembered(home)
    if before is not None and before != _without_password(uri):
        raise StoreUnavailable(
            f"the records of {home.root} are in {shown(before)} ({home.store_file}), and {VARIABLE} names "
            f"{shown(uri)}",
            f"unset {VARIABLE}, or name the new store in that file to go on there",
        )


def _without_password(uri: str) -> str:
    """An address without its password; of a file its whole path: a short one begins wherever one is."""
    if uri.startswith("sqlite"):
        return address_of(Path(shown(uri)).absolute())
    return shown(uri)


def _write(home: Home, uri: str) -> None:
    home.mlruns.mkdir(parents=True, exist_ok=True)
    text = f"# The MLflow store that this home writes to.\nstore = {json.dumps(uri)}\n"
    home.store_file.write_text(text, encoding="utf-8")


def _unreadable(home: Home) -> StoreUnavailable:
    return StoreUnavailable(
        f"{home.store_file} names no store", 'write one line: store = "the address of an MLflow store"'
    )
