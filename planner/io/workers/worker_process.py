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

from planner.io.system.processes import descendants, memory_kills, start_time
from planner.records.jobs import Ended, Event, Job, Progressed, Started
from planner.records.runs import RunOutcome

POLL_SECONDS = 0.25
LEAVE_SECONDS = 2.0
TAIL_BYTES = 8192
_PACKAGES = Path(worker.__file__).resolve().parents[1]
_living: set[WorkerProcess] = set()
"""The workers of this process that nobody has ended."""


def end_workers() -> None:
    """Kills every worker of this process with all that it started; waits for nothing."""
    for left in list(_living):
        left.kill_family()


class WorkerProcess:
    """A worker process as its parent sees it; leads a process group of its own.

    Its stderr goes to ``log``, and so does what an experiment prints.
    """

    def __init__(self, python: str, home: Path, threads: int, log: Path, code: Path | None = None) -> None:
        command = [python, "-m", "experiments.worker", str(home), "--threads", str(threads)]
        command += ["--code", str(code)] if code is not None else []
        pipe = subprocess.PIPE
        log.unlink(missing_ok=True)  # an earlier launcher's
        self._log = log.open("a+b")
        # Started in the folder of the packages, which makes them importable without PYTHONPATH: that
        # would also reach whatever a user's own command starts.
        self._process = subprocess.Popen(
            command, cwd=_PACKAGES, stdin=pipe, stdout=pipe, stderr=self._log, start_new_session=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        os.set_blocking(self._answers.fileno(), False)
        self._unread = b""
        self._silent = False
        self._ended: str | None = None
        self._served = 0
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
        return [json.loads(line) for line in lines]

    def gone(self) -> bool:
        """Whether it died; a child that it left behind may still hold its pipe open."""
        return self._silent or self._process.poll() is not None

    def tail(self) -> str:
        """The end of what it wrote to its log since it started, or since it was last free."""
        start = max(self._served, self._written() - TAIL_BYTES)
        return os.pread(self._log.fileno(), TAIL_BYTES, start).decode(errors="replace")

    def mark(self) -> None:
        """What it wrote until now belongs to what it has done."""
        self._served = self._written()

    def _written(self) -> int:
        return os.fstat(self._log.fileno()).st_size

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

    @property
    def ran_out_of_memory(self) -> bool:
        """Whether the system killed it because memory was short: it says so in a count alone."""
        before, now = self._memory_kills, memory_kills()
        killed = self._process.returncode == -signal.SIGKILL
        return killed and before is not None and now is not None and now > before

    def _kill(self) -> str:
        self.kill_family()
        code = self._process.wait()
        _living.discard(self)
        if code >= 0:
            return f"the worker left with exit code {code}"
        with contextlib.suppress(ValueError):
            return f"the worker was killed by {signal.Signals(-code).name}"
        return f"the worker was killed by signal {-code}"

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


@dataclass
class Assignment:
    """Jobs that a worker does at once: one, or several seeds of an arm that train together."""

    jobs: tuple[Job, ...]
    worker: WorkerProcess
    attempts: int = 1
    begun: float | None = None
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
        (job,) = (job for job in self.jobs if job.id == answer["id"])
        ending = {key: answer[key] for key in ("outcome", "reason", "raised_at", "seconds", "device")}
        return [self.end(job, **ending)]

    def _started(self, job: Job) -> Started:
        by = self.worker
        return Started(job_id=job.id, pid=by.pid, process_start=by.process_start, host=socket.gethostname())

    def end(
        self,
        job: Job,
        outcome: RunOutcome,
        reason: str,
        seconds: float | None = None,
        device: str | None = None,
        raised_at: str = "",
    ) -> Ended:
        """Ends a job; its share of the time since they began counts where the worker did not say."""
        if seconds is None:
            seconds = 0.0 if self.begun is None else (time.monotonic() - self.begun) / len(self.jobs)
        tail = "" if outcome == "ok" else self.worker.tail()
        self.ended[job.id] = Ended(
            job_id=job.id,
            outcome=outcome,
            reason=reason,
            raised_at=raised_at,
            seconds=seconds,
            device=device,
            stderr_tail=tail,
        )
        return self.ended[job.id]


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
        while not said or said[-1]["answer"] == "started":
            dead = worker.gone()  # first: what it said before it died is then read all the same
            if not dead:
                selector.select(POLL_SECONDS)
            said += worker.answers()
            if dead:
                break
    return said
