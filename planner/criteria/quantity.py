"""What is judged: a value per seed, and the region in which it should lie."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from planner.language.criterion import Measured
from planner.language.types import IN_SEQUENCE
from planner.statistics import sequential


@dataclass(frozen=True)
class Region:
    """The values that meet a bound: between ``low`` and ``high``, ends included unless open."""

    low: float
    high: float
    open: bool = False

    def holds(self, value: float) -> bool:
        """Whether a value lies in it."""
        if self.open:
            return self.low < value < self.high
        return self.low <= value <= self.high

    def margin(self, value: float) -> float:
        """How far inside (positive) or outside (negative) a value lies."""
        return min(value - self.low, self.high - value)


@dataclass(frozen=True)
class Quantity:
    """What is judged: a value per seed, and which bound it is held against.

    Attributes:
        delta: the smallest improvement that matters, for ``better_by``; values are improvements then.
        prior: the pooled noise of the arms compared, for the sequential rule.
        others: the noise of the other arms alone, for the anytime rule; 0 where there is none.
        n_comparisons_met: how many quantities share the error rate of ``met``: any one that is met suffices.
        n_comparisons_not_met: how many share that of ``not_met``: any one that is not met suffices.
        spread: the standard deviation over seeds is judged, not the mean.
    """

    values: Mapping[int, float]
    region: Region
    treatment: str
    delta: float | None = None
    prior: sequential.Prior = sequential.Prior()
    others: float = 0.0
    n_comparisons_met: int = 1
    n_comparisons_not_met: int = 1
    spread: bool = False

    @property
    def in_order(self) -> list[float]:
        """The values in order of seed."""
        return [value for _, value in sorted(self.values.items())]

    @property
    def in_sequence(self) -> bool:
        """Whether it is judged seed by seed: only ``better_by`` says what to test against."""
        return self.treatment in IN_SEQUENCE and self.delta is not None

    def surely_in(self, interval: tuple[float, float]) -> bool:
        """Whether every value of an interval meets the bound; for ``better_by``, is an improvement."""
        low, high = interval
        return low > 0 if self.delta is not None else self.region.holds(low) and self.region.holds(high)

    def surely_out(self, interval: tuple[float, float]) -> bool:
        """Whether no value of an interval meets the bound; for ``better_by``, none is worth having."""
        low, high = interval
        if self.delta is not None:
            return high < self.delta
        if self.region.open:
            return high <= self.region.low or low >= self.region.high
        return high < self.region.low or low > self.region.high


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
