"""Runs an experiment once, in this process, to see what it measures."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.contract import artifact_names
from experiments.recording import read_metrics

from planner.io.workers.in_process import InProcessLauncher
from planner.records.jobs import Ended, Job
from planner.records.runs import PlannedRun, Series
from planner.testing.memory_home import Measurement


@dataclass(frozen=True)
class ExperimentResult:
    """What one run of an experiment left.

    Attributes:
        outcome: ``ok``, or why it gave no usable evidence.
        reason: one sentence for anything but ``ok``.
        metrics: final values, each in the unit that the experiment measures it in.
        series: metric -> (step, value) in order of step.
        artifacts: names of the files that it wrote.

    Example:
        >>> ExperimentResult("ok", "", {"loss": 0.5}, {"loss": ((0, 0.5),)}, ()).metrics["loss"]
        0.5
    """

    outcome: str
    reason: str
    metrics: Mapping[str, float]
    series: Mapping[str, Series]
    artifacts: tuple[str, ...]


def run_experiment(
    experiment: Any, params: Mapping[str, Any] | None = None, /, *, seed: int = 0, fidelity: str = "smoke"
) -> ExperimentResult:
    """Runs an experiment once, as a worker would, and gives what it left.

    Args:
        experiment: a module with ``Config``, ``PRESETS``, ``describe`` and ``run``, or what has them.
        params: the arm's parameters; the others come from the fidelity's preset and the defaults.
        seed: of the run.
        fidelity: ``smoke``, ``standard`` or ``full``.

    Raises:
        ProgramError: the experiment lacks one of its names, refuses a parameter, or cannot describe its data.

    Side effects: those of the experiment; its folder is temporary and removed.

    Example:
        >>> from types import SimpleNamespace
        >>> from experiments.contract import Config, Data
        >>> experiment = SimpleNamespace(
        ...     Config=Config,
        ...     PRESETS={},
        ...     describe=lambda config: Data(name="made up", digest="made-up"),
        ...     run=lambda config, seed, log: log.metric("loss", 1 / (seed + 1)),
        ... )
        >>> run_experiment(experiment, seed=1).metrics
        {'loss': 0.5}
    """
    launcher = InProcessLauncher({"experiment": experiment})
    launcher.describe("experiment", [(dict(params or {}), fidelity)])
    with tempfile.TemporaryDirectory() as folder:
        job = Job(
            id="job",
            arm="arm",
            seed=seed,
            experiment="experiment",
            params=dict(params or {}),
            fidelity=fidelity,
            folder=folder,
        )
        *_, ended = launcher.run([job])
        assert isinstance(ended, Ended)
        return _result(ended, Path(folder))


def _result(ended: Ended, folder: Path) -> ExperimentResult:
    values: dict[str, dict[int, float]] = {}
    for name, step, value in read_metrics(folder):
        values.setdefault(name, {})[step or 0] = value
    series = {name: tuple(sorted(by_step.items())) for name, by_step in values.items()}
    return ExperimentResult(
        outcome=ended.outcome,
        reason=ended.reason,
        metrics={name: steps[-1][1] for name, steps in series.items()},
        series=series,
        artifacts=tuple(artifact_names(folder)),
    )


def measure_with(experiment: Any, /) -> Callable[[PlannedRun], Measurement]:
    """What lets a :class:`MemoryHome` measure with a real experiment.

    Args:
        experiment: as :func:`run_experiment` takes it.

    Returns:
        A function from a planned run to what it measures.

    Raises:
        ProgramError: when it is called, as :func:`run_experiment`.

    Example:
        >>> from types import SimpleNamespace
        >>> from experiments.contract import Config, Data
        >>> from planner.testing import MemoryHome, example_program, measure_with
        >>> class DropoutConfig(Config):
        ...     dropout: float = 0.0
        >>> def run(config, seed, log):
        ...     log.metric("val_accuracy", 0.9 + config.dropout / 10 + seed / 1000)
        >>> experiment = SimpleNamespace(
        ...     Config=DropoutConfig,
        ...     PRESETS={},
        ...     describe=lambda config: Data(name="made up", digest="made-up"),
        ...     run=run,
        ... )
        >>> MemoryHome(example_program(), measure_with(experiment)).advance().state
        'done'
    """

    def measure(run: PlannedRun) -> Measurement:
        result = run_experiment(experiment, run.params, seed=run.seed, fidelity=run.fidelity)
        if result.outcome not in ("ok", "bad_metric"):
            return result.outcome
        return {name: [value for _, value in steps] for name, steps in result.series.items()}

    return measure
