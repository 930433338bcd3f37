"""The store of a home that may only be read: MLflow works on a copy of its database."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from planner.io.journal.copies import copy_for_reading
from planner.io.mlflow.artifact_location import left_behind, settle_in
from planner.paths import Home


def database_for_reading(home: Home, path: Path) -> Path:
    """A copy of a home's database in which artifacts are where they lie now.

    MLflow would look for tables to make and schemas to change, and for artifacts in the folder where the
    home was when its runs were made: an archive is often read in another.

    Raises:
        OSError, sqlite3.Error: it cannot be read, or there is no room for a copy.

    Side effects: writes a temporary folder, which is removed when this process ends.
    """
    copy = copy_for_reading(path)
    with closing(sqlite3.connect(copy)) as db:
        rows = db.execute("SELECT name, artifact_location FROM experiments").fetchall()
    for program, location in rows:
        if left_behind(home, str(program), str(location)) is not None:
            settle_in(home, str(program), str(location), copy)
    return copy
