"""Rules to compare with, over many cases at once, in NumPy. Differences are in units of delta: delta = 1.

Each takes ``x``, paired differences (cases × seeds), and gives ``(answer, used)`` per case: 1 supported, -1
refuted, 0 no answer, and the number of seeds that it took.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from planner.criteria.test_design import LEAST_SEEDS

Array = NDArray[np.float64]
Found = tuple[NDArray[np.int64], NDArray[np.int64]]
Look = Callable[[Array, NDArray[np.int64]], tuple[NDArray[np.bool_], NDArray[np.bool_]]]


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
