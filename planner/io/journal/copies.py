"""Copies of SQLite databases that lie where this process may not write.

SQLite writes beside a database even to read it, where the last process that wrote it was killed; and MLflow
keeps the whole paths of artifacts in it, which are wrong where the home lies elsewhere than it did.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

_BESIDE = ("", "-wal", "-journal")
_copies: dict[Path, tuple[object, TemporaryDirectory[str]]] = {}
"""Database -> what its files were when it was copied, and the folder of the copy."""


def copy_for_reading(path: Path) -> Path:
    """A copy of a database, as it is now; the same one while the database does not change.

    Raises:
        OSError: it cannot be read, or there is no room for a copy.

    Side effects: writes a temporary folder, which is removed when this process ends.
    """
    stamps = _stamps(path)
    if path not in _copies or _copies[path][0] != stamps:
        folder = TemporaryDirectory(prefix="phasegate-")
        _copy(path, Path(folder.name) / path.name)
        _copies[path] = stamps, folder
    return Path(_copies[path][1].name) / path.name


def _copy(path: Path, copy: Path) -> None:
    """Through SQLite, which waits for others that write; file by file where it would have to write itself.

    It would where the last process was killed in the middle. Then nobody is at work, and SQLite finds in the
    copy what it needs.
    """
    with suppress(sqlite3.OperationalError):
        address = f"{path.resolve().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as old, closing(sqlite3.connect(copy)) as new:
            old.backup(new)
            return
    for suffix in _BESIDE:
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            shutil.copyfile(beside, copy.with_name(copy.name + suffix))


def _stamps(path: Path) -> list[tuple[int, int] | None]:
    stats = [
        beside.stat() if beside.exists() else None
        for beside in (path.with_name(path.name + s) for s in _BESIDE)
    ]
    return [(stat.st_size, stat.st_mtime_ns) if stat else None for stat in stats]
