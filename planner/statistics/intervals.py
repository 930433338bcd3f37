"""Student t and chi-square intervals over seeds. The only module that imports SciPy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_FAR = 9.0
"""Standard deviations beyond which a normal value is not met with."""


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, summed exactly so that the order of seeds does not matter.

    It never lies outside the values: equal ones have themselves as mean, and no deviation by rounding.
    """
    return min(max(math.fsum(values) / len(values), min(values)), max(values))


def sd(values: Sequence[float]) -> float:
    """The standard deviation with n - 1; 0 for one value."""
    return sd_around(mean(values), values) if len(values) > 1 else 0.0


def sd_around(centre: float, values: Sequence[float]) -> float:
    """The standard deviation of two or more values whose mean is known."""
    largest = max(abs(v - centre) for v in values)
    # Squares of values beyond these bounds are infinite or 0, and would hide what noise there is.
    unit = 1.0 if 1e-140 < largest < 1e140 else largest or 1.0
    squares = math.fsum(((v - centre) / unit) ** 2 for v in values)
    return unit * math.sqrt(squares / (len(values) - 1))


@lru_cache(4096)
def t_quantile(df: int, probability: float) -> float:
    """The quantile of Student's t distribution; the same few are asked for again and again."""
    from scipy.special import stdtrit

    return float(stdtrit(df, probability))


def t_above(critical: float, df: int, shift: float) -> float:
    """The probability that a t statistic of noncentrality ``shift`` exceeds ``critical`` > 0."""
    from scipy.special import chdtr, nctdtr

    below = float(nctdtr(df, shift, critical))
    if not math.isnan(below):
        return 1 - below
    # SciPy gives up where the shift is so large that the normal part is nothing beside it: t is shift / S.
    ratio = shift / critical
    return float(chdtr(df, df * ratio * ratio))


def t_within(half: float, critical: float, df: int) -> float:
    """The probability that |Z| + critical * S <= half, Z standard normal, S^2 chi-square over its df.

    So often a t interval lies within ``half`` standard errors to either side of the true value. The
    difference of two noncentral t probabilities is smaller: it counts S > half / critical as negative.
    So this is Gauss-Legendre over |Z|, between where S is surely small enough and surely too large.
    """
    import numpy as np
    from scipy.special import chdtr, erf

    reach = _FAR / math.sqrt(df)
    low = max(half - critical * (1 + reach), 0.0)
    high = min(half - critical * max(1 - reach, 0.0), half, _FAR)
    sure = float(erf(low / math.sqrt(2)))
    if high <= low:
        return sure
    nodes, weights = _legendre()
    z = (low + high) / 2 + (high - low) / 2 * nodes
    density = math.sqrt(2 / math.pi) * np.exp(-z * z / 2)
    holds = chdtr(df, df * ((half - z) / critical) ** 2)
    return sure + float(np.sum(weights * density * holds)) * (high - low) / 2


@lru_cache(1)
def _legendre() -> Any:
    import numpy as np

    return np.polynomial.legendre.leggauss(128)


def t_interval(values: Sequence[float], level: float) -> tuple[float, float] | None:
    """A two-sided Student t interval for the mean (Student 1908); None below two values."""
    n = len(values)
    if n < 2:
        return None
    half = t_quantile(n - 1, 0.5 + level / 2) * sd(values) / math.sqrt(n)
    centre = mean(values)
    return centre - half, centre + half


def sd_interval(values: Sequence[float], level: float) -> tuple[float, float] | None:
    """A two-sided chi-square interval for the standard deviation of normal values; None below two."""
    if len(values) < 2:
        return None
    low, high = sd_factors(len(values), level)
    return sd(values) * low, sd(values) * high


def sd_factors(n: int, level: float) -> tuple[float, float]:
    """What the standard deviation of n >= 2 values is multiplied by for the ends of its interval."""
    from scipy.special import chdtri

    tail = (1 - level) / 2
    return (
        math.sqrt((n - 1) / float(chdtri(n - 1, tail))),
        math.sqrt((n - 1) / float(chdtri(n - 1, 1 - tail))),
    )
