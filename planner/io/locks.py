"""One ``advance`` per program at a time."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from planner.errors import ProgramBusy
from planner.paths import Home


@dataclass(frozen=True)
class Holder:
    """The process that holds a program, and since when."""

    pid: int
    since: str
    host: str


@contextmanager
def program_lock(home: Home, program: str, now: str) -> Iterator[None]:
    """Holds a program; the lock goes with the process, however it ends.

    Raises:
        ProgramBusy: another process holds it (pid and since when are named); try again later.

    Side effects: creates the lock file and, beside it, who holds it.
    """
    from filelock import FileLock, Timeout

    path = home.lock(program)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = holder_of(home, program)
        who = f"process {holder.pid} on {holder.host} since {holder.since}" if holder else "another process"
        raise ProgramBusy(f"{program} is being advanced by {who}; try again when it has ended") from None
    info = path.with_suffix(".json")
    try:
        told = {"pid": os.getpid(), "since": now, "host": socket.gethostname()}
        info.write_text(json.dumps(told), encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            info.unlink()
        lock.release()


def holder_of(home: Home, program: str) -> Holder | None:
    """The living process that holds a program; None where nobody does.

    Side effects: reads a file and asks the system whether the process is there.
    """
    try:
        told = json.loads(home.lock(program).with_suffix(".json").read_text(encoding="utf-8"))
        holder = Holder(int(told["pid"]), str(told["since"]), str(told["host"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if holder.host != socket.gethostname():
        return holder
    try:
        os.kill(holder.pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        return holder
    return holder
