"""Where MLflow keeps a home's artifacts: by their whole path, which goes wrong when the home is moved or
copied, or when somebody edits a row.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlparse

from planner.errors import StoreUnavailable
from planner.paths import Home
from planner.text.terminal import sentence


def folder_of(location: str) -> Path | None:
    """The folder that an artifact location of MLflow names; None where it is no folder of this machine."""
    parts = urlparse(location)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


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
            f"in {folder}",
            "'phasegate doctor --repair' tells it where they are now",
        )


def misplaced_runs(database: Path, experiment: str, location: str) -> list[tuple[str, str]]:
    """(id, artifact location) of runs and pages of ours in a home's own database whose row was edited.

    MLflow itself puts the artifacts of a run in a folder of its own under that of the experiment.

    Args:
        experiment: its id.
        location: its artifact location.

    Raises:
        sqlite3.Error: the database cannot be read.
    """
    under, length = location.rstrip("/") + "/", len(location.rstrip("/")) + 1
    query = (
        "SELECT run_uuid, artifact_uri FROM runs WHERE experiment_id = ? "
        "AND (substr(artifact_uri, 1, ?) IS NOT ? OR substr(artifact_uri, ?) GLOB '*[^0-9a-zA-Z/]*') "
        "AND EXISTS (SELECT 1 FROM tags WHERE tags.run_uuid = runs.run_uuid AND tags.key LIKE 'planner.%')"
    )
    with closing(sqlite3.connect(database, timeout=20)) as db:
        rows = db.execute(query, (experiment, length, under, length + 1)).fetchall()
    return [(str(run), str(uri)) for run, uri in rows]


def refuse_misplaced(database: Path, experiment: str, location: str) -> None:
    """Refuses a database that would have files of ours written to a place that somebody named.

    Raises:
        StoreUnavailable: the first such run is named.
    """
    for run, uri in misplaced_runs(database, experiment, location):
        raise StoreUnavailable(
            f"MLflow run {run} was edited: its artifacts would be read and written in {sentence(uri)!r}, "
            f"and belong under {location}",
            "'phasegate doctor --repair' puts that right",
        )


def put_in_place(home: Home, run: str, location: str) -> None:
    """Tells MLflow again where a run's artifacts lie.

    Raises:
        sqlite3.Error: the database cannot be written.
    """
    with closing(sqlite3.connect(home.database, timeout=20)) as db, db:
        uri = f"{location.rstrip('/')}/{run}/artifacts"
        db.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (uri, run))


def settle_in(home: Home, program: str, location: str, database: Path) -> None:
    """Tells MLflow, which has no call for it, that a program's artifacts lie in this home.

    Args:
        location: where it looks for them.
        database: the home's, or a copy of it.

    Raises:
        sqlite3.Error: the database cannot be written.

    Side effects: the location of the experiment and of its runs, in one transaction.
    """
    new = (home.artifacts / program).resolve().as_uri()
    with closing(sqlite3.connect(database, timeout=20)) as db, db:
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            db.execute(
                f"UPDATE {table} SET {column} = ? || substr({column}, ?) "
                f"WHERE {column} = ? OR substr({column}, 1, ?) = ?",
                (new, len(location) + 1, location, len(location) + 1, f"{location}/"),
            )
