"""How much of a disk something takes."""

from __future__ import annotations

import os
from pathlib import Path


def bytes_of(path: Path) -> int:
    """The bytes of a file, or of all files in a folder; a link counts as itself, what is gone as nothing."""
    if not path.is_dir() or path.is_symlink():
        return _size(path)
    inside = (Path(folder) / name for folder, _, names in os.walk(path) for name in names)
    return sum(map(_size, inside))


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def in_words(size: int) -> str:
    """``0 B``, ``12 kB``, ``3.4 MB``."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B"
