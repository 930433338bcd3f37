"""Student t and chi-square intervals over seeds. The only module that imports SciPy."""

from __future__ import annotations

import math
from collections.abc import Sequence

_CHI_REACH = 9.0


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


def t_above(critical: float, df: int, shift: float) -> float:
    """The probability that a noncentral t statistic exceeds a value >= 0; ``shift`` is its noncentrality."""
    from scipy.special import nctdtr  # noqa: TID251

    return 1.0 - float(nctdtr(df, shift, critical))


def t_within(half: float, critical: float, df: int) -> float:
    """The probability that |Z| + critical * S <= half, Z standard normal, S^2 chi-square over its df.

    So a t interval around 0 lies within a margin; half is the margin in standard errors. Gauss-Legendre over
    S sqrt(df), whose standard deviation is below 1, as far as there is a density.
    """
    import numpy as np
    from scipy.special import erf, gammaln  # noqa: TID251

    root = math.sqrt(df)
    low, high = max(0.0, root - _CHI_REACH), min(half / critical * root, root + _CHI_REACH)
    if high <= low:
        return 0.0
    nodes, weights = np.polynomial.legendre.leggauss(128)
    chi = (low + high) / 2 + (high - low) / 2 * nodes
    log_density = (df - 1) * np.log(chi) - chi**2 / 2 - (df / 2 - 1) * math.log(2) - gammaln(df / 2)
    inside = erf((half - critical * chi / root) / math.sqrt(2))
    return float(np.sum(weights * np.exp(log_density) * inside) * (high - low) / 2)


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
