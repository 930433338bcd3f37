"""Processes of this machine: whether one is still there, and how it is ended with what it started."""

from __future__ import annotations

import os
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from planner.paths import Home
from planner.records.base import digest_of

if TYPE_CHECKING:
    import psutil

PATIENCE_SECONDS = 10.0
_SAME_SECONDS = 1.0
"""Two start times that differ by less are one process: not every system tells them exactly."""


def home_mark(home: Home) -> str:
    """What tells this home on this machine from every other, and from its own copies.

    Where it lies makes the difference: whatever is written in a home is in its copy too.
    """
    return digest_of([socket.gethostname(), str(home.root.resolve())])


def start_time(pid: int) -> float:
    """When a process started (seconds since the epoch).

    Raises:
        psutil.Error: there is no such process.
    """
    import psutil

    return float(psutil.Process(pid).create_time())


def is_running(pid: int | None, started: float | None) -> bool:
    """Whether the process of that number is there and is the one that started then."""
    if pid is None or pid <= 0:
        return False
    import psutil

    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - (started or 0.0)) < _SAME_SECONDS and _lives(process)
    except psutil.Error:
        return False


def descendants(pid: int) -> list[int]:
    """The numbers of the processes that one has started, and of those that they did."""
    import psutil

    try:
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    except psutil.Error:
        return []


def memory_kills() -> int | None:
    """How many processes the system has killed because memory was short; None where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def is_worker_of(home: Home, pid: int | None, started: float | None) -> bool:
    """Whether that process still runs and is a worker of this home, as its command line says.

    A number and a start time name a worker of the original in a copied home, too, and after a restart
    of the machine perhaps a process of anybody's.
    """
    if pid is None or not is_running(pid, started):
        return False
    import psutil

    try:
        return home_mark(home) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def end_worker(home: Home, pid: int | None, started: float | None) -> None:
    """Kills a worker of this home, its process group and all that it started; returns when they are gone.

    A process that is not that worker, or no more, and this one itself, are left alone.

    Side effects: SIGKILL.
    """
    if pid is None or pid == os.getpid() or not is_worker_of(home, pid, started):
        return
    import psutil

    with suppress(psutil.Error):
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        with suppress(OSError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
        for one in family:
            with suppress(psutil.Error):
                one.kill()
        until = time.monotonic() + PATIENCE_SECONDS
        while any(map(_lives, family)) and time.monotonic() < until:
            time.sleep(0.01)


def _lives(process: psutil.Process) -> bool:
    """Whether it still runs; a dead one keeps its number until somebody collects it."""
    import psutil

    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
