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
