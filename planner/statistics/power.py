"""What a number of seeds can show: the power of paired t tests, and the seeds or the effect that reach it.

For planning, before data: a one-sided Student t test over n paired differences, and two one-sided tests for
equivalence (Schuirmann 1987). Lengths are all in one unit, the metric's; sd is that of a paired difference.
Where the noise is nothing, two seeds show everything.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from planner.statistics import intervals

LEAST = 2
"""A standard deviation needs two values."""
_STEPS = 100


def power(delta: float, sd: float, n: int, alpha: float) -> float:
    """The probability that a one-sided paired t test at alpha shows an effect of delta with n >= 2 seeds.

    Args:
        delta: the true effect.
        sd: standard deviation of a paired difference.
    """
    if sd <= 0:
        return 1.0 if delta > 0 else 0.0
    critical = intervals.t_quantile(n - 1, 1 - alpha)
    return intervals.t_above(critical, n - 1, delta * math.sqrt(n) / sd)


def power_for_margin(margin: float, sd: float, n: int, alpha: float) -> float:
    """The chance that two one-sided t tests at alpha each show |effect| < margin, where there is none."""
    if sd <= 0:
        return 1.0 if margin > 0 else 0.0
    critical = intervals.t_quantile(n - 1, 1 - alpha)
    return intervals.t_within(margin * math.sqrt(n) / sd, critical, n - 1)


def seeds_needed(delta: float, sd: float, alpha: float, beta: float, most: int = 100_000) -> int | None:
    """The smallest number of seeds at which the power for delta is 1 - beta; None: not ``most``."""
    return _smallest(lambda n: power(delta, sd, n, alpha) >= 1 - beta, most)


def seeds_needed_for_margin(
    margin: float, sd: float, alpha: float, beta: float, most: int = 100_000
) -> int | None:
    """The smallest number of seeds that shows equivalence with probability 1 - beta; None: not ``most``."""
    return _smallest(lambda n: power_for_margin(margin, sd, n, alpha) >= 1 - beta, most)


def detectable_effect(sd: float, n: int, alpha: float, beta: float) -> float:
    """The smallest effect for which n >= 2 seeds have power 1 - beta, in the unit of sd."""
    return sd * _smallest_length(lambda effect: power(effect, 1.0, n, alpha), 1 - beta)


def detectable_margin(sd: float, n: int, alpha: float, beta: float) -> float:
    """The smallest margin of equivalence for which n >= 2 seeds have power 1 - beta, in the unit of sd."""
    return sd * _smallest_length(lambda margin: power_for_margin(margin, 1.0, n, alpha), 1 - beta)


def _smallest(enough: Callable[[int], bool], most: int) -> int | None:
    """The smallest n from ``LEAST`` to ``most`` that is enough, where more always are."""
    high = LEAST
    while not enough(high):
        if high >= most:
            return None
        high = min(2 * high, most)
    low = max(high // 2, LEAST - 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def _smallest_length(reached: Callable[[float], float], wanted: float) -> float:
    """The smallest length at which an increasing probability reaches ``wanted``."""
    low, high = 0.0, 1.0
    while reached(high) < wanted:
        low, high = high, 2 * high
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (low, middle) if reached(middle) >= wanted else (middle, high)
    return high
