"""A Python that has imported what the command line imports, and forks a process for each script asked of it.

A child is a process like any other: its own pid, environment, folder, streams and signals, and the end that
an interpreter comes to. What it is spared is the start. The parent imports and does nothing else: a store
that were open in it would be open in every child.

Run as ``python -m tests.support.warm_parent SOCKET`` by ``warm.py``, whose requests come over that socket
(its number). It leaves when the socket is closed.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

import planner
from planner.io.mlflow.client import _SETTINGS as MLFLOW_SETTINGS
from tests.support.warm import LENGTH, Start

IMPORTED_LATE = (
    "PIL.PngImagePlugin",
    "alembic.command",
    "cli",
    "filelock",
    "jinja2",
    "langgraph.checkpoint.memory",
    "langgraph.graph",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "mlflow",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "scipy.optimize",
    "scipy.special",
    "sqlalchemy.dialects.sqlite",
)
"""What commands import only where they need it."""


@dataclass(frozen=True)
class Request:
    """What a child is to be.

    Attributes:
        streams: its stdin, stdout and stderr.
        report: takes its pid, and how it ended.
    """

    start: Start
    streams: list[int]
    report: int


def main() -> None:
    """Serves requests; in a child, runs its script as ``python SCRIPT`` would."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C ends the tests, and their end this
    added = import_everything()
    assert threading.active_count() == 1, threading.enumerate()
    gc.collect()
    gc.freeze()  # a child's first collection would copy every page
    if request := serve(socket.socket(fileno=int(sys.argv[1]))):
        become(request, added)
        leave(run(request.start.words[0]))


def import_everything() -> dict[str, str]:
    """Imports what commands do; gives what that added to the environment."""
    before = set(os.environ)
    for name, value in MLFLOW_SETTINGS.items():  # as a command sets them, before it imports MLflow
        os.environ.setdefault(name, value)
    ours = [module.name for module in pkgutil.walk_packages(planner.__path__, "planner.")]
    for name in (*ours, *IMPORTED_LATE):
        importlib.import_module(name)
    return {name: value for name, value in os.environ.items() if name not in before}


def serve(requests: socket.socket) -> Request | None:
    """Forks a child for every request and reports its end; None when the socket is closed.

    Returns:
        In every child, what it is to do.
    """
    reports: dict[int, int] = {}
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            report_ends(reports)
        if requests in ready:
            request = receive(requests)
            if request is None:
                return None
            if (pid := os.fork()) == 0:
                requests.close()
                return request
            reports[pid] = request.report
            for stream in request.streams:  # a reader of the child's would wait for this copy too
                os.close(stream)


def report_ends(reports: dict[int, int]) -> None:
    """Says how each child ended that has."""
    while reports and (ended := os.waitpid(-1, os.WNOHANG))[0]:
        report = reports.pop(ended[0])
        with suppress(BrokenPipeError):  # nobody waits for it any more
            os.write(report, f"{os.waitstatus_to_exitcode(ended[1])}\n".encode())
        os.close(report)


def receive(requests: socket.socket) -> Request | None:
    """The next request; None when there are no more."""
    start, numbers, _, _ = socket.recv_fds(requests, LENGTH.size, 4)
    if not start:
        return None
    (length,) = LENGTH.unpack(start)
    text = b""
    while len(text) < length:
        text += requests.recv(length - len(text))
    *streams, report = numbers
    return Request(Start(**json.loads(text)), streams, report)


def become(request: Request, added: dict[str, str]) -> None:
    """Makes this process what a fresh interpreter with that script would be."""
    start = request.start
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    for number in start.ignored:
        signal.signal(number, signal.SIG_IGN)
    if start.new_session:
        os.setsid()
    for number, stream in enumerate(request.streams):
        os.dup2(stream, number)
    os.write(request.report, f"{os.getpid()}\n".encode())
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.chdir(start.folder)
    os.environ.clear()
    os.environ.update({**added, **start.environment})
    sys.argv = start.words
    sys.path[0] = os.path.dirname(start.words[0])


def run(script: str) -> int:
    """Runs a script; the exit code that an interpreter would end with."""
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def leave(code: int) -> NoReturn:
    """Ends as an interpreter does, but takes nothing apart: that would copy all that was imported."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        code = 120
    os._exit(code)


if __name__ == "__main__":
    main()
