"""What is said of a mean, read off a lower and an upper bound for it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from planner.criteria.quantity import Quantity
from planner.statistics import answers
from planner.statistics.bounds import Bounds, PooledNoise, Stage, log_evidence
from planner.statistics.moments import Moments
from planner.statistics.rates import log_bet


@dataclass(frozen=True)
class Statement:
    """What is said of a mean, and how often each bound that is held against it may err.

    Attributes:
        shown: the rates of the bounds that have to show it, of which one may have to refute it, too.
        outside: those of the bounds that refute what has two sides; None for what has one.
    """

    quantity: Quantity
    shown: tuple[float, float]
    outside: tuple[float, float] | None = None

    @staticmethod
    def of(quantity: Quantity, alpha: float, beta: float) -> Statement:
        """The statement that a quantity meets its bound; ``alpha`` errs for it, ``beta`` against it."""
        low, high = quantity.region.low, quantity.region.high
        if quantity.delta is None and math.isfinite(low) and math.isfinite(high):
            return Statement(quantity, (alpha, alpha), (beta / 2, beta / 2))
        downwards = quantity.delta is None and not math.isfinite(low)
        return Statement(quantity, (beta, alpha) if downwards else (alpha, beta))

    def answer(self, mean: float, shown: Bounds, outside: Bounds, stage: Stage) -> answers.Answer:
        """What bounds at these rates say."""
        quantity, low, high = self.quantity, self.quantity.region.low, self.quantity.region.high
        if quantity.delta is not None:
            return answers.better_by(mean, shown, quantity.delta, stage, quantity.rounding)
        if self.outside is None:
            one_sided = answers.at_least if math.isfinite(low) else answers.at_most
            return one_sided(shown, low if math.isfinite(low) else high, quantity.rounding)
        centre = (low + high) / 2
        inside, beyond = (Bounds(b.lower - centre, b.upper - centre) for b in (shown, outside))
        return answers.within(inside, beyond, (high - low) / 2, quantity.rounding)

    def edges(self, mean: float, shown: Bounds, outside: Bounds) -> list[float]:
        """The means at which the answer may change where the distance of the bounds from it stays."""
        low, high, delta = self.quantity.region.low, self.quantity.region.high, self.quantity.delta
        if delta is not None:
            return [mean - shown.lower, mean - shown.upper + delta, delta / 2]
        ends = [mean - shown.lower + low, mean - shown.upper + low] if math.isfinite(low) else []
        ends += [mean - shown.lower + high, mean - shown.upper + high] if math.isfinite(high) else []
        return ends + [mean - outside.lower + high, mean - outside.upper + low]


def log_e_of_means(quantity: Quantity, moments: Moments, pool: PooledNoise) -> float:
    """ln E against "the bound is not met"; of two sides, the one that is less sure."""
    mirrored = replace(moments, mean=-moments.mean)
    sides = [(moments, least) for least in _least(quantity)] + [(mirrored, -most) for most in _most(quantity)]
    return min((log_evidence(side, least, pool, quantity.stated) for side, least in sides), default=-math.inf)


def log_e_of_rates(quantity: Quantity) -> float:
    """ln E of shares, or of differences of two that are paired, against "the bound is not met"."""
    if quantity.other is not None:
        return -math.inf
    values, rate = quantity.in_order, quantity.rates == "rate"
    ours = values if rate else [(value + 1) / 2 for value in values]
    theirs = [1 - value for value in ours]
    sides = [(ours, least if rate else (least + 1) / 2) for least in _least(quantity)]
    sides += [(theirs, 1 - most if rate else (1 - most) / 2) for most in _most(quantity)]
    return min((log_bet(side, least) if least > 0 else -math.inf for side, least in sides), default=-math.inf)


def _least(quantity: Quantity) -> list[float]:
    """What the mean has to be shown to exceed."""
    least = 0.0 if quantity.delta is not None else quantity.region.low
    return [least] if math.isfinite(least) else []


def _most(quantity: Quantity) -> list[float]:
    """What it has to be shown to stay below."""
    most = math.inf if quantity.delta is not None else quantity.region.high
    return [most] if math.isfinite(most) else []
