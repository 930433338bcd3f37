"""Rebuilds a journal from MLflow: beside its place, so that half of one is never taken for the whole."""

from __future__ import annotations

from planner.io.journal.database import put_in_place
from planner.io.journal.journal import Journal
from planner.io.mlflow.client import has_store
from planner.paths import Home


def rebuild_journal(home: Home) -> None:
    """Makes the journal of a home from what MLflow holds, where there is none and MLflow has a store.

    Raises:
        StoreUnavailable: MLflow cannot be read.
        RecordError: MLflow holds a record that cannot be read; nothing is made.

    Side effects: reads MLflow, writes the journal; others who want the same wait for it.
    """
    from filelock import FileLock

    if not has_store(home):
        return
    from planner.io.sync.sync import rebuild

    lock = home.lock("journal")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(lock, timeout=120):
        if home.journal.exists():
            return
        name = f"{home.journal.name}.rebuilding"
        for left in home.mlruns.glob(f"{name}*"):  # by one who was killed; nobody else is at it
            left.unlink()
        aside = Journal(home.journal.with_name(name))
        aside.make()
        rebuild(home, aside)
        put_in_place(aside.path, home.journal)
