"""A home that was moved or copied: MLflow keeps the folders of artifacts by their whole path."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlparse

from planner.errors import StoreUnavailable
from planner.paths import Home


def folder_of(location: str) -> Path | None:
    """The folder that an artifact location of MLflow names; None where it is no folder of this machine."""
    found = urlparse(location)
    return Path(unquote(found.path)) if found.scheme == "file" else None


def left_behind(home: Home, program: str, location: str) -> Path | None:
    """Where MLflow looks for a program's artifacts, if that is where this home was before.

    Args:
        location: of the program's experiment, in the home's own database.
    """
    here, folder = home.artifacts / program, folder_of(location)
    if folder is None or len(folder.parents) < 3 or not here.is_dir():
        return None
    was_a_homes = folder == Home(folder.parents[2]).artifacts / program
    return folder if was_a_homes and folder.resolve() != here.resolve() else None


def refuse_moved(home: Home, program: str, location: str) -> None:
    """Refuses a home whose artifacts MLflow would read, and write, in another place.

    Raises:
        StoreUnavailable: it was moved or copied, and nobody has told MLflow.
    """
    folder = left_behind(home, program, location)
    if folder is not None:
        raise StoreUnavailable(
            f"the home {home.root} was moved or copied: MLflow still looks for the artifacts of '{program}' "
            f"in {folder}; 'phasegate doctor --repair' tells it where they are now"
        )


def settle_in(home: Home, program: str, location: str) -> None:
    """Tells MLflow, which has no call for it, that a program's artifacts lie in this home.

    Raises:
        sqlite3.Error: the database cannot be written.

    Side effects: the location of the experiment and of its runs, in one transaction.
    """
    new = (home.artifacts / program).resolve().as_uri()
    with closing(sqlite3.connect(home.database, timeout=20)) as db, db:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            db.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                (new, len(location) + 1, location, len(location) + 1, f"{location}/"),
            )
