"""What a bound needs to know of values: how many, their mean, their noise and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from planner.statistics import intervals


@dataclass(frozen=True)
class Moments:
    """What a bound needs to know of values.

    Attributes:
        n: how many there are; of two unpaired arms, those of the smaller.
        mean: of a difference or of one arm, in the metric's unit.
        sd: of one of ``pairs`` values; 0 where they do not vary.
        pairs: how many such values the mean is worth.
        df: degrees of freedom of ``sd``.
    """

    n: int
    mean: float
    sd: float
    pairs: float
    df: float


def moments_of(values: Sequence[float], rounding: float = 0.0) -> Moments:
    """Paired differences, or the values of one arm; at least one; ``rounding`` as in ``varies``."""
    n = len(values)
    sd = intervals.sd(values) if n > 1 and intervals.varies(values, rounding) else 0.0
    return Moments(n, intervals.mean(values), sd, n, n - 1)


EQUAL_SIZES = 1.5
"""Arms whose sizes differ by a larger factor are judged with the degrees of freedom of the smaller."""


def moments_of_two(ours: Sequence[float], theirs: Sequence[float]) -> Moments:
    """Two arms that share no seeds, each of at least two values: ours less theirs (Welch 1947)."""
    sizes = len(ours), len(theirs)
    mean = intervals.mean(ours) - intervals.mean(theirs)
    sds = [intervals.sd(values) if intervals.varies(values) else 0.0 for values in (ours, theirs)]
    # A power of two changes no digit, and no square leaves what floats hold.
    _, exponent = math.frexp(max(sds))
    variances = [math.ldexp(sd, -exponent) ** 2 for sd in sds]
    parts = [variance / n for variance, n in zip(variances, sizes, strict=True)]
    squared_error = math.fsum(parts)
    if not squared_error:
        return Moments(min(sizes), mean, 0.0, min(sizes), min(sizes) - 1)
    welch = squared_error**2 / math.fsum(part**2 / (n - 1) for part, n in zip(parts, sizes, strict=True))
    df = welch if max(sizes) <= EQUAL_SIZES * min(sizes) else min(sizes) - 1
    variance = math.fsum(variances)
    sd = math.ldexp(math.sqrt(variance), exponent)
    return Moments(min(sizes), mean, sd, variance / squared_error, df)


def projected(moments: Moments, n: int) -> Moments:
    """What n values would show if they were like those there are, of the smaller arm where there are two."""
    if not moments.n:
        return moments
    growth = n / moments.n
    return Moments(n, moments.mean, moments.sd, moments.pairs * growth, (moments.df + 1) * growth - 1)
