"""The rules of a verdict over many cases at once, in NumPy. Differences are in units of delta: delta = 1.

Each takes ``x``, paired differences (cases × seeds), and gives ``(answer, used)`` per case: 1 supported, -1
refuted, 0 no answer, and the number of seeds that it took. :func:`sequential` and :func:`anytime` are copies
of the ``first_answer`` of ``planner.statistics.sequential`` and ``planner.statistics.anytime``; tests hold
them equal.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from planner.statistics.anytime import LEAST_EFFECT, MIXTURE, MOST_EFFECT
from planner.statistics.intervals import SAME
from planner.statistics.sequential import LEAST_SEEDS, NOTHING, OVERWHELMING_SHARE, SIEGMUND_OVERSHOOT

Array = NDArray[np.float64]
Found = tuple[NDArray[np.int64], NDArray[np.int64]]
Look = Callable[[Array, NDArray[np.int64]], tuple[NDArray[np.bool_], NDArray[np.bool_]]]

_FLOOR = 1e-12


def looked_at(x: Array, look: Look, first: int = LEAST_SEEDS) -> Found:
    """The first answer of each case when a rule looks after every seed.

    Args:
        look: the differences so far of the open cases, and which cases they are -> (supported, refuted).
    """
    cases, most = x.shape
    answer, used = np.zeros(cases, np.int64), np.full(cases, most, np.int64)
    open_ = np.arange(cases)
    for n in range(first, most + 1):
        yes, no = look(x[open_, :n], open_)
        answer[open_[yes]], answer[open_[no & ~yes]] = 1, -1
        used[open_[yes | no]] = n
        open_ = open_[~(yes | no)]
        if not open_.size:
            break
    return answer, used


def sequential(x: Array, variance: Array, df: Array | float, alpha: float, beta: float) -> Found:
    """The default rule with a pooled prior (s0 squared and d0 per case)."""
    s0, d0 = np.broadcast_to(variance, len(x)), np.broadcast_to(np.asarray(df, float), len(x))

    def look(seen: Array, case: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        noisy = varying(seen)
        yes, no = by_ratio(seen, d0[case] * np.maximum(s0[case], _FLOOR), d0[case], alpha, beta)
        yes, no = yes & (noisy | (d0[case] > 0)), no & (noisy | (d0[case] > 0))
        above, below = overwhelming(seen, alpha) & noisy, overwhelming(1 - seen, beta) & noisy
        both, twice = above & below, 2 * seen.mean(1)
        above, below = np.where(both, twice > 1, above), np.where(both, twice < 1, below)
        return yes | (~no & above), no | (~yes & ~above & below)

    return looked_at(x, look)


def varying(seen: Array) -> NDArray[np.bool_]:
    """Whether the values of a case differ by more than rounding."""
    return seen.std(1, ddof=1) > SAME * np.abs(seen).max(1)


def by_ratio(
    seen: Array, prior_sum: Array, df: Array, alpha: float, beta: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    n = seen.shape[1]
    null = np.maximum(prior_sum + (seen**2).sum(1), _FLOOR)
    effect = np.maximum(prior_sum + ((seen - 1) ** 2).sum(1), _FLOOR)
    around = ((seen - seen.mean(1, keepdims=True)) ** 2).sum(1)
    s = np.sqrt(np.maximum((prior_sum + around) / (df + n - 1), _FLOOR))
    ratio, k = (n + df) / 2 * np.log(null / effect), SIEGMUND_OVERSHOOT * np.minimum(1 / s, 2)
    inflation = 1 + 1 / (df + 3)
    yes = ratio + k >= inflation * math.log(1 / alpha)
    return yes, ~yes & (ratio - k <= -inflation * math.log(1 / beta))


def overwhelming(seen: Array, error: float) -> NDArray[np.bool_]:
    n = seen.shape[1]
    centre, noise = seen.mean(1), seen.std(1, ddof=1)
    spent = OVERWHELMING_SHARE * error / 2 ** (n - LEAST_SEEDS + 1)
    shown = centre * math.sqrt(n) >= stdtrit(n - 1, 1 - spent) * noise
    return np.where((centre <= 0) | (noise <= NOTHING), centre >= 1, shown)


def anytime(x: Array, noise: Array, alpha: float, beta: float) -> Found:
    """The anytime-valid rule; ``noise`` is s0 of other arms per case, 0 where there is none."""
    s0 = np.broadcast_to(np.asarray(noise, float), len(x))
    effect = np.where(s0 > 0, np.clip(1 / np.where(s0 > 0, s0, 1), LEAST_EFFECT, MOST_EFFECT), 1.0)

    def look(seen: Array, case: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        centre, noise = seen.mean(1), seen.std(1, ddof=1)
        yes = (centre > 0) & (_log_e(seen, effect[case]) >= math.log(1 / alpha))
        no = (centre < 1) & (_log_e(1 - seen, effect[case]) >= math.log(1 / beta))
        even = noise <= NOTHING
        noisy = varying(seen)
        return noisy & np.where(even, centre >= 1, yes & ~no), noisy & np.where(even, centre <= 0, no)

    return looked_at(x, look)


def _log_e(seen: Array, effect: Array) -> Array:
    n = seen.shape[1]
    r = seen.sum(1) / np.sqrt(np.maximum((seen**2).sum(1), _FLOOR))
    central = _log_integral(n, np.zeros(1))[0]
    each = [
        _log_integral(n, t * r) - central - n * t * t / 2 for t in (effect * factor for factor in MIXTURE)
    ]
    return np.logaddexp.reduce(each, axis=0) - math.log(len(MIXTURE))


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def _log_integral(n: int, a: Array) -> Array:
    """ln of the integral of u^(n-1) exp(-u^2/2 + a u) over u > 0, by Gauss-Legendre around its peak."""
    peak = (a + np.sqrt(a * a + 4 * (n - 1))) / 2
    width = 9 / np.sqrt(1 + (n - 1) / peak**2)
    low, high = np.maximum(peak - width, 0), peak + width
    u = (low + high)[:, None] / 2 + (high - low)[:, None] / 2 * _NODES
    exponent = (n - 1) * np.log(u) - u * u / 2 + a[:, None] * u
    top = exponent.max(1, keepdims=True)
    return np.log((np.exp(exponent - top) * _WEIGHTS).sum(1) * (high - low) / 2) + top[:, 0]


def fixed(x: Array, n: int, alpha: float) -> Found:
    """One one-sided t test at n seeds; what it does not support it counts as refuted."""
    yes = t_statistic(x[:, :n]) >= stdtrit(n - 1, 1 - alpha)
    return np.where(yes, 1, -1), np.full(len(x), n, np.int64)


def t_after_every_seed(x: Array, alpha: float) -> Found:
    """A one-sided t test after every seed from 3, at the whole error rate; refuted where none supports."""

    def look(seen: Array, _: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        yes = t_statistic(seen) >= stdtrit(seen.shape[1] - 1, 1 - alpha)
        return yes, np.full(len(seen), seen.shape[1] == x.shape[1]) & ~yes

    return looked_at(x, look)


def greedy(runs: Array, seed: int) -> Found:
    """Each arm runs once, in random order, and is kept where it beats the best value so far."""
    campaigns, rows, _ = runs.shape
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(1, rows), (campaigns, 1)), axis=1)
    values = np.take_along_axis(runs[:, :, 0], order, axis=1)
    before = np.maximum.accumulate(np.column_stack([runs[:, 0, 0], values]), axis=1)[:, :-1]
    answer = np.empty_like(order)
    np.put_along_axis(answer, order - 1, np.where(values > before, 1, -1), axis=1)
    return answer.reshape(-1), np.ones(answer.size, np.int64)


def t_statistic(seen: Array) -> Array:
    """Student's t of each row."""
    return seen.mean(1) * math.sqrt(seen.shape[1]) / seen.std(1, ddof=1)
