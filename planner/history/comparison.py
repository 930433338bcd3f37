"""One arm against another: the difference, what it lies between, and the answer that follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from planner.evidence.shared_seeds import are_paired
from planner.statistics import intervals
from planner.statistics.answers import tolerance
from planner.statistics.bounds import Bounds, Design, bounds_of, half_width
from planner.statistics.levels import LEAST_VALUES
from planner.statistics.moments import Moments, moments_of, moments_of_two, projected
from planner.statistics.rates import difference_bounds, difference_of_rates

Answer = Literal["better", "worse", "equivalent", "undecided", "not comparable"]
MOST_RUNS = 500
"""Beyond so many in an arm, no number of runs is named that would decide."""


@dataclass(frozen=True)
class ArmValues:
    """What one arm measured.

    Attributes:
        values: in the order of its runs.
        by_seed: seed -> value, of the runs that say their seed.
        steps: the first and the last of the steps at which its runs ended; None where none are known.
    """

    values: Sequence[float]
    by_seed: Mapping[int, float]
    steps: tuple[int, int] | None = None


@dataclass(frozen=True)
class ArmComparison:
    """What one arm is against the baseline.

    Attributes:
        difference: of the means, this arm's less the baseline's, in the metric's unit.
        interval: what the answer was read off.
        paired: seed by seed; None where nothing was compared.
        n_to_decide: with how many runs of each there would be an answer, if further ones were like these.
        note: why there is no answer, or what it rests on.
    """

    answer: Answer
    difference: float | None = None
    interval: tuple[float, float] | None = None
    paired: bool | None = None
    n_to_decide: int | None = None
    note: str = ""


def compare(
    ours: ArmValues, theirs: ArmValues, lower_is_better: bool, error: float, least_effect: float | None
) -> ArmComparison:
    """The answer to: is our arm better than theirs?

    All runs that are there are one look, the first and last that was planned: see ``docs/history.md``.

    Args:
        error: how often each of the two bounds may lie on the wrong side.
        least_effect: differences smaller than this, either way, do not matter; None if any may.
    """
    wrong = _not_comparable(ours, theirs)
    if wrong:
        return ArmComparison("not comparable", note=wrong)
    seeds = [seed for seed in ours.by_seed if seed in theirs.by_seed]
    enough = max(LEAST_VALUES, min(len(ours.values), len(theirs.values)) / 2)
    paired = len(seeds) >= enough and are_paired(ours.by_seed, theirs.by_seed)
    pairs = [(ours.by_seed[s], theirs.by_seed[s]) for s in seeds] if paired else []
    values = (*(v for pair in pairs for v in pair),) if paired else (*ours.values, *theirs.values)
    rounding = tolerance(*values)
    differences = [one - other for one, other in pairs]
    moments = moments_of(differences, rounding) if paired else moments_of_two(ours.values, theirs.values)
    is_flag = set(values) <= {0.0, 1.0}
    bounds = (
        _bounds_of_rates(differences, ours, theirs, error) if is_flag else _bounds_of_means(moments, error)
    )
    answer = _answer(bounds, lower_is_better, least_effect, rounding)
    if math.isinf(bounds.lower):
        return ArmComparison("undecided", moments.mean, None, paired, None, _without_noise(moments.mean))
    needed = None
    if answer == "undecided" and not is_flag:
        needed = _n_to_decide(moments, error, least_effect)
    return ArmComparison(answer, moments.mean, (bounds.lower, bounds.upper), paired, needed)


def _not_comparable(ours: ArmValues, theirs: ArmValues) -> str:
    """Why two arms cannot be compared; empty where they can."""
    if len(ours.values) < LEAST_VALUES:
        return f"fewer than {LEAST_VALUES} runs"
    if len(theirs.values) < LEAST_VALUES:
        return f"the baseline has fewer than {LEAST_VALUES} runs"
    if ours.steps and theirs.steps and (ours.steps[1] < theirs.steps[0] or theirs.steps[1] < ours.steps[0]):
        return f"it ends at step {_span(ours.steps)}, the baseline at {_span(theirs.steps)}"
    return ""


def _span(steps: tuple[int, int]) -> str:
    return str(steps[0]) if steps[0] == steps[1] else f"{steps[0]} to {steps[1]}"


def _bounds_of_means(moments: Moments, error: float) -> Bounds:
    design = Design(LEAST_VALUES, error, error)
    return bounds_of(moments, design, stage="final")


def _bounds_of_rates(
    differences: Sequence[float], ours: ArmValues, theirs: ArmValues, error: float
) -> Bounds:
    design = Design(LEAST_VALUES, error, error)
    if differences:
        return difference_bounds(differences, design, "final")
    return difference_of_rates(ours.values, theirs.values, design, "final")


def _answer(bounds: Bounds, lower_is_better: bool, least_effect: float | None, rounding: float) -> Answer:
    if least_effect is not None and -least_effect < bounds.lower and bounds.upper < least_effect:
        return "equivalent"
    if bounds.lower > rounding:
        return "worse" if lower_is_better else "better"
    if bounds.upper < -rounding:
        return "better" if lower_is_better else "worse"
    return "undecided"


def _without_noise(difference: float) -> str:
    same = "one value in all runs of both" if not difference else "no variation over runs"
    return f"{same}: nothing is known of the noise"


def _n_to_decide(moments: Moments, error: float, least_effect: float | None) -> int | None:
    """The least number of runs at which the bounds around today's mean give an answer."""

    def decides(n: int) -> bool:
        half = half_width(projected(moments, n), LEAST_VALUES, error, stage="final")
        is_equivalent = least_effect is not None and abs(moments.mean) + half < least_effect
        return half < abs(moments.mean) or is_equivalent

    low, high = moments.n, MOST_RUNS
    if not decides(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decides(middle) else (middle, high)
    return high


def mean_interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95% interval of one arm's mean; None below two values."""
    return intervals.t_interval(values, 0.95)
