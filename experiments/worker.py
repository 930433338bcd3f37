"""The process that serves many runs: ``python -m experiments.worker HOME [--threads N] [--code FOLDER]``.

It is started once and kept, because importing torch costs seconds. It reads one JSON object per line
from stdin and answers likewise on what was its stdout; whatever an experiment prints goes to stderr.

======================================================  ================================================
request                                                 answers
======================================================  ================================================
``{"request": "describe", "experiment",                 ``started``, then ``described`` (descriptions)
"wanted": [[params, fidelity], ...]}``                  or ``refused`` (kind, message)
``{"request": "run", "jobs": [{...}, ...]}``            ``started``, ``progress`` (done, total) at most
                                                        five times a second, and for each job ``ended``
                                                        (its id and the result)
======================================================  ================================================

The name of an answer is under ``answer``. Several jobs of one request differ in their seed alone and
train together. A result (outcome, reason, seconds, device, not_finite) is also in the run's folder as
``result.json``, complete or not there at all, before ``ended`` is said. The worker leaves when its
stdin closes, and takes a run in progress and its children with it.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.contract import Experiment
from experiments.frozen import FrozenModules
from experiments.loading import Refused, add_home, describe, load
from experiments.measuring import (
    RESULT,
    Job,
    OnProgress,
    Result,
    measure,
    measure_together,
    unwritten,
    write_result,
)

PROGRESS_SECONDS = 0.2
LEAVE_SECONDS = 0.5


class _Worker:
    """Answers requests until there are no more."""

    def __init__(self, home: Path, threads: int, answers: int) -> None:
        self._home = home
        self._threads = threads
        self._answers = answers
        self._lock = threading.Lock()  # an experiment may report progress from a thread of its own

    def answer(self, name: str, **fields: Any) -> None:
        """Says something to the planner; where nobody listens any more, ends this process with its children.

        A planner that died must not become an error of the experiment that was at work.
        """
        line = (json.dumps({"answer": name, **fields}) + "\n").encode()
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._answers, line) :]
            except OSError:
                end_this_process()

    def serve(self, request: Mapping[str, Any]) -> None:
        os.chdir(self._home)  # the run before may have left for elsewhere
        if request["request"] == "run":
            self._run(request["jobs"])
            return
        self.answer("started")
        try:
            name = request["experiment"]
            self.answer("described", descriptions=describe(name, self._find(name), request["wanted"]))
        except Refused as error:
            self.answer("refused", kind=error.kind, message=str(error))

    def _run(self, jobs: Sequence[Job]) -> None:
        for job in jobs:  # an earlier attempt's must not be taken for this one's
            (Path(job["folder"]) / RESULT).unlink(missing_ok=True)
        self.answer("started")
        on_progress = self._throttled()
        results = measure_together(jobs, self._find, on_progress) if len(jobs) > 1 else None
        for index, job in enumerate(jobs):
            self._end(job, results[index] if results else measure(job, self._find, on_progress))

    def _end(self, job: Job, result: Result) -> None:
        folder = Path(job["folder"])
        try:
            write_result(folder, result)
        except OSError as error:
            result = {**unwritten(error, folder), "seconds": result["seconds"]}
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(ValueError):  # closed by the experiment
                stream.flush()
        self.answer("ended", id=job["id"], **result)

    def _find(self, name: str) -> Experiment:
        experiment = load(name)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(self._threads)
        return experiment

    def _throttled(self) -> OnProgress:
        last = -PROGRESS_SECONDS

        def on_progress(done: float, total: float) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= PROGRESS_SECONDS:
                last = now
                self.answer("progress", done=float(done), total=float(total))

        return on_progress


def _take_channels() -> tuple[int, int]:
    """(requests, answers): stdin and stdout, moved to where no experiment or child finds them."""
    channels = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return channels


def _listen(requests: int, waiting: queue.SimpleQueue[bytes | None]) -> None:
    """Hands requests on; when they end (the parent closed them, or died), so does this process.

    An idle worker leaves at once. A run is ended with its children, which is why the kernel's
    own signal at the parent's death is not used: it would reach this process alone, and already
    when the parent's *thread* that started it ends.
    """
    with os.fdopen(requests, "rb") as lines:
        for line in lines:
            waiting.put(line)
    waiting.put(None)
    time.sleep(LEAVE_SECONDS)
    end_this_process()


def end_this_process() -> None:
    """Kills this process, and with it its group if it leads one."""
    leader = os.getpgrp() == os.getpid()
    (os.killpg if leader else os.kill)(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Serves requests until stdin closes."""
    parser = argparse.ArgumentParser(prog="experiments.worker")
    parser.add_argument("home", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--code", type=Path, help="a folder of modules that are imported in place of their files"
    )
    parser.add_argument("--home-mark", help="tells others whose worker this is; not read here")
    given = parser.parse_args()
    home = given.home.resolve()
    requests, answers = _take_channels()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    faulthandler.enable()
    # Also for libraries that an experiment imports only while it runs.
    os.environ.setdefault("OMP_NUM_THREADS", str(given.threads))
    add_home(home)
    if given.code is not None:
        sys.meta_path.insert(0, FrozenModules(given.code))
    waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    worker = _Worker(home, given.threads, answers)
    while (line := waiting.get()) is not None:
        worker.serve(json.loads(line))
    os._exit(0)  # every run was flushed when it ended, and taking torch apart in order costs most of a second


if __name__ == "__main__":
    main()
