"""What this process may write, and what nobody may."""

from __future__ import annotations

import os
from pathlib import Path


def may_write(path: Path) -> bool:
    """Whether this process may write a file or folder, or make it where it is not there yet."""
    return os.access(nearest(path), os.W_OK)


def is_mounted_read_only(path: Path) -> bool:
    """Whether a file or folder lies, or would lie, on a file system that nobody can write."""
    return bool(os.statvfs(nearest(path)).f_flag & os.ST_RDONLY)


def nearest(path: Path) -> Path:
    """The path itself, or the folder in which it would be made."""
    while not path.exists():
        path = path.parent
    return path
