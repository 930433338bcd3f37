"""The anytime-valid rule for comparisons: Student t e-processes for an effect of 0 and for one of delta.

Differences are paired by seed, improvement positive. E_theta is the likelihood ratio of the scale-free part
of the data between a standardised effect theta and none, the noise integrated out under the right-Haar prior.
Without an effect its mean is 1 at every n, so by Ville's inequality it ever reaches 1/alpha with probability
alpha at most, whenever and for whatever reason one looks or stops. The same on delta - x bounds beta. For
normal differences both bounds are exact, not calibrated (``knowledge/sources.md``: grunwald2024,
wangramdas2025). The price against :mod:`planner.statistics.sequential` is more seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from planner.statistics import intervals
from planner.statistics.sequential import LEAST_SEEDS, NOTHING, Answer

MIXTURE = (1 / 1.5, 1.0, 1.5)
"""E is the mean over these multiples of the effect expected, delta over the noise of other arms."""
LEAST_EFFECT, MOST_EFFECT = 0.3, 6.0


def first_answer(
    differences: Sequence[float],
    delta: float,
    alpha: float,
    beta: float,
    noise: float = 0.0,
    rounding: float = 0.0,
) -> tuple[Answer, int]:
    """The first look, in seed order, at which the rule answers; the answer then stands.

    Args:
        differences: improvements of the arm over its baseline, one per seed, in the metric's unit.
        delta: the smallest improvement that matters, same unit, > 0.
        alpha: bound on answering ``supported`` when there is no effect.
        beta: bound on answering ``refuted`` when the effect is delta.
        noise: standard deviation of a paired difference as *other* arms show it, same unit; 0: not known.
            It says for which effect the rule is quickest, and has no part in the bounds. Taken from the
            differences themselves, or from their baseline, it would break them.
        rounding: see :func:`planner.statistics.intervals.varies`; what does not vary answers nothing.

    Returns:
        (answer, number of seeds used); ``continue`` with all seeds used if there is none yet.
    """
    effect = expected_effect(delta, noise)
    for n in range(LEAST_SEEDS, len(differences) + 1):
        seen = differences[:n]
        answer = _answer(seen, delta, effect, alpha, beta) if intervals.varies(seen, rounding) else "continue"
        if answer != "continue":
            return answer, n
    return "continue", len(differences)


def expected_effect(delta: float, noise: float) -> float:
    """delta in units of the noise, within bounds; 1 where the noise is not known."""
    if noise <= 0:
        return 1.0
    return min(max(delta / noise, LEAST_EFFECT), MOST_EFFECT)


def _answer(seen: Sequence[float], delta: float, effect: float, alpha: float, beta: float) -> Answer:
    if (
        intervals.sd(seen) <= NOTHING * delta
    ):  # with next to no noise the mean itself has to reach delta, or to be no gain
        centre = intervals.mean(seen)
        return "supported" if centre >= delta else "refuted" if centre <= 0 else "continue"
    if is_shown([delta - x for x in seen], effect, beta):
        return "refuted"
    return "supported" if is_shown(seen, effect, alpha) else "continue"


def is_shown(differences: Sequence[float], effect: float, error: float) -> bool:
    """Whether E reaches 1/error: whether the mean lies above 0, at that error rate over all looks together.

    Where the mean is not positive E is below 1.
    """
    return math.fsum(differences) > 0 and log_e(differences, effect) >= math.log(1 / error)


def log_e(differences: Sequence[float], effect: float) -> float:
    """ln E: E is the mean of E_theta over the multiples of the expected effect in ``MIXTURE``."""
    each = [log_e_at(differences, factor * effect) for factor in MIXTURE]
    top = max(each)
    return top + math.log(math.fsum(math.exp(e - top) for e in each) / len(each))


def log_e_at(differences: Sequence[float], theta: float) -> float:
    """ln E_theta: the ratio of a noncentral to the central t density at the data's t statistic.

    With r = sum(x) / sqrt(sum(x^2)) it is exp(-n theta^2 / 2) times the ratio of I_n(theta r) to I_n(0),
    where I_n(a) is the integral of u^(n-1) exp(-u^2/2 + a u) over u > 0.

    Args:
        differences: n >= 2, their sum positive.
    """
    n, largest = len(differences), max(map(abs, differences))
    scaled = [x / largest for x in differences]  # what cannot be squared can be scaled; r has no unit
    r = math.fsum(scaled) / math.sqrt(math.fsum(x * x for x in scaled))
    return _log_integral(n, theta * r) - _log_integral(n, 0.0) - n * theta * theta / 2


def _log_integral(n: int, a: float) -> float:
    """ln I_n(a) for a >= 0: by parts I_{k+2} = a I_{k+1} + k I_k, every term positive.

    I_1 is the normal distribution function over its density at a, and I_2 = a I_1 + 1.
    """
    total = a * a / 2 + math.log(math.sqrt(math.pi / 2) * math.erfc(-a / math.sqrt(2)))
    ratio = a + math.exp(-total)
    for k in range(1, n):
        total += math.log(ratio)
        ratio = a + k / ratio
    return total
