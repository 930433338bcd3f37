"""What an experiment takes and gives.

An experiment is a module that measures one arm at one seed. It has four names:

``Config``
    a frozen model of every parameter that an arm may set, with defaults (a subclass of
    :class:`Config` below).
``PRESETS``
    fidelity (``smoke``, ``standard``, ``full``) -> parameters that replace the defaults at that rung.
``describe(config)``
    the data that ``run`` would use, as :class:`Data`; cheap, trains nothing.
``run(config, seed, log)``
    trains and measures; everything it finds goes to ``log``, and it returns nothing.

An experiment whose seeds train faster together than one by one has two names more:

``TOGETHER``
    the most seeds that it trains at once.
``run_together(config, seeds, logs)``
    gives each log what ``run`` would give it, within float tolerance, and keeps its checkpoints apart, so
    that any grouping of the seeds can resume.

It knows neither MLflow nor the planner. Each run has a process of its own (:mod:`experiments.worker`), or
shares it with the runs that it trains together with; ``random``, NumPy and torch are seeded before ``run``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pydantic

FIDELITIES = ("smoke", "standard", "full")


class Config(pydantic.BaseModel):
    """Parameters of one arm; subclasses add fields, all with defaults."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    device: str = "cpu"


class Data(pydantic.BaseModel):
    """What an experiment says of its data before it runs.

    Attributes:
        name: what a person would call the dataset.
        digest: changes exactly when the data that a seed sees would change.
        sizes: split name -> number of units in it.
        overlap: share of evaluation units that training also saw, in [0, 1]; leave it out where that is not
            known, and nothing is said of it.
        files: the user's files that the data come from; empty for bundled or generated data.
    """

    model_config = pydantic.ConfigDict(frozen=True)

    name: str
    digest: str
    sizes: dict[str, int] = {}
    overlap: float = 0.0
    files: tuple[str, ...] = ()


class Experiment(Protocol):
    """The names that an experiment module must have.

    Example:
        >>> from types import SimpleNamespace
        >>> experiment: Experiment = SimpleNamespace(
        ...     Config=Config,
        ...     PRESETS={"smoke": {}},
        ...     describe=lambda config: Data(name="made up", digest="made-up"),
        ...     run=lambda config, seed, log: log.metric("loss", 1 / (seed + 1)),
        ... )
        >>> experiment.describe(experiment.Config()).name
        'made up'
    """

    Config: type[Config]
    PRESETS: Mapping[str, Mapping[str, Any]]

    def describe(self, config: Any) -> Data: ...

    def run(self, config: Any, seed: int, log: MetricLog) -> None: ...


class Interrupted(Exception):
    """A run that ends itself for a reason outside it; another try may go better.

    Attributes:
        outcome: the run's outcome.
    """

    outcome = "killed"


class Slowdown(Interrupted):
    """The machine has become too slow for the run to go on."""

    outcome = "slowdown"


class Suspended(Interrupted):
    """The process was hardly given any CPU: a machine that sleeps, or a stopped process."""

    outcome = "suspended"


def configure(experiment: Experiment, params: Mapping[str, Any], fidelity: str) -> Config:
    """The configuration of one arm: defaults, then the fidelity's preset, then the arm's own.

    Raises:
        ValueError: a parameter that the experiment does not know, or a value that it does not
            take (pydantic's message names it). The caller mends the program.
    """
    return experiment.Config(**{**experiment.PRESETS.get(fidelity, {}), **params})


class MetricLog:
    """Where a run puts what it finds; one folder per run.

    ``metrics.jsonl`` holds one ``[name, step, value]`` per line and is appended as the run goes, so
    that a run which ends early leaves what it had. ``artifacts/`` and ``checkpoint/`` are the run's
    own.

    Args:
        folder: the run's folder; made if it is not there.
        on_progress: called with (units done, units in all) whenever the run says how far it is.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = MetricLog(Path(folder))
        ...     log.metrics({"loss": 0.5, "accuracy": 0.9}, step=1)
        ...     log.close()
        ...     read_metrics(Path(folder))
        [('loss', 1, 0.5), ('accuracy', 1, 0.9)]
    """

    def __init__(self, folder: Path, on_progress: Callable[[float, float], None] | None = None) -> None:
        self.folder = folder
        self._on_progress = on_progress
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / "metrics.jsonl").open("a", encoding="utf-8", buffering=1)
        self.not_finite: list[str] = []

    def metric(self, name: str, value: float, step: int | None = None) -> None:
        """Records one value. The value at the highest step is the run's final one.

        A value that is NaN or infinite is recorded as it is; the run then ends as ``bad_metric``.
        """
        value = float(value)
        if not math.isfinite(value):
            self.not_finite.append(name)
        self._file.write(json.dumps([name, step, value]) + "\n")

    def metrics(self, values: Mapping[str, float], step: int | None = None) -> None:
        """Records several values of one step."""
        for name, value in values.items():
            self.metric(name, value, step)

    def artifact(self, name: str) -> Path:
        """The path at which to write an artifact of that name."""
        path = self.folder / "artifacts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    @property
    def checkpoint(self) -> Path:
        """The folder for checkpoints; what an interrupted run left there is still in it."""
        path = self.folder / "checkpoint"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def progress(self, done: float, total: float) -> None:
        """Says how far the run is, in any unit; costs nothing when nobody listens."""
        if self._on_progress is not None:
            self._on_progress(done, total)

    def close(self) -> None:
        """Closes the file; nothing can be recorded afterwards."""
        self._file.close()


def read_metrics(folder: Path) -> list[tuple[str, int | None, float]]:
    """What a run recorded, in order; a torn last line, left by a kill, is dropped."""
    path = folder / "metrics.jsonl"
    if not path.exists():
        return []
    found: list[tuple[str, int | None, float]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            name, step, value = json.loads(line)
        except ValueError:
            continue
        found.append((name, step, value))
    return found


def artifact_names(folder: Path) -> list[str]:
    """The names of the artifacts in a run's folder, sorted; those in subfolders as relative paths."""
    found = (folder / "artifacts").rglob("*")
    return sorted(path.relative_to(folder / "artifacts").as_posix() for path in found if path.is_file())
