"""What MLflow's many errors mean: one sentence that names the store and what mends it."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from planner.errors import PhasegateError, StoreUnavailable, disk_full, not_allowed

AGAIN = "then run the same command again: what is finished is kept"
_REVISION = re.compile(r"found version (\w+),? but expected (\w+)")
_UNKNOWN = re.compile(r"Can't locate revision identified by '(\w+)'")
_NOBODY_THERE = (
    "refused",
    "NameResolution",
    "resolve",
    "unreachable",
    "aborted",
    "reset",
    "starting up",
    "shutting down",
    # of a database's server that ends while it is used
    "terminating connection",
    "closed the connection",
    "connection is lost",
    "connection is closed",
    "Lost connection",
    "gone away",
    "EOF detected",
    "Broken pipe",
)
_STATUS = re.compile(r"error code (\d{3})|(\d{3}) (?:Server|Client) Error|too many (\d{3}) error")


def meaning_of(error: BaseException, uri: str) -> PhasegateError:
    """The error to show for one that MLflow raised.

    Args:
        uri: of the store; a password in it is not shown.
    """
    text = " ".join(f"{type(error).__name__}: {error}".split())
    store = shown(uri)
    meaning = _of_database(text, store, uri) if uri.startswith("sqlite") else _of_server(text, store)
    return meaning or StoreUnavailable(
        f"MLflow at {store} cannot be used: {text[:300]}",
        f"mend that ('phasegate doctor' looks closer), {AGAIN}",
    )


def _of_database(text: str, store: str, uri: str) -> PhasegateError | None:
    said = text.lower()
    if "database is locked" in said:
        return StoreUnavailable(
            f"the MLflow database {store} is held by another process for longer than 20 s",
            f"end that process, {AGAIN}",
        )
    if "disk is full" in said or "no space left" in said:
        return disk_full(store)
    if "disk i/o error" in said:
        return StoreUnavailable(
            f"the MLflow database {store} cannot be used: the disk refuses to read or write it",
            f"see whether it is full or broken, {AGAIN}",
        )
    if "readonly database" in said or "unable to open database" in said or "permission denied" in said:
        return not_allowed(store)
    if "malformed" in said or "not a database" in said:
        return damaged(store, "the database is malformed")
    revision, unknown = _REVISION.search(text), _UNKNOWN.search(text)
    if unknown is not None:
        return newer(store, unknown[1])
    if revision is not None:
        return older(store, uri, revision[1]) if _is_known(revision[1]) else newer(store, revision[1])
    return None


def _is_known(revision: str) -> bool:
    """Whether the MLflow that is installed has that schema among those that it can bring up."""
    spec = find_spec("mlflow")
    folder = (
        Path(spec.origin).parent / "store" / "db_migrations" / "versions" if spec and spec.origin else None
    )
    return folder is not None and any(path.name.startswith(revision) for path in folder.glob("*.py"))


def _of_server(text: str, store: str) -> PhasegateError | None:
    if "timeout" in text.lower() or "timed out" in text.lower():
        return StoreUnavailable(
            f"MLflow at {store} does not answer in time",
            "see what holds the server up (MLFLOW_HTTP_REQUEST_TIMEOUT is how many seconds to wait), "
            f"{AGAIN}",
        )
    if any(sign in text for sign in _NOBODY_THERE):
        return StoreUnavailable(
            f"MLflow at {store} cannot be reached",
            f"start the server, or name another with MLFLOW_TRACKING_URI, {AGAIN}",
        )
    status = _STATUS.search(text)
    if status is not None:
        code = next(group for group in status.groups() if group)
        return StoreUnavailable(
            f"MLflow at {store} answers with an error ({code})", f"see the server's log and mend it, {AGAIN}"
        )
    return None


def says_not_found(error: Exception) -> bool:
    """Whether MLflow says that there is nothing of the name that it was asked for."""
    return "not found" in str(error).lower() or "RESOURCE_DOES_NOT_EXIST" in str(error)


def shown(uri: str) -> str:
    """A store as a person knows it: the file of a database, or an address without a password."""
    path = re.match(r"sqlite(?:\+\w+)?:///([^?]+)", uri)
    return path[1] if path else re.sub(r"//[^/]*@", "//", uri)


def damaged(store: object, how: str) -> StoreUnavailable:
    """A database that cannot be read as one."""
    return StoreUnavailable(
        f"the MLflow database {store} is damaged ({how})",
        "put a copy of it back, or 'phasegate doctor --repair' saves what can be read and moves it away",
    )


def newer(store: object, revision: str) -> StoreUnavailable:
    """A database of a schema that this MLflow does not know."""
    return StoreUnavailable(
        f"the MLflow database {store} has schema {revision}, which this MLflow does not know",
        "a newer one wrote it: use that one (pip install --upgrade mlflow)",
    )


def older(store: object, uri: str, revision: str) -> StoreUnavailable:
    """A database of an earlier schema."""
    return StoreUnavailable(
        f"the MLflow database {store} has the earlier schema {revision}",
        f"make a copy of it, then bring it up with 'mlflow db upgrade {uri}'",
    )
