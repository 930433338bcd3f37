"""The heartbeat of runs in progress, by which another machine sees that their planner lives."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from planner.errors import StoreUnavailable
from planner.io.journal import Journal
from planner.ports import Clock

BEAT_SECONDS = 15.0
DEAD_SECONDS = 120.0
"""After so long without a heartbeat a lease of another machine is no longer believed."""


@contextmanager
def beating(journal: Journal, program: str, clock: Clock, every: float = BEAT_SECONDS) -> Iterator[None]:
    """While it lasts, the leases of a program's runs are fresh.

    Side effects: a thread that writes the journal every so many seconds. A journal that cannot be
    written just then is left to the next write that matters, which says so.
    """
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(every):
            with suppress(StoreUnavailable):
                journal.beat(program, clock.seconds())

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
