"""Runs jobs in local worker processes (see :mod:`experiments.worker` for what they say)."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from experiments import worker

from planner.errors import PhasegateError, ProgramError
from planner.runs import Description, Ended, Event, Job, Progressed, RunOutcome, Started

START_ATTEMPTS = 3
POLL_SECONDS = 0.25
LEAVE_SECONDS = 2.0
TAIL_BYTES = 8192
_PACKAGES = Path(worker.__file__).resolve().parents[1]


class _Worker:
    """A worker process as its parent sees it; leads a process group of its own.

    Its stderr goes to ``log``, and so does what an experiment prints.
    """

    def __init__(self, python: str, home: Path, threads: int, log: Path) -> None:
        command = [python, "-m", "experiments.worker", str(home), "--threads", str(threads)]
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
        self.pid = self._process.pid
        self.process_start = psutil.Process(self.pid).create_time()

    def fileno(self) -> int:
        return self._answers.fileno()

    def send(self, request: dict[str, Any]) -> None:
        """Hands it a request; a dead worker is noticed when its answers are read."""
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

    def _kill(self) -> str:
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: EPERM for a zombie
            os.killpg(self.pid, signal.SIGKILL)
        code = self._process.wait()
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
class _Active:
    """A job in a worker."""

    job: Job
    worker: _Worker
    attempts: int = 1
    begun: float | None = None
    ended: Ended | None = None

    def send(self) -> None:
        self.worker.send({"request": "run", "job": self.job.model_dump(mode="json")})

    def overdue(self) -> bool:
        limit = self.job.timeout
        return limit is not None and self.begun is not None and time.monotonic() - self.begun >= limit

    def hear(self) -> list[Event]:
        """What the worker has said of the job since."""
        return [self._event(answer) for answer in self.worker.answers()]

    def _event(self, answer: dict[str, Any]) -> Event:
        if answer["answer"] == "started":
            self.begun = time.monotonic()
            return Started(
                job_id=self.job.id,
                pid=self.worker.pid,
                process_start=self.worker.process_start,
                host=socket.gethostname(),
            )
        if answer["answer"] == "progress":
            return Progressed(job_id=self.job.id, done=answer["done"], total=answer["total"])
        return self.end(answer["outcome"], answer["reason"], answer["seconds"])

    def end(self, outcome: RunOutcome, reason: str, seconds: float | None = None) -> Ended:
        if seconds is None:
            seconds = 0.0 if self.begun is None else time.monotonic() - self.begun
        tail = "" if outcome == "ok" else self.worker.tail()
        self.ended = Ended(
            job_id=self.job.id, outcome=outcome, reason=reason, seconds=seconds, stderr_tail=tail
        )
        return self.ended


class LocalLauncher:
    """Runs jobs side by side in worker processes of this machine, each serving many.

    Workers are started when they are needed. What they write to stderr is in ``worker-<n>.log``,
    which the next launcher in that folder replaces.

    Args:
        home: the folder whose ``experiments/`` are looked at first; runs happen in it.
        jobs: how many workers there may be.
        log_folder: where the workers' logs go; made if it is not there.
        python: the interpreter that runs them.
        threads: threads of torch in each.
    """

    def __init__(
        self, home: Path, jobs: int, log_folder: Path, python: str = sys.executable, threads: int = 1
    ) -> None:
        self._home = home.resolve()
        self._jobs = max(1, jobs)
        self._log_folder = log_folder
        self._python = python
        self._threads = threads
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._numbers = itertools.count(1)

    def describe(self, experiment: str, wanted: Sequence[tuple[dict[str, Any], str]]) -> list[Description]:
        """What an experiment says of each (params, fidelity).

        Raises:
            ProgramError: the experiment is not there or cannot be imported (path ``experiment``), or
                refuses a parameter (path ``arms``). The caller shows where the program says so.
            PhasegateError: no worker can be started.

        Side effects:
            Starts a worker where none is idle; imports the experiment in it.
        """
        request = {"request": "describe", "experiment": experiment, "wanted": list(wanted)}
        tail = ""
        for _ in range(START_ATTEMPTS):
            asked = self._take()
            try:
                answers = _ask(asked, request)
            except BaseException:
                self._discard(asked)
                raise
            if answers[-1:] and answers[-1]["answer"] != "started":
                self._give_back(asked)
                return _described(answers[-1])
            how, tail = asked.kill(), asked.tail()
            self._discard(asked)
            if answers:
                text = f"describing experiment `{experiment}` ended its worker: {how}"
                raise ProgramError([(("experiment",), text)])
        raise PhasegateError(_not_started(tail))

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        """Runs jobs and yields what happens; each job ends in exactly one ``Ended``.

        A job is taken only when a worker is free for it, after the caller has seen what ended
        before. A worker that dies is replaced; a job's time limit counts from its ``Started``.

        Raises:
            PhasegateError: no worker can be started at all.

        Side effects:
            Starts workers, which write the jobs' folders. Closing the iterator, or an exception in
            it, kills those that are at work with all that they started.
        """
        waiting = iter(jobs)
        running: list[_Active] = []
        try:
            while True:
                while len(running) < self._jobs and (job := next(waiting, None)) is not None:
                    running.append(_Active(job, self._take()))
                    running[-1].send()
                if not running:
                    return
                _wait(running)
                for active in list(running):
                    events = self._follow(active)
                    if active.ended:
                        running.remove(active)
                    yield from events
        finally:
            for active in running:
                self._discard(active.worker)

    def close(self) -> None:
        """Ends the workers.

        Side effects:
            Closes their stdin, waits at most two seconds, then kills what is left.
        """
        for idle in self._workers:
            idle.hang_up()
        for idle in list(self._workers):
            self._discard(idle)

    def _follow(self, active: _Active) -> list[Event]:
        events = active.hear()
        if active.ended is None and active.overdue():
            reason = f"took longer than {active.job.timeout:g} s"
            active.worker.kill()
            return events + self._settle(active, "timeout", reason)
        if active.ended is None and active.worker.gone():
            return events + self._settle(active, "killed", active.worker.kill())
        if active.ended is not None:
            if active.ended.outcome == "out_of_memory":  # the next run deserves a process without its remains
                self._discard(active.worker)
            else:
                self._give_back(active.worker)
        return events

    def _settle(self, active: _Active, outcome: RunOutcome, reason: str) -> list[Event]:
        """What becomes of a job whose worker is dead: tried again if it had not begun, else ended."""
        events = active.hear()
        dead = active.worker
        if active.begun is None and active.attempts < START_ATTEMPTS:
            active.attempts += 1
            active.worker = self._take()
            active.send()
        elif active.begun is None:
            events.append(active.end("lost", _not_started(dead.tail())))
        elif active.ended is None:
            result = _read_result(Path(active.job.folder))
            # A result is written whole and last: the run had ended, only its answer is missing.
            events.append(active.end(**result) if result else active.end(outcome, reason))
        self._discard(dead)
        return events

    def _take(self) -> _Worker:
        if self._idle:
            return self._idle.pop()
        self._log_folder.mkdir(parents=True, exist_ok=True)
        log = self._log_folder / f"worker-{next(self._numbers)}.log"
        try:
            started = _Worker(self._python, self._home, self._threads, log)
        except OSError as error:
            raise PhasegateError(f"a worker cannot be started: {error}") from error
        self._workers.append(started)
        return started

    def _give_back(self, free: _Worker) -> None:
        if len(self._workers) > self._jobs:  # one more was needed to describe while all were at work
            self._discard(free)
        else:
            free.mark()
            self._idle.append(free)

    def _discard(self, unwanted: _Worker) -> None:
        for held in (self._workers, self._idle):
            if unwanted in held:
                held.remove(unwanted)
        unwanted.close()


def _wait(running: Sequence[_Active]) -> None:
    """Until a worker says something or a limit is reached; briefly, for a death may go unsaid."""
    now = time.monotonic()
    limits = [a.begun + a.job.timeout - now for a in running if a.begun is not None and a.job.timeout]
    with selectors.DefaultSelector() as selector:
        for active in running:
            selector.register(active.worker, selectors.EVENT_READ)
        selector.select(max(0.0, min([POLL_SECONDS, *limits])))


def _ask(asked: _Worker, request: dict[str, Any]) -> list[dict[str, Any]]:
    """Everything that the worker says to a request, up to the answer or its death."""
    asked.send(request)
    said: list[dict[str, Any]] = []
    with selectors.DefaultSelector() as selector:
        selector.register(asked, selectors.EVENT_READ)
        while not said or said[-1]["answer"] == "started":
            dead = asked.gone()  # first: what it said before it died is then read all the same
            if not dead:
                selector.select(POLL_SECONDS)
            said += asked.answers()
            if dead:
                break
    return said


def _described(answer: dict[str, Any]) -> list[Description]:
    if answer["answer"] == "refused":
        raise ProgramError([((answer["kind"],), answer["message"])])
    return [Description(**found) for found in answer["descriptions"]]


def _not_started(tail: str) -> str:
    lines = tail.strip().splitlines() or ["it said nothing"]
    return f"worker did not start: {lines[-1]}"


def _read_result(folder: Path) -> dict[str, Any] | None:
    try:
        result = json.loads((folder / worker.RESULT).read_bytes())
        return {key: result[key] for key in ("outcome", "reason", "seconds")}
    except (OSError, ValueError, KeyError):
        return None
