"""The process that serves many runs: ``python -m experiments.worker HOME [--threads N]``.

It is started once and kept, because importing torch costs seconds. It reads one JSON object per line
from stdin and answers likewise on what was its stdout; whatever an experiment prints goes to stderr.

======================================================  ================================================
request                                                 answers
======================================================  ================================================
``{"request": "describe", "experiment",                 ``started``, then ``described`` (descriptions)
"wanted": [[params, fidelity], ...]}``                  or ``refused`` (kind, message)
``{"request": "run", "job": {...}}``                    ``started``, ``progress`` (done, total) at most
                                                        five times a second, ``ended`` (the result)
======================================================  ================================================

The name of an answer is under ``answer``. The result (outcome, reason, seconds, not_finite) is also
in the run's folder as ``result.json``, complete or not there at all, before ``ended`` is said. The
worker leaves when its stdin closes, and takes a run in progress and its children with it.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pydantic

import experiments
import experiments.parts
from experiments import command
from experiments.contract import Config, Experiment, MetricLog, configure

PROGRESS_SECONDS = 0.2
LEAVE_SECONDS = 0.5
RESULT = "result.json"
Find = Callable[[str], Experiment]
OnProgress = Callable[[float, float], None]


class Refused(ValueError):
    """An experiment that is not there (kind ``experiment``) or refuses its parameters (``arms``)."""

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(message)


# --- experiments ---------------------------------------------------------------------------------


def add_home(home: Path) -> None:
    """Makes a home's own experiments and parts importable; they win over the installed ones."""
    for package, folder in (
        (experiments, home / "experiments"),
        (experiments.parts, home / "experiments" / "parts"),
    ):
        if folder.is_dir() and folder.resolve() not in [Path(path).resolve() for path in package.__path__]:
            package.__path__.insert(0, str(folder))
    if str(home) not in sys.path:
        sys.path.append(str(home))


def load(name: str) -> Experiment:
    """The experiment of that name, imported once.

    Raises:
        Refused: there is none, or it cannot be imported. The caller mends the program or the module.
    """
    module = f"experiments.{name}"
    try:
        return checked(name, importlib.import_module(module))
    except Refused:
        raise
    except (Exception, SystemExit) as error:
        if isinstance(error, ModuleNotFoundError) and error.name == module:
            raise missing(name) from None
        traceback.print_exc()
        raise Refused("experiment", f"experiment `{name}` cannot be imported: {one_line(error)}") from error


def missing(name: str) -> Refused:
    """The error for an experiment that is not there."""
    return Refused("experiment", f"there is no experiment `{name}`: no file experiments/{name}.py")


def checked(name: str, found: Any) -> Experiment:
    """``found``, if it has the names of the contract."""
    absent = [part for part in ("Config", "PRESETS", "describe", "run") if not hasattr(found, part)]
    if absent:
        raise Refused("experiment", f"experiment `{name}` has no {' and no '.join(absent)}")
    experiment: Experiment = found
    return experiment


def configured(name: str, experiment: Experiment, params: Mapping[str, Any], fidelity: str) -> Config:
    """The configuration of one arm.

    Raises:
        Refused: a parameter that the experiment does not know or take, named.
    """
    try:
        return configure(experiment, params, fidelity)
    except pydantic.ValidationError as error:
        faults = [_fault(name, experiment, dict(fault)) for fault in error.errors()]
        raise Refused("arms", "; ".join(faults)) from error


def _fault(name: str, experiment: Experiment, fault: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        known = ", ".join(sorted(experiment.Config.model_fields))
        return f"experiment `{name}` has no parameter `{place}`; it has {known}"
    return f"experiment `{name}` does not take {place} = {fault['input']!r}: {fault['msg']}"


def describe(
    name: str, experiment: Experiment, wanted: Sequence[tuple[Mapping[str, Any], str]]
) -> list[dict[str, Any]]:
    """What an experiment says of each (params, fidelity), in the shape of descriptions.

    Raises:
        Refused: it refuses a parameter, or fails to describe its data.
    """
    found = []
    for params, fidelity in wanted:
        config = configured(name, experiment, params, fidelity)
        try:
            data = experiment.describe(config).model_dump(mode="json")
        except Exception as error:
            traceback.print_exc()
            text = f"experiment `{name}` cannot describe {dict(params)}: {one_line(error)}"
            raise Refused("arms", text) from error
        data["data_name"], data["data_digest"] = data.pop("name"), data.pop("digest")
        found.append({"config": config.model_dump(mode="json"), **data})
    return found


# --- one run -------------------------------------------------------------------------------------


def one_line(error: BaseException) -> str:
    """An exception as one line: ``ValueError: what is wrong``."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:500] if text else type(error).__name__


def outcome_of(error: BaseException) -> tuple[str, str]:
    """The outcome and reason of a run that ended in this exception."""
    text = f"{type(error).__name__} {error}".lower()
    # torch has an OutOfMemoryError of its own for accelerators, and a plain RuntimeError for the rest.
    memory = any(sign in text for sign in ("outofmemory", "out of memory", "can't allocate memory"))
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and memory):
        return "out_of_memory", one_line(error)
    if isinstance(error, (Refused, command.CommandFailed)):
        return "code_error", str(error)
    return "code_error", one_line(error)


def measure(job: Mapping[str, Any], find: Find, on_progress: OnProgress) -> dict[str, Any]:
    """Runs one job in this process and says how it ended; its metrics lie in its folder.

    Args:
        job: the fields of a job (see ``planner.records.Job``).
        find: gives the experiment of a name, or raises ``Refused``.
    """
    outcome, reason = "ok", ""
    log = MetricLog(Path(job["folder"]), on_progress)
    begun = time.monotonic()
    try:
        if job["command"]:
            command.run(job["command"], job["params"], job["fidelity"], job["seed"], log)
        else:
            experiment = find(job["experiment"])
            config = configured(job["experiment"], experiment, job["params"], job["fidelity"])
            begun = time.monotonic()  # the first run of a worker also imports, which is not the arm's cost
            experiment.run(config, job["seed"], log)
    except (Exception, SystemExit) as error:
        traceback.print_exc()
        outcome, reason = outcome_of(error)
    finally:
        seconds = time.monotonic() - begun
        log.close()
    names = list(dict.fromkeys(log.not_finite))
    if outcome == "ok" and names:
        outcome, reason = "bad_metric", f"not finite: {', '.join(names)}"
    return {"outcome": outcome, "reason": reason, "seconds": seconds, "not_finite": names}


def write_result(folder: Path, result: Mapping[str, Any]) -> None:
    """Writes ``result.json`` so that it is complete or not there, and after it the metrics are safe."""
    _sync(folder / "metrics.jsonl")
    aside = folder / (RESULT + ".part")
    aside.write_text(json.dumps(result), encoding="utf-8")
    _sync(aside)
    aside.rename(folder / RESULT)
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# --- the process ---------------------------------------------------------------------------------


class _Worker:
    """Answers requests until there are no more."""

    def __init__(self, home: Path, threads: int, answers: int) -> None:
        self._home = home
        self._threads = threads
        self._answers = answers
        self._lock = threading.Lock()  # an experiment may report progress from a thread of its own

    def answer(self, name: str, **fields: Any) -> None:
        line = (json.dumps({"answer": name, **fields}) + "\n").encode()
        with self._lock:
            while line:
                line = line[os.write(self._answers, line) :]

    def serve(self, request: Mapping[str, Any]) -> None:
        os.chdir(self._home)  # the run before may have left for elsewhere
        if request["request"] == "run":
            self._run(request["job"])
            return
        self.answer("started")
        try:
            name = request["experiment"]
            self.answer("described", descriptions=describe(name, self._find(name), request["wanted"]))
        except Refused as error:
            self.answer("refused", kind=error.kind, message=str(error))

    def _run(self, job: Mapping[str, Any]) -> None:
        folder = Path(job["folder"])
        (folder / RESULT).unlink(missing_ok=True)  # an earlier attempt's must not be taken for this one's
        self.answer("started")
        result = measure(job, self._find, self._throttled())
        write_result(folder, result)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(ValueError):  # closed by the experiment
                stream.flush()
        self.answer("ended", **result)

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
    leader = os.getpgrp() == os.getpid()
    (os.killpg if leader else os.kill)(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Serves requests until stdin closes."""
    parser = argparse.ArgumentParser(prog="experiments.worker")
    parser.add_argument("home", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    home = given.home.resolve()
    requests, answers = _take_channels()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    faulthandler.enable()
    # Also for libraries that an experiment imports only while it runs.
    os.environ.setdefault("OMP_NUM_THREADS", str(given.threads))
    add_home(home)
    waiting: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, waiting), daemon=True).start()
    worker = _Worker(home, given.threads, answers)
    while (line := waiting.get()) is not None:
        worker.serve(json.loads(line))
    os._exit(0)  # every run was flushed when it ended, and taking torch apart in order costs most of a second


if __name__ == "__main__":
    main()
