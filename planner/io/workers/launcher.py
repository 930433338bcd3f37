"""Runs jobs in local worker processes (see :mod:`experiments.worker` for what they say)."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from planner.errors import PhasegateError, ProgramError
from planner.io.workers.assignment import Assignment, wait_for_any
from planner.io.workers.worker_process import WorkerProcess, ask, ending_named
from planner.records.jobs import Description, Event, Job
from planner.records.runs import RunOutcome

START_ATTEMPTS = 3


class LocalLauncher:
    """Runs jobs side by side in worker processes of this machine, each serving many.

    Workers are started when they are needed, and each run has a process of its own below one. What a worker
    writes to stderr is in ``worker-<n>.log``, which the next launcher in that folder replaces.

    Args:
        home: the folder whose ``experiments/`` are looked at first; runs happen in it.
        workers: how many workers there may be.
        log_folder: where the workers' logs go; made if it is not there.
        python: the interpreter that runs them.
        threads: threads of torch in each.
        code: a folder of modules that they import in place of their files; see :mod:`experiments.frozen`.
        spawn: a new interpreter for each run, as where a device is used, instead of a fork.
    """

    def __init__(
        self,
        home: Path,
        workers: int,
        log_folder: Path,
        python: str = sys.executable,
        threads: int = 1,
        code: Path | None = None,
        spawn: bool = False,
    ) -> None:
        self._home = home.resolve()
        self.workers = max(1, workers)
        self._log_folder = log_folder
        self._python = python
        self._threads = threads
        self._code = code
        self._spawn = spawn
        self._shared = log_folder.resolve() / "shared"
        self._workers: list[WorkerProcess] = []
        self._idle: list[WorkerProcess] = []
        self._numbers = itertools.count(1)

    def use(self, code: Path | None) -> None:
        """Lets workers import from another folder of modules; those that were started before are ended."""
        if code != self._code:
            self.close()
            self._code = code

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
            worker = self._take()
            try:
                answers = ask(worker, request)
            except BaseException:
                self._discard(worker)
                raise
            said = {answer["answer"]: answer for answer in answers}
            if "done" in said:
                self._give_back(worker)
                return _described(experiment, said)
            how, tail = worker.kill(), worker.tail()
            self._discard(worker)
            if said:
                raise _ended_describing(experiment, how)
        raise PhasegateError(_not_started(tail))

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        """Runs jobs and yields what happens; each job ends in exactly one ``Ended``.

        A job is taken only when a worker is free for it, after the caller has seen what ended
        before, together with the jobs that train with it. A worker that dies is replaced; a job's time
        limit counts from its ``Started``.

        Raises:
            PhasegateError: no worker can be started at all.

        Side effects:
            Starts workers, which write the jobs' folders. Closing the iterator, or an exception in
            it, kills those that are at work with all that they started.
        """
        waiting = iter(jobs)
        running: list[Assignment] = []
        try:
            while True:
                while len(running) < self.workers and (first := next(waiting, None)) is not None:
                    together = first, *itertools.islice(waiting, first.more_together)
                    running.append(Assignment(together, self._take()))
                    running[-1].send()
                if not running:
                    return
                wait_for_any(running)
                for active in list(running):
                    events = self._follow(active)
                    if active.over:
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
        shutil.rmtree(self._shared, ignore_errors=True)

    def _follow(self, active: Assignment) -> list[Event]:
        """What has become of jobs; their worker is free again once ``active.over``."""
        events = active.hear()
        worker = active.worker
        if active.open and active.overdue():
            worker.kill()
            return events + self._bury(active, "timeout", f"took longer than {active.limit:g} s")
        if active.done is not None:
            active.over = True
            how = ending_named("its process", active.done)
            events += active.settle(*_cut_off(how, worker.ran_out_of_memory(active.done)))
            self._give_back(worker)
        elif worker.gone():
            how = worker.kill()
            events += self._bury(active, *_cut_off(how, worker.ran_out_of_memory()))
        return events

    def _bury(self, active: Assignment, outcome: RunOutcome, reason: str) -> list[Event]:
        """What becomes of jobs whose worker is dead: tried again if they had not begun, else ended."""
        events = active.hear()
        dead = active.worker
        if active.begun is None and active.attempts < START_ATTEMPTS:
            active.attempts += 1
            active.worker = self._take()
            active.send()
        else:
            active.over = True
            lost: tuple[RunOutcome, str] = "lost", _not_started(dead.tail())
            events += active.settle(*(lost if active.begun is None else (outcome, reason)))
        self._discard(dead)
        return events

    def _take(self) -> WorkerProcess:
        if self._idle:
            return self._idle.pop()
        self._log_folder.mkdir(parents=True, exist_ok=True)
        if not self._workers:  # of an earlier launcher, whose code may have been another
            shutil.rmtree(self._shared, ignore_errors=True)
        log = self._log_folder / f"worker-{next(self._numbers)}.log"
        try:
            started = WorkerProcess(
                self._python, self._home, self._threads, log, self._shared, self._code, self._spawn
            )
        except OSError as error:
            raise PhasegateError(f"a worker cannot be started: {error}") from error
        self._workers.append(started)
        return started

    def _give_back(self, free: WorkerProcess) -> None:
        if len(self._workers) > self.workers:  # one more was needed to describe while all were at work
            self._discard(free)
        else:
            self._idle.append(free)

    def _discard(self, unwanted: WorkerProcess) -> None:
        for held in (self._workers, self._idle):
            if unwanted in held:
                held.remove(unwanted)
        unwanted.close()


def _described(experiment: str, said: Mapping[str, dict[str, Any]]) -> list[Description]:
    if "described" in said:
        return [Description(**description) for description in said["described"]["descriptions"]]
    if "refused" in said:
        raise ProgramError([((said["refused"]["kind"],), said["refused"]["message"])])
    raise _ended_describing(experiment, ending_named("its process", said["done"]["code"]))


def _ended_describing(experiment: str, how: str) -> ProgramError:
    return ProgramError(
        [(("experiment",), f"experiment `{experiment}` did not live to describe its data: {how}")]
    )


def _cut_off(how: str, out_of_memory: bool) -> tuple[RunOutcome, str]:
    return ("out_of_memory", f"{how}: the memory was used up") if out_of_memory else ("killed", how)


def _not_started(tail: str) -> str:
    lines = tail.strip().splitlines() or ["it said nothing"]
    return f"worker did not start: {lines[-1]}"


def workers(jobs: int | None) -> int:
    """How many runs go on side by side: as asked, or one per processor that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return jobs or usable
