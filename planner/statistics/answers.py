"""What bounds say about a statement: an answer is read off them and can contradict no interval beside it.

Every set of values for which a statement is supported grows with a shift for the better, so that a better
value at every seed makes no answer worse.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Literal

from planner.statistics.bounds import NO_POOL, Bounds, Design, PooledNoise, Stage, bounds_of, stage_of
from planner.statistics.moments import Moments

Answer = Literal["supported", "refuted", "undecided", "contradictory"]
MOST_SEEDS = 500
"""Beyond so many, no number of seeds is named."""
_ROUNDINGS = 16
_EPSILON = sys.float_info.epsilon


def tolerance(*operands: float) -> float:
    """Below which two numbers that were computed from these are equal."""
    return _ROUNDINGS * _EPSILON * max(map(abs, operands), default=0.0)


def tighter(final: Bounds, late: Bounds) -> Bounds:
    """What holds after the final look: both do, so their intersection does."""
    return Bounds(max(final.lower, late.lower), min(final.upper, late.upper))


def better_by(mean: float, bounds: Bounds, delta: float, stage: Stage, rounding: float = 0.0) -> Answer:
    """Whether an improvement is shown that is nearer to ``delta`` than to none.

    Args:
        mean: of the improvements, in the metric's unit.
        delta: the smallest that matters, > 0.
        rounding: see :func:`tolerance`.
    """
    if bounds.lower > bounds.upper:
        return "contradictory"
    less = bounds.upper < delta - rounding
    if less and (stage != "early" or mean <= delta / 2 + rounding):  # a lucky small deviation refutes nothing
        return "refuted"
    shown = bounds.lower > rounding and not less and mean >= delta / 2 - rounding
    return "supported" if shown else "undecided"


def at_least(bounds: Bounds, threshold: float, rounding: float = 0.0) -> Answer:
    """Whether the mean is shown to reach a threshold."""
    if bounds.lower > bounds.upper:
        return "contradictory"
    if bounds.lower >= threshold - rounding:
        return "supported"
    return "refuted" if bounds.upper < threshold - rounding else "undecided"


def at_most(bounds: Bounds, threshold: float, rounding: float = 0.0) -> Answer:
    """Whether the mean is shown to stay at or below a threshold."""
    return at_least(Bounds(-bounds.upper, -bounds.lower), -threshold, rounding)


def within(shown: Bounds, outside: Bounds, margin: float, rounding: float = 0.0) -> Answer:
    """Whether the mean is shown to be within a margin of 0.

    Args:
        shown: bounds of which each errs at alpha.
        outside: bounds of which each errs at half of beta.
    """
    if shown.lower > shown.upper or outside.lower > outside.upper:
        return "contradictory"
    if shown.lower > -margin + rounding and shown.upper < margin - rounding:
        return "supported"
    beyond = outside.lower > margin + rounding or outside.upper < -margin - rounding
    return "refuted" if beyond else "undecided"


def seeds_needed(
    moments: Moments,
    delta: float,
    design: Design,
    pool: PooledNoise = NO_POOL,
    final_made: bool = False,
    most: int = MOST_SEEDS,
) -> int | None:
    """The least number of seeds at which ``better_by`` decides, at the mean and noise seen so far.

    All seeds there are used then, so it is larger than their number.

    Args:
        moments: paired differences, or the values of one arm.
        final_made: more seeds are judged at the late level.
        most: beyond which none is named.

    Returns:
        None where there is no such number.
    """
    for n in range(moments.n + 1, most):
        stage: Stage = (
            "late" if final_made or n > max(design.planned, moments.n) else stage_of(n, design.planned)
        )
        expected = Moments(n, moments.mean, moments.sd, n, n - 1)
        bounds = bounds_of(expected, design, pool, stage)
        if better_by(moments.mean, bounds, delta, stage) in ("supported", "refuted"):
            return n
    return None


def rounding_of(values: Sequence[float], threshold: float) -> float:
    """The tolerance for a statement about the mean of values."""
    return tolerance(threshold, *values)
