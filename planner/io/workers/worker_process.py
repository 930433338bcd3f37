"""A worker process, and the jobs in it, as their parent sees them."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments import worker
from experiments.workers.output import read_output

from planner.io.system.processes import descendants, home_mark, memory_kills, start_time
from planner.io.workers.results import ended_with, read_result
from planner.io.workers.without_secrets import without_secrets
from planner.paths import Home
from planner.records.jobs import Ended, Event, Job, Progressed, Started
from planner.records.runs import RunOutcome

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


@dataclass
class Assignment:
    """Jobs that a worker does at once: one, or several seeds of an arm that train together.

    Attributes:
        begun: when the worker took them; None before.
        done: the exit code of the process that they had to themselves; None until it and all that it started
            have ended.
        over: nothing more comes of these jobs.
    """

    jobs: tuple[Job, ...]
    worker: WorkerProcess
    attempts: int = 1
    begun: float | None = None
    done: int | None = None
    over: bool = False
    ended: dict[str, Ended] = field(default_factory=dict)

    def send(self) -> None:
        """Hands the jobs to their worker."""
        self.worker.send({"request": "run", "jobs": [job.model_dump(mode="json") for job in self.jobs]})

    @property
    def open(self) -> list[Job]:
        """The jobs that have not ended."""
        return [job for job in self.jobs if job.id not in self.ended]

    @property
    def limit(self) -> float | None:
        """Seconds that the jobs may take, all together."""
        limits = [job.timeout for job in self.jobs if job.timeout]
        return sum(limits) if limits else None

    def overdue(self) -> bool:
        """Whether the jobs have taken longer than they may."""
        limit = self.limit
        return limit is not None and self.begun is not None and time.monotonic() - self.begun >= limit

    def hear(self) -> list[Event]:
        """What the worker has said of the jobs since."""
        return [event for answer in self.worker.answers() for event in self._events(answer)]

    def _events(self, answer: dict[str, Any]) -> list[Event]:
        if answer["answer"] == "started":
            self.begun = time.monotonic()
            return [self._started(job) for job in self.jobs]
        if answer["answer"] == "progress":
            done, total = answer["done"], answer["total"]
            return [Progressed(job_id=job.id, done=done, total=total) for job in self.open]
        if answer["answer"] == "done":
            self.done = answer["code"]
            return []
        (job,) = (job for job in self.jobs if job.id == answer["id"])
        return [self.end(job, ended_with(job.id, answer))]

    def _started(self, job: Job) -> Started:
        by = self.worker
        return Started(job_id=job.id, pid=by.pid, process_start=by.process_start, host=socket.gethostname())

    def settle(self, outcome: RunOutcome, reason: str) -> list[Event]:
        """Ends the jobs of which nothing more will be heard: with what they left, or else as given."""
        return [self.end(job, self._left(job) or self._cut_off(job, outcome, reason)) for job in self.open]

    def end(self, job: Job, ended: Ended) -> Ended:
        """Ends a job, with what it printed and without secrets."""
        printed = ended.model_copy(update={"output": self._printed(job)})
        self.ended[job.id] = without_secrets(printed, job)
        return self.ended[job.id]

    def _left(self, job: Job) -> Ended | None:
        """A result is written whole and last: where there is one, only its answer is missing."""
        return read_result(Path(job.folder), job.id) if self.begun is not None else None

    def _cut_off(self, job: Job, outcome: RunOutcome, reason: str) -> Ended:
        """Its share of the time since they began is what it took."""
        seconds = 0.0 if self.begun is None else (time.monotonic() - self.begun) / len(self.jobs)
        return Ended(job_id=job.id, outcome=outcome, reason=reason, seconds=seconds)

    def _printed(self, job: Job) -> str:
        """Jobs that train together print into the first one's folder."""
        if self.begun is None:
            return self.worker.tail()
        return read_output(Path(job.folder)) or read_output(Path(self.jobs[0].folder))


def wait_for_any(running: Sequence[Assignment]) -> None:
    """Until a worker says something or a limit is reached; briefly, for a death may go unsaid."""
    now = time.monotonic()
    limits = [a.begun + a.limit - now for a in running if a.begun is not None and a.limit is not None]
    with selectors.DefaultSelector() as selector:
        for active in running:
            selector.register(active.worker, selectors.EVENT_READ)
        selector.select(max(0.0, min([POLL_SECONDS, *limits])))


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
