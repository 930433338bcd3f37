"""Evidence against "the mean is at most c" that holds whenever one looks: Student t e-processes.

``E`` is the mean, over a few effects, of the likelihood ratio of the scale-free part of the data between that
effect and none (``docs/statistics.md``). Without an effect its mean is 1 at every number of values, so that
it ever reaches 1/level with probability ``level`` at most (Ville 1939; grunwald2024 in
``knowledge/sources.md``). It is a function of the number of values, their mean and their squares: no order
enters. It grows with the t statistic, hence with any shift of the values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from planner.statistics.intervals import legendre

EFFECTS = (0.5, 1.0, 2.0, 4.0)
"""In units of the noise, equal weights; fixed, never chosen from data."""
_LEAST_LOG_T, _MOST_LOG_T = -7.0, 16.0
_WIDTHS = 9.0
"""Widths of the integrand's peak beyond which nothing is left of it."""


def log_e(t: float, pairs: float, df: float, effects: Sequence[float] = EFFECTS) -> float:
    """ln E against "the mean is at most c".

    Args:
        t: the t statistic of the values against c.
        pairs: how many values (paired differences) the mean rests on; unpaired arms have an effective number.
        df: degrees of freedom of the noise, own and pooled; > 0, infinite where the noise is known.
    """
    return float(log_e_values([t], pairs, df, effects)[0])


def log_e_values(ts: Sequence[float], pairs: float, df: float, effects: Sequence[float] = EFFECTS) -> Any:
    """ln E at many t statistics: an array of their shape."""
    import numpy as np

    t = np.asarray(ts, float)
    effect = np.array([0.0, *effects]).reshape(-1, *(1,) * t.ndim)
    r = math.sqrt(pairs) * (t if math.isinf(df) else t / np.sqrt(df + t**2))
    of_effect = effect * r if math.isinf(df) else _log_integral(df + 1, effect * r)
    log_densities = of_effect - pairs * effect * effect / 2
    return _log_sum(log_densities[1:] - log_densities[0], 0) - math.log(len(effects))


@lru_cache(8192)
def critical_t(pairs: float, df: float, level: float) -> float:
    """The t statistic at which E is 1/level; infinite where no values of that number can reach it."""
    from scipy.optimize import brentq

    def gap(log_t: float) -> float:
        return log_e(math.exp(log_t), pairs, df) + math.log(level)

    if gap(_MOST_LOG_T) < 0:
        return math.inf
    return math.exp(brentq(gap, _LEAST_LOG_T, _MOST_LOG_T, xtol=1e-11))


def _log_integral(k: float, a: Any) -> Any:
    """ln of the integral of u^(k-1) exp(-u^2/2 + a u) over u > 0, by Gauss-Legendre about its peak.

    Args:
        a: array of any shape; so is the result.
    """
    import numpy as np

    nodes, weights = legendre(96)
    peak = (a + np.sqrt(a * a + 4 * (k - 1))) / 2
    width = 1 / np.sqrt(1 + (k - 1) / np.maximum(peak, 1e-9) ** 2)
    low, high = np.maximum(peak - _WIDTHS * width, 0), peak + _WIDTHS * np.maximum(width, 0.3)
    u = ((low + high)[..., None] + (high - low)[..., None] * nodes) / 2
    log_density = (k - 1) * np.log(u) - u * u / 2 + a[..., None] * u
    return _log_sum(log_density, -1, weights) + np.log((high - low) / 2)


def _log_sum(logarithms: Any, axis: int, weights: Any = 1.0) -> Any:
    """ln of a weighted sum along an axis; SciPy's spends most of its time on telling arrays apart."""
    import numpy as np

    top = logarithms.max(axis, keepdims=True)
    return np.log((weights * np.exp(logarithms - top)).sum(axis)) + top.squeeze(axis)
