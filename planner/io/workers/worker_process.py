"""A worker process as its parent sees it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
from pathlib import Path
from typing import Any

from experiments import worker

from planner.io.system.processes import descendants, home_mark, memory_kills, start_time
from planner.paths import Home

POLL_SECONDS = 0.25
LEAVE_SECONDS = 2.0
TAIL_BYTES = 8192
_PACKAGES = Path(worker.__file__).resolve().parents[1]
_SAME_ORDER = {"PYTHONHASHSEED": "0"}
"""A set of texts comes in the same order in every run, unless the user wants another."""
_living: set[WorkerProcess] = set()
"""The workers of this process that nobody has ended."""


def end_workers() -> None:
    """Kills every worker of this process with all that it started; waits for nothing."""
    for left in list(_living):
        left.kill_family()


class WorkerProcess:
    """A worker process as its parent sees it; leads a process group of its own.

    Its stderr goes to ``log``; what runs print, it keeps in their folders.

    Args:
        code: see :class:`planner.io.workers.launcher.LocalLauncher`.
        spawn: a new interpreter for each run, also where a fork would do.
        shared: a folder for what several runs would compute alike (:mod:`experiments.parts.shared_results`).
    """

    def __init__(
        self,
        python: str,
        home: Path,
        threads: int,
        log: Path,
        shared: Path,
        code: Path | None = None,
        spawn: bool = False,
    ) -> None:
        command = [python, "-m", "experiments.worker", str(home), "--threads", str(threads)]
        command += ["--home-mark", home_mark(Home(home))]
        command += ["--code", str(code.resolve())] if code is not None else []
        command += ["--spawn"] if spawn else []
        pipe = subprocess.PIPE
        log.unlink(missing_ok=True)  # an earlier launcher's
        self._log = log.open("a+b")
        # Started in the folder of the packages, which makes them importable without PYTHONPATH: that
        # would also reach whatever a user's own command starts.
        self._process = subprocess.Popen(
            command,
            cwd=_PACKAGES,
            env={**_SAME_ORDER, **os.environ, "PHASEGATE_SHARED": str(shared)},
            stdin=pipe,
            stdout=pipe,
            stderr=self._log,
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        os.set_blocking(self._answers.fileno(), False)
        self._unread = b""
        self._silent = False
        self._ended: str | None = None
        self._memory_kills = memory_kills()
        self.pid = self._process.pid
        _living.add(self)
        self.process_start = start_time(self.pid)

    def fileno(self) -> int:
        return self._answers.fileno()

    def send(self, request: dict[str, Any]) -> None:
        """Hands it a request; a dead worker is noticed when its answers are read."""
        self._memory_kills = memory_kills()
        with contextlib.suppress(OSError):
            self._requests.write(json.dumps(request).encode() + b"\n")
            self._requests.flush()

    def answers(self) -> list[dict[str, Any]]:
        """What it has said since; never waits."""
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self.fileno(), 65536):
                self._unread += piece
            self._silent = True
        *lines, self._unread = self._unread.split(b"\n")
        return [json.loads(line) for line in lines if _is_whole(line)]

    def gone(self) -> bool:
        """Whether it died; a child that it left behind may still hold its pipe open."""
        return self._silent or self._process.poll() is not None

    def tail(self) -> str:
        """The end of what it wrote to its log; what runs print is in their folders."""
        start = max(0, os.fstat(self._log.fileno()).st_size - TAIL_BYTES)
        return os.pread(self._log.fileno(), TAIL_BYTES, start).decode(errors="replace")

    def kill(self) -> str:
        """Ends it and all that it started; how it had ended, in words."""
        if self._ended is None:  # once: afterwards its number may belong to another process
            self._ended = self._kill()
        return self._ended

    def kill_family(self) -> None:
        """Kills it, its process group, and what left the group; waits for nothing."""
        beyond = descendants(self.pid) if self._process.poll() is None else []
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a zombie
            os.killpg(self.pid, signal.SIGKILL)
        for pid in beyond:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def ran_out_of_memory(self, code: int | None = None) -> bool:
        """Whether the system killed it because memory was short: it says so in a count alone.

        Args:
            code: exit code of the process of a run; None means this one's own.
        """
        code = self._process.returncode if code is None else code
        before, now = self._memory_kills, memory_kills()
        return code == -signal.SIGKILL and before is not None and now is not None and now > before

    def _kill(self) -> str:
        self.kill_family()
        code = self._process.wait()
        _living.discard(self)
        return ending_named("the worker", code)

    def hang_up(self) -> None:
        """Asks it to leave."""
        with contextlib.suppress(OSError):
            self._requests.close()

    def close(self) -> None:
        """Ends it, politely if it has been asked to leave, and frees what the parent held."""
        if self._requests.closed:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(LEAVE_SECONDS)
        self.kill()
        self.hang_up()
        self._answers.close()
        self._log.close()


def _is_whole(line: bytes) -> bool:
    """Whether a line was said to its end: a process may be killed within one."""
    return line.startswith(b"{") and line.endswith(b"}")


def ending_named(who: str, code: int) -> str:
    """How a process ended, in words; a negative exit code is that of a signal."""
    if code >= 0:
        return f"{who} left with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"{who} was killed by {signal.Signals(-code).name}"
    return f"{who} was killed by signal {-code}"


def ask(worker: WorkerProcess, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that the worker says to a request, up to the answer or its death."""
    worker.send(request)
    said: list[dict[str, Any]] = []
    with selectors.DefaultSelector() as selector:
        selector.register(worker, selectors.EVENT_READ)
        while not said or said[-1]["answer"] != "done":
            dead = worker.gone()  # first: what it said before it died is then read all the same
            if not dead:
                selector.select(POLL_SECONDS)
            said += worker.answers()
            if dead:
                break
    return said
