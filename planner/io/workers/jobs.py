"""The job of a planned run, and what the journal notes of the process that does it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.command import STORE

from planner.io.workers.limits import Limits
from planner.io.workers.watched_files import Watched
from planner.language.program import Program
from planner.paths import Home
from planner.records.jobs import Job, Started
from planner.records.runs import PlannedRun


def job_of(home: Home, program: Program, planned: PlannedRun, limits: Limits, watched: Watched) -> Job:
    """The job of a run; its folder and its id bear the name of the run's fingerprint."""
    return Job(
        id=planned.fingerprint,
        arm=planned.arm,
        seed=planned.seed,
        experiment=program.experiment or "",
        command=tuple(program.command or ()),
        params=planned.params,
        fidelity=planned.fidelity,
        folder=str(home.run_folder(program.program, planned.fingerprint)),
        timeout=limits.timeout,
        watched=watched,
        awaits_store=program.command is not None,
    )


def say_where(job: Job, variables: Mapping[str, str]) -> None:
    """Lets a command that waits for it begin, with the variables that name its run in MLflow.

    Side effects: writes a file in the run's folder that only its owner may read.
    """
    if not job.awaits_store:
        return
    path = Path(job.folder) / STORE
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(json.dumps(dict(variables)), encoding="utf-8")
    part.replace(path)


def forget_where(job: Job) -> None:
    """Takes back what an earlier try was told.

    Side effects: removes the file.
    """
    (Path(job.folder) / STORE).unlink(missing_ok=True)


def lease(event: Started, began: float) -> dict[str, Any]:
    """The columns of a journal's row that say which process makes its run, and since when.

    Args:
        began: seconds since the epoch.
    """
    return {
        "state": "leased",
        "pid": event.pid,
        "process_start": event.process_start,
        "host": event.host,
        "heartbeat": began,
        "started_at": began,
    }
