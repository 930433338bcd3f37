"""One ``advance`` per program at a time."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.errors import ProgramBusy
from planner.io.system.processes import home_mark, is_running, start_time
from planner.paths import Home

if TYPE_CHECKING:
    from filelock import BaseFileLock


POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Holder:
    """The process that holds a program, and since when.

    Attributes:
        started: when the process started (seconds since the epoch); None where the note does not say.
        works_on: the folder of the home that it works on; None where the note does not say.
        command: what it does with the program.
    """

    pid: int
    since: str
    host: str
    started: float | None = None
    works_on: str | None = None
    command: str = "advance"

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        return self.host == socket.gethostname()


@contextmanager
def program_lock(
    home: Home,
    program: str,
    now: str,
    wait: bool = False,
    tell: Callable[[str], object] = lambda _: None,
    works_on: Home | None = None,
    command: str = "advance",
) -> Iterator[None]:
    """Holds a program; the lock goes with the process, however it ends.

    Args:
        wait: waits until it is free, instead of raising.
        tell: takes the line that says for whom it waits.
        works_on: the home that this process works on, where that is another which uses this one's store.
        command: what this process does with the program.

    Raises:
        ProgramBusy: another process holds it (pid and since when are named); try again later.
        OSError: the lock file cannot be made; without it nobody would see that the program is held.

    Side effects: creates the lock file and, beside it, who holds it.
    """
    path = home.lock(program)
    lock = _acquired(home, program, wait, tell)
    note = path.with_suffix(".json")
    try:
        _write_note(note, now, home, works_on or home, command)
        yield
    finally:
        with suppress(OSError):
            note.unlink()
        lock.release()


def _acquired(home: Home, program: str, wait: bool, tell: Callable[[str], object]) -> BaseFileLock:
    from filelock import FileLock, Timeout

    path, waiting_said = home.lock(program), False
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = FileLock(path)
            lock.acquire(timeout=0)
        except Timeout:
            busy = _busy(home, program)
        else:
            # A lock file that was deleted while its holder lives locks nobody out; its note still does.
            holder = holder_of(home, program)
            if holder is None or not holder.is_here or holder.pid == os.getpid():
                return lock
            lock.release()
            busy = _busy(home, program)
        if not wait:
            raise ProgramBusy(busy, "try again when it has ended, or wait for it with --wait")
        if not waiting_said:
            tell(f"{busy}; waiting")
            waiting_said = True
        time.sleep(POLL_SECONDS)


def _busy(home: Home, program: str) -> str:
    holder = holder_of(home, program)
    return f"{program} is being advanced by {holder or 'another process'}"


def _write_note(note: Path, now: str, lies_in: Home, works_on: Home, command: str) -> None:
    homes = {"home": home_mark(lies_in), "works_on": str(works_on.root.resolve())}
    with suppress(OSError):  # it tells others who holds the lock, which is held all the same
        note.write_text(json.dumps({**this_process(now), **homes, "command": command}), encoding="utf-8")


def this_process(since: str) -> dict[str, Any]:
    """What tells others which process holds a program."""
    pid = os.getpid()
    return {"pid": pid, "since": since, "host": socket.gethostname(), "started": start_time(pid)}


def holder_of(home: Home, program: str) -> Holder | None:
    """The living process that holds a program; None where nobody does.

    A note that came here with a copy of its home speaks of that home.

    Side effects: reads a file and asks the system whether the process is there.
    """
    try:
        note = json.loads(home.lock(program).with_suffix(".json").read_text(encoding="utf-8"))
        holder = _holder(note)
        copied = note.get("home", home_mark(home)) != home_mark(home)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return holder if not holder.is_here or (is_there(holder) and not copied) else None


def _holder(note: dict[str, Any]) -> Holder:
    started = note.get("started")
    return Holder(
        pid=int(note["pid"]),
        since=str(note["since"]),
        host=str(note["host"]),
        started=started and float(started),
        works_on=note.get("works_on"),
        command=str(note.get("command", "advance")),
    )


def is_there(holder: Holder) -> bool:
    """Whether a process of this machine still runs.

    Side effects: asks the system.
    """
    if holder.started is not None:
        return is_running(holder.pid, holder.started)
    try:
        os.kill(holder.pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
