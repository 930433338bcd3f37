"""Campaigns of many hypotheses against one shared baseline: drawn, judged by a rule, and summed up.

Lengths are in units of delta. ``d`` is delta over the standard deviation of a paired difference; the noise is
that of runs: every arm and the baseline has a value of its own at each seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.rules import Array, Found
from planner.statistics.power import seeds_needed
from planner.statistics.sequential import LEAST_SEEDS, NOISIER

ALPHA, BETA, CAP = 0.05, 0.10, 32
_SKEWED_MEAN, _SKEWED_SD = math.exp(0.5), math.sqrt((math.e - 1) * math.e)


@dataclass(frozen=True)
class Setting:
    """What is drawn.

    Attributes:
        true: how many of the arms have the effect, the first ones; the rest have none.
        effect: how large it is.
        noisy: how many times the noise of the others the first arm has; d is that of its own differences.
        baseline: how many times the noise of the others the baseline has. With none at all, skewed noise
            gives skewed differences.
        sign: -1 turns skewed noise to the other side.
    """

    d: float
    shape: str = "normal"
    arms: int = 40
    true: int = 8
    effect: float = 1.0
    noisy: float = 1.0
    baseline: float = 1.0
    sign: float = 1.0

    @property
    def fixed_n(self) -> int:
        """The seeds that a one-sided t test needs when the noise is known beforehand."""
        return seeds_needed(1.0, 1 / self.d, ALPHA, BETA) or CAP

    def of_null(self) -> Setting:
        """The same without any effect."""
        return replace(self, true=0)


def noise(chance: np.random.Generator, shape: str, size: tuple[int, ...]) -> Array:
    """Draws of mean 0 and standard deviation 1."""
    if shape == "normal":
        return chance.normal(size=size)
    if shape == "t3":
        return chance.standard_t(3, size=size) / math.sqrt(3)
    return (chance.lognormal(size=size) - _SKEWED_MEAN) / _SKEWED_SD


def draw(setting: Setting, campaigns: int, seed: int) -> Array:
    """Values by campaign, row (the baseline first) and seed."""
    runs = noise(np.random.default_rng(seed), setting.shape, (campaigns, setting.arms + 1, CAP))
    scale = np.ones(setting.arms + 1)
    scale[:2] = setting.baseline, setting.noisy
    of_difference = math.hypot(*scale[:2])
    runs = setting.sign * runs * (scale / of_difference / setting.d)[None, :, None]
    runs[:, 1 : 1 + setting.true] += setting.effect
    return runs


def differences(runs: Array) -> Array:
    """Paired differences to the baseline, one row per comparison."""
    return (runs[:, 1:] - runs[:, :1]).reshape(-1, runs.shape[2])


def pooled_priors(runs: Array) -> tuple[Array, Array]:
    """s0 squared and d0 of each comparison: a copy of ``planner.statistics.sequential.pooled_prior``."""
    table = runs[:, :, :LEAST_SEEDS]
    arms = table.shape[1] - 1
    if arms < 2:
        return np.zeros(len(runs)), np.zeros(len(runs))
    rows, columns = table.mean(2, keepdims=True), table.mean(1, keepdims=True)
    squares = ((table - rows - columns + table.mean((1, 2), keepdims=True)) ** 2).sum(2)
    total = squares.sum(1, keepdims=True)
    noisier = np.maximum(squares[:, :1], squares[:, 1:]) * (arms + 1) >= NOISIER**2 * total
    df = np.minimum(15.0, 2.0 * (arms - 1))
    variance = np.broadcast_to(total / arms, noisier.shape)
    return variance.reshape(-1), np.where(noisier & (total > 0), min(4.0, df), df).reshape(-1)


def noise_of_others(runs: Array) -> Array:
    """A copy of ``planner.statistics.sequential.noise_of_others`` per comparison."""
    table = runs[:, 1:, :LEAST_SEEDS]
    others = table.shape[1] - 1
    if others < 2:
        return np.zeros(table.shape[0] * table.shape[1])
    centred = table - table.mean(2, keepdims=True)
    squares = (centred**2).sum((1, 2))[:, None] - (centred**2).sum(2)
    left = centred.sum(1, keepdims=True) - centred
    variance = (squares - (left**2).sum(2) / others) / (others - 1)
    return np.sqrt(np.maximum(variance, 0)).reshape(-1)


def row(setting: Setting, answers: Found, campaigns: int, shared: bool = True) -> dict[str, float]:
    """What a rule cost and how often it erred; errors are shares of the comparisons that they can befall.

    Args:
        shared: the baseline's runs count once for all; otherwise once for each comparison.
    """
    answer, used = (part.reshape(campaigns, setting.arms) for part in answers)
    runs = used.sum(1) + (used.max(1) if shared else used.sum(1))
    rows = setting.arms + (1 if shared else setting.arms)
    null, true = answer[:, setting.true :], answer[:, : setting.true]
    return {
        "d": setting.d,
        "runs": round(float(runs.mean()), 1),
        "ratio_to_fixed_n": round(float(runs.mean()) / (setting.fixed_n * rows), 3),
        "false_positive_rate": share(null == 1),
        "false_negative_rate": share(true == -1),
        "inconclusive": share(answer == 0),
    }


def share(what: NDArray[np.bool_]) -> float:
    """The share of true values; 0 of none."""
    return round(float(what.mean()), 4) if what.size else 0.0
