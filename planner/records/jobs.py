"""What a worker is asked to run, and what it says while and after it runs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from planner.records.base import Record
from planner.records.runs import RunOutcome

LONGEST_CAUSE = 250
"""Characters of what a run ended in that memos and pages show."""


class Job(Record):
    """One run for a worker: everything that it needs to know, and nothing of MLflow or the planner.

    Attributes:
        folder: absolute path of the run's folder (see ``experiments.contract.MetricLog``).
        timeout: seconds after which the run is stopped, or None.
        more_together: how many of the jobs that come next train with this one; they differ from it in
            their seed alone.
        watched: ``code`` or ``data`` -> file -> its state, which it must have before and after the run
            (:mod:`experiments.watched`).
        alone: it takes nothing that other runs computed (:mod:`experiments.parts.shared_results`).
        awaits_store: its command begins when it is said where in MLflow its run is (``experiments.command``).
    """

    id: str
    arm: str
    seed: int
    experiment: str
    params: dict[str, Any]
    fidelity: str
    folder: str
    command: tuple[str, ...] = ()
    timeout: float | None = None
    more_together: int = 0
    watched: dict[str, dict[str, list[int] | None]] = {}
    alone: bool = False
    awaits_store: bool = False


class Started(Record):
    """A worker has taken a job."""

    job_id: str
    pid: int
    process_start: float
    host: str


class Progressed(Record):
    """How far a running job is: units done of units in all."""

    job_id: str
    done: float
    total: float


class Ended(Record):
    """How a job ended. Its metrics and artifacts lie in the job's folder.

    Attributes:
        reason: one sentence for anything but ``ok``; empty otherwise.
        raised_at: ``FILE:LINE`` of the exception that ended it, the file as its home names it.
        device: what it ran on; None where nobody knows.
        imported_late: modules below the home that were imported only while it ran, and that nobody had read.
        output: what the run printed, the middle of much left out.
        versions: package (or ``python``) -> the version that it ran with; empty where nobody knows.
    """

    job_id: str
    outcome: RunOutcome
    reason: str = ""
    seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
    raised_at: str = ""
    device: str | None = None
    imported_late: tuple[str, ...] = ()
    output: str = ""
    versions: dict[str, str] = {}

    @property
    def cause(self) -> str:
        """What a run ended in that failed by itself, as one short line; empty for any other."""
        failed = self.outcome in ("code_error", "environment")
        return " ".join(self.reason.split())[:LONGEST_CAUSE] if failed else ""


Event = Started | Progressed | Ended


class Description(Record):
    """What an experiment says of a configuration before it runs.

    Attributes:
        config: every parameter after defaults and the fidelity's preset.
        overlap: share of evaluation units that training also saw; None where it does not say.
        together: the most seeds of it that train faster at once than one by one.
    """

    config: dict[str, Any]
    data_name: str
    data_digest: str
    sizes: dict[str, int] = {}
    overlap: float | None = None
    files: tuple[str, ...] = ()
    together: Annotated[int, Field(ge=1)] = 1
