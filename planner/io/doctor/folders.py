"""Folders and files that cannot be written, and room on the disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

from planner.io.doctor.finding import HealthFinding, HomeUnderCheck
from planner.io.system.permissions import is_mounted_read_only, nearest

LEAST_FREE = 50 * 1024**2
"""Bytes below which a batch of runs may not find room: a store and a handful of artifacts."""


def check_folders(patient: HomeUnderCheck) -> Iterator[HealthFinding]:
    """Every folder and database that is written to, and the room that is left."""
    home = patient.home
    folders = (home.mlruns, home.locks, home.work, home.logs, home.artifacts, home.quarantine)
    paths = [*folders, home.memo_folder("").parent, home.journal, home.database]
    fixed = [nearest(path) for path in paths if is_mounted_read_only(path)]
    if fixed:
        yield HealthFinding(
            id="home.read_only",
            about=str(home.root),
            what=f"{fixed[0]} lies on a file system that is mounted read-only",
            mend="what is there can be read and audited; to run or repair anything, mount it writable",
            warning=True,
        )
    for path in paths:
        folder = nearest(path)
        if not os.access(folder, os.W_OK) and folder not in fixed:
            yield HealthFinding(
                id="folder.refused" if path.is_dir() or not path.exists() else "file.refused",
                about=str(path),
                what=f"{folder} cannot be written",
                mend="give this user the right to write it (chmod, chown, or mount it writable)",
            )
    free = shutil.disk_usage(nearest(home.mlruns)).free
    if free < LEAST_FREE and not fixed:
        yield HealthFinding(
            id="disk.nearly_full",
            about=str(home.mlruns),
            what=f"the disk that holds {home.mlruns} has {free / 1024**2:.0f} MiB left",
            mend="make room before the next advance",
            warning=True,
        )
