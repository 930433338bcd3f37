"""The twin of the local launcher: runs experiments in this process, one after the other."""

from __future__ import annotations

import contextlib
import io
import os
import socket
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from experiments import loading, measuring
from experiments.contract import Experiment

from planner.errors import ProgramError
from planner.records.jobs import Description, Ended, Event, Job, Progressed, Started


class InProcessLauncher:
    """Runs the experiments that it is given, with the outcomes that a worker would give.

    Jobs that may train together are run one by one, and a job's events come when it has ended; its
    time limit is not kept, and what kills a process kills this one.

    Args:
        experiments: name -> anything with ``Config``, ``PRESETS``, ``describe`` and ``run``.

    Example:
        >>> from types import SimpleNamespace
        >>> from experiments.contract import Config, Data
        >>> describe = lambda config: Data(name="made up", digest="made-up")
        >>> experiment = SimpleNamespace(Config=Config, PRESETS={}, describe=describe, run=None)
        >>> InProcessLauncher({"mine": experiment}).describe("mine", [({}, "smoke")])[0].data_name
        'made up'
    """

    workers = 1

    def __init__(self, experiments: Mapping[str, Any]) -> None:
        self._experiments = experiments

    def describe(self, experiment: str, wanted: Sequence[tuple[dict[str, Any], str]]) -> list[Description]:
        """What an experiment says of each (params, fidelity).

        Raises:
            ProgramError: as in ``LocalLauncher``.

        Side effects:
            Those of the experiment.
        """
        try:
            descriptions = loading.describe(experiment, self._find(experiment), wanted)
        except loading.Refused as error:
            raise ProgramError([((error.kind,), str(error))]) from error
        return [Description(**description) for description in descriptions]

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        """Runs jobs in their order and yields what happened.

        Side effects:
            Those of the experiment; writes the jobs' folders.
        """
        start = psutil.Process().create_time()
        for job in jobs:
            yield Started(job_id=job.id, pid=os.getpid(), process_start=start, host=socket.gethostname())
            yield from self._run(job)

    def close(self) -> None:
        """Nothing to end."""

    def _run(self, job: Job) -> list[Event]:
        events: list[Event] = []

        def on_progress(done: float, total: float) -> None:
            events.append(Progressed(job_id=job.id, done=done, total=total))

        folder, said = Path(job.folder), io.StringIO()
        (folder / measuring.RESULT).unlink(missing_ok=True)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            result = measuring.measure(job.model_dump(mode="json"), self._find, on_progress)
        measuring.write_result(folder, result)
        tail = "" if result["outcome"] == "ok" else said.getvalue()
        ending = {key: result[key] for key in ("outcome", "reason", "raised_at", "seconds", "device")}
        return [*events, Ended(job_id=job.id, stderr_tail=tail, **ending)]

    def _find(self, name: str) -> Experiment:
        if name not in self._experiments:
            raise loading.missing(name)
        return loading.checked(name, self._experiments[name])
