"""Simulated runs, made when they are asked for: what stands in for recorded runs and for experiments."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from planner.calibration.constraints import Cell
from planner.calibration.noise_model import Noise, Normals, draw, equal
from planner.calibration.scenarios import Scenario, Setting
from planner.evidence.evidence import Evidence
from planner.language.criterion import Measured
from planner.language.metric import FLAG
from planner.language.program import Program
from planner.language.readings import phase_metrics
from planner.records.runs import PlannedRun, Run, Series


@dataclass
class Simulated:
    """All runs of one repetition.

    The same configuration at the same seed is one run, whichever phase or arm asks for it, as with real runs.

    Attributes:
        plan: what does not change between repetitions.
        normals: where chance comes from.
        made: configuration -> seed -> run.
    """

    plan: SimulationPlan
    normals: Normals
    made: dict[str, dict[int, Run]] = field(default_factory=dict)
    _shared: dict[int, float] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many runs have been made."""
        return sum(map(len, self.made.values()))

    def evidence_of(self, phase: str, fidelity: str) -> Evidence:
        """The runs that count for a phase."""
        configs = self.plan.configs[phase]
        runs = {arm: dict(sorted(self.made.get(config, {}).items())) for arm, config in configs.items()}
        looked_at = {arm: tuple(by_seed.values()) for arm, by_seed in runs.items()}
        return Evidence(phase, fidelity, runs, {}, self.plan.declared[phase], looked_at=looked_at)

    def missing(self, phase: str, fidelity: str, wanted: Mapping[str, int]) -> list[PlannedRun]:
        """The runs that have not been made, seed by seed over the arms."""
        planned: dict[tuple[str, int], PlannedRun] = {}
        for arm, count in wanted.items():
            config = self.plan.configs[phase][arm]
            made = self.made.get(config, {})
            for seed in (s for s in range(count) if s not in made):
                planned.setdefault((config, seed), _planned(phase, arm, seed, fidelity, config))
        order = {arm: i for i, arm in enumerate(wanted)}
        return sorted(planned.values(), key=lambda run: (run.seed, order[run.arm]))

    def make(self, planned: Iterable[PlannedRun]) -> None:
        """Makes runs."""
        for one in planned:
            if one.seed not in self._shared:
                self._shared[one.seed] = draw(self.normals, 1, self.plan.setting.shape)[0]
            own = draw(self.normals, len(self.plan.metrics[one.fingerprint]), self.plan.setting.shape)
            luck = draw(self.normals, len(self.plan.flags_of(one.fingerprint)), "normal")
            metrics, series = self.plan.values(one.fingerprint, self._shared[one.seed], own)
            metrics.update(self.plan.flags(one.fingerprint, luck))
            made = self.made.setdefault(one.fingerprint, {})
            made[one.seed] = Run.model_construct(
                id=f"{one.fingerprint}-{one.seed}",
                phase=one.phase,
                arm=one.arm,
                seed=one.seed,
                fidelity=one.fidelity,
                metrics=metrics,
                series=series,
                fingerprint=one.fingerprint,
                data_digest="simulated",
                code_digest="simulated",
            )


def _planned(phase: str, arm: str, seed: int, fidelity: str, config: str) -> PlannedRun:
    return PlannedRun.model_construct(
        phase=phase,
        arm=arm,
        seed=seed,
        fidelity=fidelity,
        params={},
        fingerprint=config,
        data_digest="simulated",
        code_digest="simulated",
    )


class SimulationPlan:
    """What every repetition in one scenario shares: configurations, and which values their runs hold.

    Args:
        phases: those that are judged; runs hold what their criteria read.
    """

    def __init__(self, setting: Setting, scenario: Scenario, phases: Iterable[str]) -> None:
        program = setting.program
        self.setting, self.scenario = setting, scenario
        self.configs = {
            phase: {arm: setting.builder(phase).config(arm) for arm in rules.arms}
            for phase, rules in program.phases.items()
        }
        self.declared = {
            phase: {arm: program.params(phase, arm) for arm in rules.arms}
            for phase, rules in program.phases.items()
        }
        self._steps = _steps_read(program)
        self.metrics = self._metrics(phases)
        self._noise: dict[tuple[str, str], Noise] = {
            key: equal(sd, "stated", "placed") for key, sd in scenario.sds.items()
        }

    def _metrics(self, phases: Iterable[str]) -> dict[str, list[str]]:
        """Configuration -> the metrics that its runs hold, in the order of the program."""
        program = self.setting.program
        read: dict[str, set[str]] = {c: set() for by_arm in self.configs.values() for c in by_arm.values()}
        for phase in phases:
            for config in self.configs[phase].values():
                read[config].update(phase_metrics(program, phase))
        measured = [name for name, metric in program.metrics.items() if metric.share is None]
        return {config: [name for name in measured if name in names] for config, names in read.items()}

    def values(
        self, config: str, shared: float, own: list[float]
    ) -> tuple[dict[str, float], dict[str, Series]]:
        """(final values, series) of a run.

        Args:
            shared: the number that all runs of its seed have.
            own: one number for each of its metrics.
        """
        metrics: dict[str, float] = {}
        series: dict[str, Series] = {}
        for metric, chance in zip(self.metrics[config], own, strict=True):
            noise = self._noise.get((config, metric)) or self.setting.noise[metric]
            error = noise.common * shared + noise.own * chance
            mean = self._mean(config, metric)
            metrics[metric] = self._with_error(metric, mean, error)
            if metric in self._steps:
                series[metric] = tuple(self._series(config, metric, mean, error))
        return metrics, series

    def flags_of(self, config: str) -> list[str]:
        """The metrics of a configuration that are 0 or 1."""
        return [name for name in self.metrics[config] if self.setting.program.metrics[name].unit == FLAG]

    def flags(self, config: str, luck: list[float]) -> dict[str, float]:
        """The flags of a run, each 1 as often as its mean says.

        Args:
            luck: a standard normal number for each of them.
        """
        pairs = zip(self.flags_of(config), luck, strict=True)
        return {name: float(_below(number) < self._mean(config, name)) for name, number in pairs}

    def _with_error(self, metric: str, mean: float, error: float) -> float:
        declared = self.setting.program.metrics[metric]
        if declared.transform:
            return mean * math.exp(error)
        return min(max(mean + error, 0.0), 1.0) if declared.is_rate else mean + error

    def _mean(self, config: str, metric: str) -> float:
        return self.scenario.means.get(Cell(config, metric), self.setting.anchors.get(metric, 1.0))

    def _series(self, config: str, metric: str, mean: float, error: float) -> Iterator[tuple[int, float]]:
        """The values by step; a first value that something was asked of has no noise of its own."""
        base = self.scenario.means.get(Cell(config, metric, "base"))
        yield 0, mean + error if base is None else base
        steps = sorted(step for step in self._steps[metric] if step > 0)
        for step in steps:
            yield step, self.scenario.means.get(Cell(config, metric, step), mean) + error
        yield max(steps, default=0) + 1, mean + error


def _below(normal: float) -> float:
    """How often a standard normal number lies below this one."""
    return math.erfc(-normal / math.sqrt(2)) / 2


def _steps_read(program: Program) -> dict[str, set[int]]:
    """Metric -> the steps at which criteria read it, for every metric that is read over steps."""
    steps_of: dict[str, set[int]] = {}
    for phase in program.phases.values():
        for rule in phase.criteria.values():
            if isinstance(rule, Measured) and (rule.at not in (None, "last") or rule.since is not None):
                steps = {step for step in (rule.at, rule.since) if isinstance(step, int)}
                named = {rule.metric, getattr(rule, "versus_metric", None) or rule.metric}
                for metric in program.with_parts(named):
                    steps_of.setdefault(metric, set()).update(steps)
    return steps_of
