"""Stopping in good order: a signal waits for what is being written, and a second one does not.

Nothing is lost wherever a stop comes, but a write that is cut off has to be done again by the next
``advance``; a short wait is better.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = tuple(s for name in ("SIGINT", "SIGTERM", "SIGHUP") if (s := getattr(signal, name, None)))


class Stopped(BaseException):
    """A signal asked the process to end.

    No ``Exception``: nothing that mends errors may swallow it.

    Attributes:
        number: the signal.
        marked: how many runs in progress were marked as cut off.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.marked = 0

    @property
    def name(self) -> str:
        """The signal's name."""
        return signal.Signals(self.number).name

    @property
    def exit_code(self) -> int:
        """As shells number it: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number


class _State:
    """What the signal handler and the writes of this process know of each other."""

    depth = 0
    requested: int | None = None
    waiting = False


@contextmanager
def stoppable(end_at_once: Callable[[], object]) -> Iterator[None]:
    """Within it, the first signal raises ``Stopped``, after the write in progress; a second one kills.

    Args:
        end_at_once: ends the processes that this one has started; called before it dies.

    Side effects: replaces the handlers of the signals until it ends.
    """

    def handle(number: int, _: Any) -> None:
        if _State.requested is not None:
            end_at_once()
            os._exit(128 + number)
        _State.requested = number
        if _State.depth:
            _State.waiting = True
            _say("stopping when what is being written is whole; once more ends at once\n")
            return
        raise Stopped(number)

    # What whoever started this process had it ignore (nohup, a shell's background) stays ignored.
    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, handle) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _State.requested, _State.waiting, _State.depth = None, False, 0


@contextmanager
def whole() -> Iterator[None]:
    """What is done within it is done to its end before a signal stops the process.

    Raises:
        Stopped: at its end, where a signal came meanwhile.
    """
    _State.depth += 1
    try:
        yield
    finally:
        _State.depth -= 1
    if _State.waiting and not _State.depth and _State.requested is not None:
        _State.waiting = False
        raise Stopped(_State.requested)


def _say(text: str) -> None:
    """A line for the person who waits; written past Python's buffers, which the signal may have cut into."""
    try:
        os.write(sys.stderr.fileno(), text.encode())
    except (OSError, ValueError):
        return
