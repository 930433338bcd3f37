"""What is judged: a value per seed, and the region in which it should lie."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from planner.language.criterion import Measured
from planner.statistics import intervals
from planner.statistics.bounds import NO_POOL, NOTHING_STATED, PooledNoise, StatedNoise

RateKind = Literal["rate", "difference"]
MOST_POOLED = 15
"""The most degrees of freedom that other arms' noise is worth."""
_ROUNDINGS = 16
"""So many units in the last place of what a value was computed from may be rounding."""


@dataclass(frozen=True)
class Region:
    """The values that meet a bound: between ``low`` and ``high``, ends included unless open."""

    low: float
    high: float
    open: bool = False

    def holds(self, value: float, tolerance: float = 0.0) -> bool:
        """Whether a value lies in it; what lies within the tolerance of an end counts as that end."""
        slack = -tolerance if self.open else tolerance
        if self.open:
            return self.low - slack < value < self.high + slack
        return self.low - slack <= value <= self.high + slack

    def margin(self, value: float) -> float:
        """How far inside (positive) or outside (negative) a value lies."""
        return min(value - self.low, self.high - value)

    @property
    def logarithms(self) -> Region:
        """The same values' logarithms; an end that is not positive lies beyond all of them."""
        low, high = (math.log(end) if end > 0 else -math.inf for end in (self.low, self.high))
        return Region(low, high, self.open)

    def excludes(self, low: float, high: float) -> bool:
        """Whether no value between two meets the bound."""
        return (high <= self.low or low >= self.high) if self.open else (high < self.low or low > self.high)


@dataclass(frozen=True)
class OtherArm:
    """The arm that is compared with, not seed by seed: seed -> value, and its runs."""

    values: Mapping[int, float]
    run_ids: Mapping[int, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Quantity:
    """What is judged: a value per seed, and which bound it is held against.

    Attributes:
        other: an arm whose mean is subtracted; None where values are of one arm, or differences by seed.
        delta: the smallest improvement that matters, for ``better_by``; values are improvements then.
        n_comparisons_met: how many quantities share the error rate of ``met``: any one that is met suffices.
        n_comparisons_not_met: how many share that of ``not_met``: any one that is not met suffices.
        spread: the standard deviation over seeds is judged, not the mean.
        extreme: the least or the largest value is judged, so that every seed has to meet the bound.
        operands: what the values were computed from, in order of seed: those of each arm.
        deterministic: what the program states of the metrics: ``accuracy is deterministic``; empty where
            it states nothing.
        comparison: the arm, or the pair of arms, that the values are of.
        run_ids: seed -> the runs that its value comes from; empty where nobody asks.
        noise: what the arms that are not compared say of the noise of one value.
        stated: what the program states of it.
        rates: whether the values are shares in [0, 1], or differences of two such, of whose noise nothing
            else is taken for granted; None where they are judged as other values are.
        flags: each of those shares is 0 or 1.
        logarithms: the values are logarithms, and the region is one of logarithms.
    """

    values: Mapping[int, float]
    region: Region
    treatment: str
    delta: float | None = None
    n_comparisons_met: int = 1
    n_comparisons_not_met: int = 1
    spread: bool = False
    extreme: Literal["min", "max"] | None = None
    operands: tuple[tuple[float, ...], ...] = ()
    deterministic: str = ""
    comparison: str = ""
    run_ids: Mapping[int, frozenset[str]] = field(default_factory=dict)
    noise: PooledNoise = NO_POOL
    stated: StatedNoise = NOTHING_STATED
    rates: RateKind | None = None
    flags: bool = False
    logarithms: bool = False
    other: OtherArm | None = None

    @property
    def runs(self) -> Mapping[int, frozenset[str]]:
        """Seed -> the runs that its value comes from, by whatever names."""
        return {seed: self.run_ids.get(seed, frozenset([f"seed {seed}"])) for seed in self.values}

    @property
    def groups(self) -> list[Mapping[int, frozenset[str]]]:
        """The runs of what is judged, and those of the arm that it is compared with where it has its own."""
        if self.other is None:
            return [self.runs]
        ids = self.other.run_ids
        return [self.runs, {s: ids.get(s, frozenset([f"other seed {s}"])) for s in self.other.values}]

    @property
    def mirrored(self) -> Quantity:
        """The same with every value negated, as where the other arm is named first; its region stays."""
        turned = {seed: -value for seed, value in self.values.items()}
        other = self.other and replace(self.other, values={s: -v for s, v in self.other.values.items()})
        return replace(self, values=turned, other=other)

    @property
    def n(self) -> int:
        """How many seeds there are; of two arms that are not paired, those of the smaller."""
        return min(map(len, self.groups))

    @property
    def are_shares(self) -> bool:
        """Whether no value lies beyond what shares, or differences of two, can be."""
        least = 0.0 if self.rates == "rate" else -1.0
        return all(least <= value <= 1.0 for value in self.values.values())

    @property
    def rounding(self) -> float:
        """By how much values may differ because they were computed from larger ones."""
        return (
            _ROUNDINGS * sys.float_info.epsilon * max((abs(v) for o in self.operands for v in o), default=0.0)
        )

    @property
    def without_variation(self) -> bool:
        """Whether two values or more are one value; a deviation over seeds is judged by none."""
        if self.other is not None and intervals.varies(list(self.other.values.values()), self.rounding):
            return False
        return len(self.values) > 1 and not self.spread and not intervals.varies(self.in_order, self.rounding)

    @property
    def repeats(self) -> bool:
        """Whether each arm has one value at all its seeds."""
        return bool(self.operands) and not any(map(intervals.varies, self.operands))

    @property
    def identical(self) -> bool:
        """Whether two arms have the same value as one another at every seed."""
        return self.other is None and len(self.operands) == 2 and self.operands[0] == self.operands[1]

    @property
    def observed(self) -> float:
        """What is held against the bound."""
        values = self.in_order
        if self.extreme is not None:
            return min(values) if self.extreme == "min" else max(values)
        if self.spread:
            return intervals.sd(values)
        beside = intervals.mean(list(self.other.values.values())) if self.other is not None else 0.0
        return intervals.mean(values) - beside

    @property
    def steps_between(self) -> list[float]:
        """The means halfway between any two that flags can have; none where no flag can be flipped."""
        if not self.flags or self.other is not None or not self.operands:
            return []
        n = len(self.values)
        least = 0 if self.rates == "rate" else -n
        return [(k + 0.5) / n for k in range(least, n)]

    @property
    def in_order(self) -> list[float]:
        """The values in order of seed."""
        return [value for _, value in sorted(self.values.items())]


def region_of(rule: Measured, threshold: float | tuple[float, float], centre: float = 0.0) -> Region:
    """The region of a bound; ``within`` is centred on 0, or on 1 for a ratio."""
    if isinstance(threshold, tuple):
        low, high = threshold
        return Region(low, high)
    bound = rule.threshold_key
    if bound in ("above", "at_least"):
        return Region(threshold, math.inf, open=bound == "above")
    if bound in ("below", "at_most"):
        return Region(-math.inf, threshold, open=bound == "below")
    if bound == "within":
        return Region(centre - threshold, centre + threshold)
    return Region(threshold, math.inf)
