"""Student t and chi-square intervals over seeds. The only module that imports SciPy."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

SAME = 1e-9
"""Values that differ by less than this share of the largest are one value."""
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


def varies(values: Sequence[float], rounding: float = 0.0) -> bool:
    """Whether values differ by more than rounding; if not, nothing is known of their noise.

    Args:
        rounding: what may be rounding of larger numbers from which the values were computed.
    """
    least = max(SAME * max(map(abs, values)), rounding)
    apart = max(values) - min(values)
    # The deviation is at least range / sqrt(2 (n - 1)), which is quick to see.
    return apart > least * math.sqrt(2 * len(values)) or (apart > least and sd(values) > least)


def sd_around(centre: float, values: Sequence[float]) -> float:
    """The standard deviation of two or more values whose mean is known."""
    largest = max(abs(v - centre) for v in values)
    # Squares of values beyond these bounds are infinite or 0, and would hide what noise there is.
    unit = 1.0 if 1e-140 < largest < 1e140 else largest or 1.0
    squares = math.fsum(((v - centre) / unit) ** 2 for v in values)
    return unit * math.sqrt(squares / (len(values) - 1))


@lru_cache(4096)
def t_quantile(df: float, probability: float) -> float:
    """The quantile of Student's t distribution, of the normal one for infinite df; few are wanted often."""
    from scipy.special import ndtri, stdtrit

    return float(ndtri(probability) if math.isinf(df) else stdtrit(df, probability))


def t_above(critical: float, df: int, shift: float) -> float:
    """The probability that a noncentral t statistic exceeds ``critical`` > 0; ``shift`` is its noncentrality.

    It is the mean of Phi(shift - critical * S), S^2 being chi-square over its df.
    """
    from scipy.special import ndtr

    ends = (shift - _FAR) / critical, (shift + _FAR) / critical
    return _mean_over_deviation(df, *ends, lambda s: ndtr(shift - critical * s))


def t_within(half: float, critical: float, df: int) -> float:
    """The probability that |Z| + critical * S <= half, Z standard normal, S^2 chi-square over its df.

    So often a t interval lies within ``half`` standard errors to either side of the true value.
    """
    from scipy.special import erf

    ends = (half - _FAR) / critical, half / critical
    return _mean_over_deviation(df, *ends, lambda s: erf((half - critical * s) / math.sqrt(2)))


def _mean_over_deviation(df: int, sure: float, never: float, given: Callable[[Any], Any]) -> float:
    """The mean of a probability given S, S^2 being chi-square over its df.

    Args:
        sure, never: below the one it is 1, above the other 0; so near each other that ``given`` is smooth
            there. Gauss-Legendre between them, as far as S has a density.
    """
    import numpy as np
    from scipy.special import chdtr, gammaln

    root = math.sqrt(df)
    low, high = max(sure, 0.0, 1 - _FAR / root), min(never, 1 + _FAR / root)
    below = float(chdtr(df, df * low * low))
    if high <= low:
        return below
    nodes, weights = legendre(128)
    s = (low + high) / 2 + (high - low) / 2 * nodes
    log_density = math.log(2) + df / 2 * math.log(df / 2) - gammaln(df / 2)
    density = np.exp(log_density + (df - 1) * np.log(s) - df * s * s / 2)
    return below + float(np.sum(weights * density * given(s))) * (high - low) / 2


@lru_cache(2)
def legendre(count: int) -> Any:
    """Nodes and weights of Gauss and Legendre's rule on [-1, 1]."""
    import numpy as np

    return np.polynomial.legendre.leggauss(count)


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


def sd_probability(ratio: float, n: int) -> float:
    """How probable it is that n >= 2 normal values deviate so far from their true deviation, either way.

    Args:
        ratio: their standard deviation over the true one.
    """
    from scipy.special import chdtr, chdtrc

    squares = (n - 1) * ratio * ratio
    return min(1.0, 2 * min(float(chdtr(n - 1, squares)), float(chdtrc(n - 1, squares))))


def sd_factors(n: int, level: float) -> tuple[float, float]:
    """What the standard deviation of n >= 2 values is multiplied by for the ends of its interval."""
    from scipy.special import chdtri

    tail = (1 - level) / 2
    return (
        math.sqrt((n - 1) / float(chdtri(n - 1, tail))),
        math.sqrt((n - 1) / float(chdtri(n - 1, 1 - tail))),
    )
