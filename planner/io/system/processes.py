"""Processes of this machine: whether one is still there, and how it is ended with what it started."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

PATIENCE_SECONDS = 10.0
_SAME_SECONDS = 1.0
"""Two start times that differ by less are one process: not every system tells them exactly."""


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


def open_file_below(pid: int | None, started: float | None, folder: Path) -> Path | None:
    """A file in a folder that a process has open; None where there is none, or the system does not say."""
    if pid is None or not is_running(pid, started):
        return None
    import psutil

    try:
        paths = [Path(file.path) for file in psutil.Process(pid).open_files()]
    except psutil.Error:
        return None
    return next((path for path in paths if folder.resolve() in path.parents), None)


def memory_kills() -> int | None:
    """How many processes the system has killed because memory was short; None where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), None)


def end_family(pid: int | None, started: float | None) -> None:
    """Kills a worker, its process group and all that it started; returns when they are gone.

    A process that is not that worker any more, and this one itself, are left alone.

    Side effects: SIGKILL.
    """
    if pid is None or pid == os.getpid() or not is_running(pid, started):
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
