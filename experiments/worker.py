"""The process that serves many runs: ``python -m experiments.worker HOME [--threads N] [--code FOLDER]``.

It reads one JSON object per line from stdin and answers likewise on what was its stdout. Each request is
answered by a process of its own, so that no run depends on the runs before it. This one imports what they
need, once, because importing torch costs seconds; it runs no threads, and they are forked from it. Where a
device is used, or the platform does not fork safely, or with ``--spawn``, a new interpreter is started
instead.

======================================================  ================================================
request                                                 answers
======================================================  ================================================
``{"request": "describe", "experiment",                 ``started``, then ``described`` (descriptions)
"wanted": [[params, fidelity], ...]}``                  or ``refused`` (kind, message), then ``done``
``{"request": "run", "jobs": [{...}, ...]}``            ``started``, ``progress`` (done, total) at most
                                                        five times a second, for each job ``ended``
                                                        (its id and the result), then ``done``
======================================================  ================================================

The name of an answer is under ``answer``. ``done`` has the exit code of that process, negative for a signal;
by then all that it started has ended, too. Several jobs of one request differ in their seed alone and train
together. A result (outcome, reason, seconds, device, not_finite, versions, imported_late) is also in the
run's folder as ``result.json``, complete or not there at all, before ``ended`` is said; what a run prints is
there as well (:mod:`experiments.workers.output`). The worker leaves when its stdin closes, and takes a run in
progress and its children with it.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import gc
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.frozen import FrozenModules
from experiments.loading import Refused, add_home, configured, load
from experiments.measuring import RESULT, device_of
from experiments.workers.answers import Answers
from experiments.workers.imports import imported_below
from experiments.workers.late_libraries import AGAIN, TRIES, LateLibraries
from experiments.workers.memory import keep_freed_memory
from experiments.workers.output import CappedOutput
from experiments.workers.process_tree import (
    adopt_orphans,
    can_fork,
    die_with,
    end_children,
    end_this_process,
    noticed,
)
from experiments.workers.run_process import APART, RunProcess

POLL_SECONDS = 0.05
PIECE_BYTES = 1 << 16
FAILED = 70
"""Exit code of a process in which the worker's own code failed."""


@dataclass(frozen=True)
class Started:
    """A process that was started.

    Args:
        ended: its exit code, negative for a signal; None while it runs.
    """

    pid: int
    ended: Callable[[], int | None]


class Worker:
    """Answers requests, each in a process of its own, until there are no more.

    Args:
        requests: number of the open file that they come from.
        own: what such a process does.
        words: how this worker was started, for interpreters that are started anew.
        spawn: never fork.
    """

    def __init__(self, requests: int, own: RunProcess, words: Sequence[str], spawn: bool) -> None:
        self._requests = requests
        self._own = own
        self._words = words
        self._spawn = spawn
        self._imported: set[str] = set()
        self._late = LateLibraries(own.home, own.frozen)

    def serve(self) -> None:
        """Until stdin closes."""
        for line in _lines(self._requests):
            request = json.loads(line)
            code = self._answer(request)
            self._own.answers.say("done", code=code)

    def _answer(self, request: Mapping[str, Any]) -> int:
        if request["request"] == "describe":
            self._own.answers.say("started")
            return self._in_own_process(request, None)
        jobs = request["jobs"]
        for job in jobs:  # an earlier attempt's must not be taken for this one's
            (Path(job["folder"]) / RESULT).unlink(missing_ok=True)
        self._own.answers.say("started")
        code = self._in_own_process(request, Path(jobs[0]["folder"]))
        if code == APART and len(jobs) > 1:
            for job in jobs:
                code = self._in_own_process({**request, "jobs": [job]}, Path(job["folder"]))
                if code:
                    return code
        return code

    def _in_own_process(self, request: Mapping[str, Any], folder: Path | None) -> int:
        """Starts a process for the request, and another where that needs a library; gives its exit code."""
        self._import(request)
        if request["request"] == "run" and self._forks(request):
            self._late.import_expected()  # which may start threads, so that nothing forks any more
        keep = CappedOutput(folder).write if folder is not None else _on_stderr
        again = request["request"] == "describe"  # a run has begun to write when it imports
        code = AGAIN
        for tries_left in range(TRIES - 1 if again else 0, -1, -1):
            code = self._in_one_process(request, keep, tries_left > 0)
            if code != AGAIN:
                break
        return code

    def _in_one_process(self, request: Mapping[str, Any], keep: Callable[[bytes], None], again: bool) -> int:
        read, write = os.pipe()
        with tempfile.TemporaryFile() as imported, os.fdopen(read, "rb", buffering=0):
            if self._forks(request):
                started = self._forked(request, write, imported.fileno(), again)
            else:
                started = self._spawned(request, write)
            os.close(write)
            code = self._followed(started, read, keep)
            end_children()
            _drain(read, keep)
            names = self._late.learn(imported)
            if can_fork():  # what starts threads is left to the runs of the next worker
                self._late.keep(names)
        return code

    def _forks(self, request: Mapping[str, Any]) -> bool:
        """Whether a fork does for a request."""
        return not (self._spawn or _uses_device(request)) and can_fork()

    def _forked(self, request: Mapping[str, Any], output: int, imported: int, again: bool) -> Started:
        """A fork of this process."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        imported_below(self._own.home, ())  # remembers of each module where it lies, for the run
        gc.freeze()  # a run's first collection would copy every page of what is imported here
        worker = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._be_the_run(worker, request, output, imported, again)
        return Started(pid, lambda: _ended(pid))

    def _be_the_run(
        self, worker: int, request: Mapping[str, Any], output: int, imported: int, again: bool
    ) -> None:
        """Never returns."""
        code = FAILED
        try:
            die_with(worker)
            os.close(self._requests)
            for stream in (1, 2):
                os.dup2(output, stream)
            os.close(output)
            before = set(sys.modules)
            if again:
                self._late.leave_imports(imported)
            code = self._own.serve(request)
            self._late.say(before, imported)
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(code)  # taking torch apart in order costs most of a second

    def _spawned(self, request: Mapping[str, Any], output: int) -> Started:
        """A new interpreter, which ends when this process does, because its stdin closes then."""
        process = subprocess.Popen(
            [sys.executable, "-m", "experiments.worker", *self._words, "--once"],
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.PIPE,
            stdout=self._own.answers.file,
            stderr=output,
        )
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        return Started(process.pid, process.poll)

    def _followed(self, started: Started, output: int, keep: Callable[[bytes], None]) -> int:
        """Keeps what the process prints until it has ended; gives its exit code."""
        os.set_blocking(output, False)
        with selectors.DefaultSelector() as selector, noticed(started.pid) as ending:
            for file in (self._requests, output, *ending):
                selector.register(file, selectors.EVENT_READ)
            while (code := started.ended()) is None:
                for ready, _ in selector.select(POLL_SECONDS):
                    if ready.fd == self._requests:
                        end_this_process()  # nothing comes while a request is at work: the planner is gone
                    elif ready.fd == output and not _drain(output, keep):
                        selector.unregister(output)
        return code

    def _import(self, request: Mapping[str, Any]) -> None:
        """Imports an experiment for all its runs; one that fails will say so in the run."""
        for name in _experiments_of(request) - self._imported:
            self._imported.add(name)
            with contextlib.suppress(Refused), _quiet():
                load(name)


def _experiments_of(request: Mapping[str, Any]) -> set[str]:
    if request["request"] == "describe":
        return {request["experiment"]}
    return {job["experiment"] for job in request["jobs"] if not job["command"]}


def _uses_device(request: Mapping[str, Any]) -> bool:
    """Whether a run asks for anything but the CPU, or for whatever there is where that may be a device."""
    for job in request.get("jobs", ()):
        if not job["command"]:
            with contextlib.suppress(Exception):  # the run itself will say so
                config = configured(
                    job["experiment"], load(job["experiment"]), job["params"], job["fidelity"]
                )
                kind = device_of(config)
                if kind != "cpu" and (kind is not None or _may_have_device()):
                    return True
    return False


def _may_have_device() -> bool:
    version = getattr(sys.modules.get("torch"), "version", None)
    return any(getattr(version, kind, None) for kind in ("cuda", "hip", "xpu"))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Where an import fails, the run in which it fails again shows why."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


def _ended(pid: int) -> int | None:
    done, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


def _drain(output: int, keep: Callable[[bytes], None]) -> bool:
    """Keeps what there is to read; False where there will be no more."""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(output, PIECE_BYTES):
            keep(piece)
        return False
    return True


def _on_stderr(text: bytes) -> None:
    with contextlib.suppress(OSError):
        os.write(2, text)


def _lines(file: int) -> Iterator[bytes]:
    unread = b""
    while piece := os.read(file, PIECE_BYTES):
        *lines, unread = (unread + piece).split(b"\n")
        yield from lines


def _serve_once(requests: int, own: RunProcess) -> None:
    """Answers one request in this process, and leaves; ends when stdin does, with whatever it is doing."""
    line = next(_lines(requests))

    def end_with_parent() -> None:
        while os.read(requests, 1):
            pass
        end_this_process()

    threading.Thread(target=end_with_parent, daemon=True).start()
    os._exit(own.serve(json.loads(line)))


def _take_channels() -> tuple[int, int]:
    """(requests, answers): stdin and stdout, moved to where no experiment or child finds them."""
    channels = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return channels


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="experiments.worker")
    parser.add_argument("home", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--code", type=Path, help="a folder of modules that are imported in place of their files"
    )
    parser.add_argument("--spawn", action="store_true", help="a new interpreter for each run")
    parser.add_argument("--once", action="store_true", help="answer one request in this process, and leave")
    parser.add_argument("--home-mark", help="tells others whose worker this is; not read here")
    return parser.parse_args()


def main() -> None:
    """Serves requests until stdin closes."""
    given = _arguments()
    home = given.home.resolve()
    requests, answers = _take_channels()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    faulthandler.enable()
    keep_freed_memory()
    # Also for libraries that an experiment imports only while it runs.
    os.environ.setdefault("OMP_NUM_THREADS", str(given.threads))
    add_home(home)
    before = frozenset(sys.modules)
    frozen = None if given.code is None else FrozenModules(given.code)
    if frozen is not None:
        sys.meta_path.insert(0, frozen)
    own = RunProcess(home, given.threads, Answers(answers), frozen, before)
    if given.once:
        _serve_once(requests, own)
    adopt_orphans()
    words = [word for word in sys.argv[1:] if word != "--spawn"]
    Worker(requests, own, words, given.spawn).serve()
    os._exit(0)


if __name__ == "__main__":
    main()
