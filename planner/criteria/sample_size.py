"""How many seeds a decision would need if further ones were like those that are there."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

from planner.criteria.answer import Answer
from planner.criteria.bounded import seeds_needed
from planner.criteria.decision_rule import judge_quantity
from planner.criteria.quantity import Quantity
from planner.criteria.test_design import TestDesign
from planner.statistics import intervals
from planner.statistics.sequential import LEAST_SEEDS, SIEGMUND_OVERSHOOT, SQUARABLE, is_beyond_doubt

MOST = 100_000
_LAST_LOOK = 64
_SAME = 1e-9


def judge_with_projected_n(quantity: Quantity, design: TestDesign, with_flip_points: bool = False) -> Answer:
    """The answer, and where there is none yet, with how many seeds there would be one."""
    answer = judge_quantity(quantity, design, with_flip_points)
    if answer.outcome != "undecided":
        return answer
    return replace(answer, projected_n=seeds_to_decide(quantity, design))


def seeds_to_decide(quantity: Quantity, design: TestDesign) -> int | None:
    """The number of seeds at which a quantity would be decided at its observed mean and spread.

    Returns:
        One more than there are at least; None where the observed value lies on the bound, for a deviation
        over seeds, below two values, where they do not vary, or where no number is enough.
    """
    if quantity.treatment == "bounds" and not quantity.spread:
        return seeds_needed(quantity, design)
    values = quantity.in_order
    if quantity.spread or len(values) < 2 or quantity.without_variation:
        return None
    observed, noise = intervals.mean(values), intervals.sd(values)
    if quantity.in_sequence:
        alpha = design.false_pass / quantity.n_comparisons_met
        n = _in_sequence(quantity.delta or 0.0, observed, noise, (alpha, design.false_fail))
    else:
        met = quantity.region.holds(observed)
        level = (
            design.confidence_level_met(quantity.n_comparisons_met)
            if met
            else design.confidence_level_not_met(quantity.n_comparisons_not_met)
        )
        n = _by_interval(_distance(quantity, observed), noise, level)
    return None if n is None or n > MOST else max(n, len(values) + 1)


def _distance(quantity: Quantity, observed: float) -> float:
    """How far the mean lies from where it would be decided otherwise."""
    if quantity.delta is not None:  # met beyond 0, not met short of delta
        return max(observed, quantity.delta - observed)
    return abs(quantity.region.margin(observed))


def _by_interval(distance: float, noise: float, level: float) -> int | None:
    """The smallest n at which half the interval is no longer than the distance."""
    if distance <= _SAME * noise:
        return None
    high = 2
    while not _clears(high, distance, noise, level):
        high *= 2
        if high > MOST:
            return None
    low = max(high // 2, 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _clears(middle, distance, noise, level) else (middle, high)
    return high


def _clears(n: int, distance: float, noise: float, level: float) -> bool:
    return intervals.t_quantile(n - 1, 0.5 + level / 2) * noise / math.sqrt(n) <= distance


def _in_sequence(delta: float, observed: float, noise: float, errors: tuple[float, float]) -> int | None:
    """Where the expected log likelihood ratio reaches its bound (Wald's approximation)."""
    unit = max(delta, abs(observed), noise)
    if not 1 / SQUARABLE < unit < SQUARABLE and unit:  # squares would overflow or vanish; only ratios matter
        delta, observed, noise = delta / unit, observed / unit, noise / unit
    null, effect = noise**2 + observed**2, noise**2 + (observed - delta) ** 2
    floor = max(1e-12 * delta * delta, sys.float_info.min)
    drift = (math.log(max(null, floor)) - math.log(max(effect, floor))) / 2
    bound = math.log(1 / errors[0]) if drift > 0 else math.log(1 / errors[1])
    overshoot = SIEGMUND_OVERSHOOT * min(delta / max(noise, math.sqrt(floor)), 2.0)
    by_ratio = math.ceil(max(bound * 4 / 3 - overshoot, 0.0) / abs(drift)) if abs(drift) > _SAME else None
    sooner = _overwhelming(delta, observed, noise, errors)
    return min((n for n in (by_ratio, sooner) if n is not None), default=None)


def _overwhelming(delta: float, observed: float, noise: float, errors: tuple[float, float]) -> int | None:
    """The seeds at which an effect many times delta is beyond doubt (``sequential.is_overwhelming``)."""
    effect, error = max((observed, errors[0]), (delta - observed, errors[1]))
    looks = range(LEAST_SEEDS, _LAST_LOOK)
    return next((n for n in looks if is_beyond_doubt(effect, noise, n, error)), None)
