"""Signs of life, by which others see that a planner lives where they cannot look."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from planner.errors import StoreUnavailable

BEAT_SECONDS = 15.0
DEAD_SECONDS = 120.0
"""After so long without a sign of life a planner on another machine is no longer believed to live."""


@contextmanager
def beating(beat: Callable[[], object], every: float = BEAT_SECONDS) -> Iterator[None]:
    """While it lasts, a sign of life is given every so many seconds.

    Side effects: a thread. A store that cannot be written just then is left to the next write that
    matters, which says so.
    """
    ended = threading.Event()

    def go_on() -> None:
        while not ended.wait(every):
            with suppress(StoreUnavailable):
                beat()

    thread = threading.Thread(target=go_on, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
