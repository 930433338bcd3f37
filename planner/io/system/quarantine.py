"""Moves what is broken out of the way; nothing is ever deleted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path


def move_away(path: Path, quarantine: Path) -> Path:
    """Moves a file or folder to ``quarantine/<time>-<name>``, SQLite's files beside a database with it.

    Returns:
        Where it lies now.

    Side effects: makes the folder; renames.
    """
    target = free_place(quarantine, path.name)
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(target.with_name(target.name + suffix))
    return target


def keep_text(text: str, name: str, quarantine: Path) -> Path:
    """Keeps a text that is about to be replaced, as a file of that name.

    Side effects: makes the folder; writes one file.
    """
    target = free_place(quarantine, name)
    target.write_text(text, encoding="utf-8")
    return target


def free_place(quarantine: Path, name: str) -> Path:
    """A path in the quarantine that nothing has yet.

    Side effects: makes the folder.
    """
    quarantine.mkdir(parents=True, exist_ok=True)
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{name}"
    target, number = quarantine / stem, 1
    while target.exists():
        number += 1
        target = quarantine / f"{stem}.{number}"
    return target
