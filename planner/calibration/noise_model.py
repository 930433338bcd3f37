"""The noise of simulated runs: how much a metric's value varies over seeds.

A simulated value is ``mean + common * c + own * o``: ``c`` is drawn once for a seed and shared by all arms
and metrics, ``o`` is the run's own. Both have variance 1, so that the difference of two arms at one seed
has standard deviation ``sqrt(2) * own``, and one arm's value over seeds ``sqrt(common^2 + own^2)``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from planner.criteria.judge import required_by_gate
from planner.language.criterion import Combined, Comparison, Level, Measured, Spread
from planner.language.program import Program
from planner.language.readings import columns_read
from planner.records.verdict import Verdict
from planner.statistics import intervals

Shape = Literal["normal", "t3", "lognormal"]
Source = Literal["stated", "measured", "assumed"]
Values = Mapping[int, float]

_LOG_SD = 1.0
"""Standard deviation of the logarithm of lognormal noise: a skewness of 6."""
_PART = 0.1
"""The noise that is assumed of a metric whose bound alone gives a scale, as a part of that bound."""


class Normals(Protocol):
    """Where standard normal numbers come from."""

    def __call__(self, count: int) -> list[float]:
        """The next so many independent standard normal numbers."""
        ...


@dataclass(frozen=True)
class Noise:
    """The noise of one metric, in its own unit.

    Attributes:
        paired: standard deviation of the difference of two arms at the same seed.
        alone: standard deviation of one arm's value over seeds; at least ``paired / sqrt(2)``.
        source: stated by the caller, measured on recorded runs, or assumed.
        why: what it was measured on or taken from.
    """

    paired: float
    alone: float
    source: Source
    why: str = ""

    @property
    def own(self) -> float:
        """Standard deviation of the part that belongs to one run."""
        return self.paired / math.sqrt(2)

    @property
    def common(self) -> float:
        """Standard deviation of the part that all arms share at a seed."""
        return math.sqrt(max(self.alone**2 - self.own**2, 0.0))


def equal(sd: float, source: Source, why: str = "") -> Noise:
    """Noise of which one figure is known: half the variance is shared by the arms, so both are ``sd``."""
    return Noise(sd, sd, source, why)


def draw(normals: Normals, count: int, shape: Shape) -> list[float]:
    """So many independent numbers of mean 0 and variance 1."""
    if shape == "t3":
        z = normals(4 * count)
        squares = (z[count + 3 * i : count + 3 * i + 3] for i in range(count))
        return [
            x / math.sqrt(max(math.fsum(v * v for v in s), 1e-300)) for x, s in zip(z, squares, strict=False)
        ]
    numbers = normals(count)
    if shape == "lognormal":
        centre, spread = (
            math.exp(_LOG_SD**2 / 2),
            math.sqrt(math.expm1(_LOG_SD**2)) * math.exp(_LOG_SD**2 / 2),
        )
        return [(math.exp(_LOG_SD * x) - centre) / spread for x in numbers]
    return numbers


# --- where it is known from ----------------------------------------------------------------------


def noise_of(program: Program, verdicts: Iterable[Verdict], stated: Mapping[str, float]) -> dict[str, Noise]:
    """The noise of every metric of a program: as stated, else as measured, else assumed.

    Args:
        verdicts: recorded ones, whose tables hold a value for each arm and seed.
        stated: metric -> standard deviation of a paired difference; none where the program states that a
            metric is deterministic.
    """
    measured = _measured(program, list(verdicts))
    noise = {}
    for metric in program.metrics:
        if program.metrics[metric].deterministic:
            noise[metric] = equal(0.0, "stated", "the program states that it is deterministic")
        elif metric in stated:
            noise[metric] = equal(stated[metric], "stated")
        elif program.metrics[metric].known_sd:
            sd = program.metrics[metric].known_sd
            noise[metric] = Noise(math.sqrt(2) * sd, sd, "stated", "the program states it (noise: sd)")
        else:
            noise[metric] = measured.get(metric) or _assumed(program, metric)
    return noise


def gate_metrics(program: Program) -> list[str]:
    """The metrics that gates read, in the order of the program's list."""
    read: set[str] = set()
    for name, phase in program.phases.items():
        for criterion in required_by_gate(program, name):
            if criterion in phase.criteria:
                read.update(metric for metric, _ in columns_read(program, phase.criteria[criterion]))
    return [name for name in program.metrics if name in read]


def anchors_of(program: Program, verdicts: Iterable[Verdict]) -> dict[str, float]:
    """Metric -> the value around which it is simulated where no bound says more: its mean so far, or 1."""
    measured: dict[str, list[float]] = {}
    for verdict in verdicts:
        for row in verdict.table:
            measured.setdefault(row.metric, []).append(row.estimate.value)
    means = {metric: intervals.mean(values) for metric, values in measured.items()}
    return {metric: means.get(metric) or 1.0 for metric in program.metrics}


@dataclass
class _Pool:
    """Squares around a mean and their degrees of freedom, over several samples."""

    squares: float = 0.0
    df: int = 0

    def add(self, values: list[float]) -> None:
        if len(values) > 1:
            self.squares += (len(values) - 1) * intervals.sd(values) ** 2
            self.df += len(values) - 1

    @property
    def sd(self) -> float:
        return math.sqrt(self.squares / self.df) if self.df else 0.0


def _measured(program: Program, verdicts: list[Verdict]) -> dict[str, Noise]:
    """The noise of the metrics that the runs behind these verdicts show to vary."""
    alone: dict[str, _Pool] = {}
    paired: dict[str, _Pool] = {}
    for verdict in verdicts:
        rows = {(row.arm, row.metric): dict(row.estimate.values) for row in verdict.table}
        for (_, metric), values in rows.items():
            alone.setdefault(metric, _Pool()).add(list(values.values()))
        for metric, pair in _compared(program, verdict.phase):
            one, other = (rows.get((arm, metric), {}) for arm in pair)
            paired.setdefault(metric, _Pool()).add([one[s] - other[s] for s in sorted(one) if s in other])
    noise = {}
    for metric, pool in alone.items():
        differences = paired.get(metric, _Pool())
        if pool.sd > 0 and metric in program.metrics:
            is_paired = differences.sd > 0
            sd = differences.sd if is_paired else math.sqrt(2) * pool.sd
            why = (
                f"{differences.df} df of paired differences" if is_paired else f"{pool.df} df of single arms"
            )
            noise[metric] = Noise(sd, max(pool.sd, sd / math.sqrt(2)), "measured", why)
    return noise


def _compared(program: Program, phase: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """(metric, pair of arms) of what a phase's criteria compare, each once."""
    if phase in program.phases:
        criteria = program.phases[phase].criteria.values()
        rules = (rule for rule in criteria if not isinstance(rule, Combined))
        yield from dict.fromkeys((rule.metric, pair) for rule in rules for pair in rule.compared_arms)


def _assumed(program: Program, metric: str) -> Noise:
    """A noise that the program's own bounds suggest: an effect worth having is one standard deviation."""
    criteria = [rule for phase in program.phases.values() for rule in phase.criteria.values()]
    rules = [rule for rule in criteria if isinstance(rule, Measured) and _reads(rule, metric)]
    for rule in rules:
        if rule.better_by is not None:
            return equal(rule.better_by, "assumed", "the smallest difference that matters (better_by)")
    for rule in rules:
        if rule.within is not None and rule.as_ == "difference":
            return equal(rule.within / 2, "assumed", "half the margin of equivalence (within)")
        if isinstance(rule, Spread) and rule.at_most:
            return equal(float(rule.at_most) / 2, "assumed", "half the bound of a spread")
        if rule.between is not None and rule.between[0] < rule.between[1]:
            return equal((rule.between[1] - rule.between[0]) / 4, "assumed", "a quarter of a range (between)")
    for rule in rules:
        bound = rule.threshold
        if (
            isinstance(rule, Level | Comparison)
            and rule.as_ == "difference"
            and isinstance(bound, float)
            and bound
        ):
            return equal(_PART * abs(bound), "assumed", "a tenth of a bound")
    return equal(_PART, "assumed", "0.1: no bound of the program gives it a scale")


def _reads(rule: Measured, metric: str) -> bool:
    return metric == rule.metric or (isinstance(rule, Comparison) and metric == rule.versus_metric)
