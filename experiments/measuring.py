"""Runs jobs in this process, and says how each ended."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import shutil
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments import command, watched
from experiments.contract import Experiment, Interrupted, MetricLog
from experiments.loading import Refused, configured, one_line
from experiments.raising import raised_at, whatever_code_raises
from experiments.recording import CheckedLog, read_metrics
from experiments.workers.seeds import seed_everything

RESULT = "result.json"
NOBODY_KNOWS_WHOSE = ("code_error", "environment", "out_of_memory")
"""Outcomes of jobs that were run together and are run again one by one."""
ROOM = 1 << 16
"""With fewer bytes than that left, a write that failed for no stated reason found the disk full."""
Find = Callable[[str], Experiment]
OnProgress = Callable[[float, float], None]
Job = Mapping[str, Any]
"""The fields of a job (see ``planner.records.runs.Job``)."""
Result = dict[str, Any]
"""``outcome``, ``reason``, ``raised_at`` (``FILE:LINE``), ``seconds``, ``device``, ``not_finite``; from a
worker ``versions`` or ``imported_late`` too."""
Prepared = tuple[Callable[[], None], str | None]
"""What runs, and the device on which it does."""


def measure(job: Job, find: Find, on_progress: OnProgress) -> Result:
    """Runs one job and says how it ended; its metrics lie in its folder.

    Args:
        find: gives the experiment of a name, or raises ``Refused``.
    """
    folder = Path(job["folder"])
    try:
        if not job["command"]:  # a command's own files are where it resumes from
            _start_afresh(folder)
        log = CheckedLog(folder, on_progress)
    except OSError as error:
        return unwritten(error, folder)
    if (outdated := _outdated(job)) is not None:
        log.close()
        return outdated

    def prepare() -> Prepared:
        if job["command"]:
            given = job["command"], job["params"], job["fidelity"], job["seed"], log
            awaits = bool(job.get("awaits_store"))
            return lambda: command.run(*given, awaits), None  # where a command runs is its own affair
        experiment = find(job["experiment"])
        config = configured(job["experiment"], experiment, job["params"], job["fidelity"])
        return lambda: experiment.run(config, job["seed"], log), device_of(config)

    (result,) = _timed(prepare, [log], job["seed"])
    return _outdated(job, result["seconds"]) or result


def measure_together(jobs: Sequence[Job], find: Find, on_progress: OnProgress) -> list[Result] | None:
    """Runs jobs that differ in their seed alone, trained together; their seconds are equal shares.

    Returns:
        None where they could not be: one of them failed, and nobody knows which. The caller runs them
        one by one, each from its own checkpoint.
    """
    try:
        for job in jobs:
            _start_afresh(Path(job["folder"]))
        logs = [CheckedLog(Path(job["folder"]), on_progress if job is jobs[0] else None) for job in jobs]
    except OSError:
        return None

    def prepare() -> Prepared:
        first = jobs[0]
        experiment: Any = find(first["experiment"])
        config = configured(first["experiment"], experiment, first["params"], first["fidelity"])
        seeds = [job["seed"] for job in jobs]
        return lambda: experiment.run_together(config, seeds, logs), device_of(config)

    results = _timed(prepare, logs, jobs[0]["seed"])
    if _outdated(jobs[0]) is not None:
        pairs = zip(jobs, results, strict=True)
        return [_outdated(job, result["seconds"]) or result for job, result in pairs]
    return None if any(result["outcome"] in NOBODY_KNOWS_WHOSE for result in results) else results


def _start_afresh(folder: Path) -> None:
    """Removes what an earlier try measured, unless it left a checkpoint to go on from."""
    if not any((folder / "checkpoint").glob("*")):
        (folder / "metrics.jsonl").unlink(missing_ok=True)
        shutil.rmtree(folder / "artifacts", ignore_errors=True)


def _timed(prepare: Callable[[], Prepared], logs: Sequence[MetricLog], seed: int) -> list[Result]:
    """Prepares, seeds the generators that a process has one of, runs, and gives a result for each log."""
    outcome, reason, where, device = "ok", "", "", None
    home, begun = Path.cwd(), time.monotonic()
    try:
        run, device = prepare()
        seed_everything(seed)
        begun = time.monotonic()  # the first run of a worker also imports, which is not the arm's cost
        run()
    except whatever_code_raises() as error:
        if not isinstance(error, command.CommandFailed):  # it has said on stderr what there is to say
            traceback.print_exc()
        outcome, reason = outcome_of(error, logs[0].folder)
        where = raised_at(error, home)
    finally:
        seconds = (time.monotonic() - begun) / len(logs)
        for log in logs:
            with contextlib.suppress(OSError):  # each line was written when it was recorded
                log.close()
    more = {"device": device, "raised_at": where}
    return [{**_result(outcome, reason, seconds, log), **more} for log in logs]


def _result(outcome: str, reason: str, seconds: float, log: MetricLog) -> Result:
    # From the file: what an earlier try measured counts too, until it is measured again.
    latest = {(name, step): value for name, step, value in read_metrics(log.folder)}
    names = list(dict.fromkeys(name for (name, _), value in latest.items() if not math.isfinite(value)))
    if outcome == "ok" and names:
        outcome, reason = "bad_metric", f"not finite: {', '.join(names)}"
    return {"outcome": outcome, "reason": reason, "seconds": seconds, "not_finite": names}


def device_of(config: Any) -> str | None:
    """The kind of device that a configuration asks for, as torch names it: ``cuda:1`` is ``cuda``.

    Without a word of it an experiment runs on the CPU; which one ``auto`` becomes, only the run knows.
    """
    kind = str(getattr(config, "device", "cpu")).partition(":")[0]
    return None if kind == "auto" else kind


def outcome_of(error: BaseException, folder: Path) -> tuple[str, str]:
    """The outcome and reason of a run in that folder that ended in this exception."""
    if isinstance(error, Interrupted):
        return error.outcome, str(error)
    if _found_no_room(error, folder):
        return "disk_full", one_line(error)
    text = f"{type(error).__name__} {error}".lower()
    # torch has an OutOfMemoryError of its own for accelerators, and a plain RuntimeError for the rest.
    memory = any(sign in text for sign in ("outofmemory", "out of memory", "can't allocate memory"))
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and memory):
        return "out_of_memory", one_line(error)
    text = str(error) if isinstance(error, (Refused, command.CommandFailed)) else one_line(error)
    return "environment" if _comes_from_outside(error) else "code_error", text


def _comes_from_outside(error: BaseException) -> bool:
    """Whether something is missing around the experiment, which may be there at the next try.

    A file, a package, a connection, a program or a device; an assertion or a type error is the code's own.
    """
    if isinstance(error, command.CommandFailed):
        return error.not_started
    if isinstance(error, RuntimeError):
        return any(sign in str(error).lower() for sign in _NO_DEVICE)
    return isinstance(error, (OSError, ImportError)) and not isinstance(error, FileExistsError)


_NO_DEVICE = ("cuda initialization", "no nvidia driver", "no cuda gpus", "not compiled with cuda")
"""What torch says where the device that was asked for is not there."""


def _found_no_room(error: BaseException, folder: Path) -> bool:
    """Whether there was no room to write: some libraries say no more than that a write failed."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    try:
        return isinstance(error, (OSError, RuntimeError)) and shutil.disk_usage(folder).free < ROOM
    except OSError:
        return False


def _outdated(job: Job, seconds: float = 0.0) -> Result | None:
    """The result of a job of which a file is not what it was when the job was planned."""
    change = watched.changed(job.get("watched", {}))
    return _unmeasured(*change, seconds) if change is not None else None


def _unmeasured(outcome: str, reason: str, seconds: float = 0.0) -> Result:
    return {
        "outcome": outcome,
        "reason": reason,
        "seconds": seconds,
        "not_finite": [],
        "device": None,
        "raised_at": "",
    }


def late_imports(modules: Sequence[str], seconds: float) -> Result:
    """The result of a run that imported modules which nobody read before: they are read before the next."""
    reason = f"{', '.join(modules)}: imported only while a run was at work, and from now on part of its code"
    return {**_unmeasured("code_changed", reason, seconds), "imported_late": list(modules)}


def unwritten(error: OSError, folder: Path) -> Result:
    """The result of a run whose files cannot be written."""
    return _unmeasured(*outcome_of(error, folder))


def write_result(folder: Path, result: Result) -> None:
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
