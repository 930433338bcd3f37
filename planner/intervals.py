"""Student t and chi-square intervals over seeds. The only module that imports SciPy."""

from __future__ import annotations

import math
from collections.abc import Sequence


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, summed exactly so that the order of seeds does not matter."""
    return math.fsum(values) / len(values)


def sd(values: Sequence[float]) -> float:
    """The standard deviation with n - 1; 0 for one value."""
    if len(values) < 2:
        return 0.0
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))


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
    from scipy.special import chdtri  # noqa: TID251

    n = len(values)
    if n < 2:
        return None
    spread, tail = sd(values), (1 - level) / 2
    return (
        spread * math.sqrt((n - 1) / float(chdtri(n - 1, tail))),
        spread * math.sqrt((n - 1) / float(chdtri(n - 1, 1 - tail))),
    )
