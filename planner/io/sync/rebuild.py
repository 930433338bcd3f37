"""Rebuilds a journal from MLflow: beside its place, so that half of one is never taken for the whole."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from planner.io.journal.database import put_in_place
from planner.io.journal.journal import Journal
from planner.io.mlflow.client import has_store
from planner.io.system.permissions import may_write
from planner.paths import Home

_made: list[TemporaryDirectory[str]] = []
"""The folders of journals that belong to this process alone."""


def rebuild_journal(home: Home) -> Path:
    """Makes the journal of a home from what MLflow holds, where there is none and MLflow has a store.

    Returns:
        Where it is: in its place, or, where this process may not write there, in a folder that goes with it.

    Raises:
        StoreUnavailable: MLflow cannot be read.
        RecordError: MLflow holds a record that cannot be read; nothing is made.

    Side effects: reads MLflow, writes the journal; others who want the same wait for it.
    """
    from filelock import FileLock

    if not has_store(home):
        return home.journal
    if not may_write(home.mlruns):
        _made.append(TemporaryDirectory(prefix="phasegate-"))
        return _filled(home, Path(_made[-1].name) / home.journal.name).path
    lock = home.lock("journal")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, timeout=120):
        if home.journal.exists():
            return home.journal
        name = f"{home.journal.name}.rebuilding"
        for left in home.mlruns.glob(f"{name}*"):  # by one who was killed; nobody else is at it
            left.unlink()
        put_in_place(_filled(home, home.journal.with_name(name)).path, home.journal)
    return home.journal


def _filled(home: Home, path: Path) -> Journal:
    from planner.io.sync.sync import rebuild

    journal = Journal(path)
    journal.make()
    rebuild(home, journal)
    return journal
