"""What Linux does for processes that belong together; elsewhere these do nothing, or say that they cannot."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36
"""Options of ``prctl``."""
PATIENCE_SECONDS = 2.0
FORK_SAFE = frozenset({"jemalloc_bg_thd"})
"""Names of threads that libraries start as they are imported (pyarrow) and that look after forks."""
_TASKS = Path("/proc/self/task")


def _process_control(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def adopt_orphans() -> None:
    """Makes what this process's children leave behind its own children, however they left."""
    _process_control(SET_CHILD_SUBREAPER, 1)


def die_with(parent: int) -> None:
    """Ends this process when its parent ends, which must have no other threads."""
    _process_control(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended in between
        os.kill(os.getpid(), signal.SIGKILL)


def can_fork() -> bool:
    """Whether a fork of this process is whole: it has one thread, and has not begun to use a device."""
    if sys.platform != "linux" or not _TASKS.is_dir() or not hasattr(os, "pidfd_open"):
        return False
    return threading.active_count() == 1 and len(_threads()) == 1 and not _uses_device()


def _threads() -> list[str]:
    """The threads of this process but for those that stop and begin again around a fork by themselves."""
    threads = os.listdir(_TASKS)
    if len(threads) > 1:
        threads = [one for one in threads if (_TASKS / one / "comm").read_text().strip() not in FORK_SAFE]
    return threads


def _uses_device() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and any(
        device.is_initialized()
        for name in ("cuda", "xpu")
        if (device := getattr(torch, name, None)) is not None and hasattr(device, "is_initialized")
    )


@contextmanager
def noticed(child: int) -> Iterator[list[int]]:
    """Files that can be read from when a child has ended; none where the system has no such thing."""
    if not hasattr(os, "pidfd_open"):
        yield []
        return
    file = os.pidfd_open(child)
    try:
        yield [file]
    finally:
        os.close(file)


def end_children() -> None:
    """Kills every child of this process, and what they leave behind in turn."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (children := _children()) and time.monotonic() < until:
        for child in children:
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _children() -> list[int]:
    with suppress(OSError):
        return [
            int(word)
            for task in os.listdir(_TASKS)
            for word in (_TASKS / task / "children").read_text().split()
        ]
    return []


def end_this_process() -> None:
    """Kills this process, and with it its group if it leads one."""
    leader = os.getpgrp() == os.getpid()
    (os.killpg if leader else os.kill)(os.getpid(), signal.SIGKILL)
