"""Student t and chi-square intervals over seeds. The only module that imports SciPy."""

from __future__ import annotations

import math
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, summed exactly so that the order of seeds does not matter.

    It never lies outside the values: equal ones have themselves as mean, and no deviation by rounding.
    """
    return min(max(math.fsum(values) / len(values), min(values)), max(values))


def sd(values: Sequence[float]) -> float:
    """The standard deviation with n - 1; 0 for one value."""
    if len(values) < 2:
        return 0.0
    centre = mean(values)
    largest = max(abs(v - centre) for v in values)
    # Squares of values beyond these bounds are infinite or 0, and would hide what noise there is.
    unit = 1.0 if 1e-140 < largest < 1e140 else largest or 1.0
    squares = math.fsum(((v - centre) / unit) ** 2 for v in values)
    return unit * math.sqrt(squares / (len(values) - 1))


def t_quantile(df: int, probability: float) -> float:
    """The quantile of Student's t distribution."""
    from scipy.special import stdtrit  # noqa: TID251

    return float(stdtrit(df, probability))


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
    from scipy.special import chdtri  # noqa: TID251

    tail = (1 - level) / 2
    return (
        math.sqrt((n - 1) / float(chdtri(n - 1, tail))),
        math.sqrt((n - 1) / float(chdtri(n - 1, 1 - tail))),
    )
