"""How often any look's bound is wrong, by simulation with fixed seeds: a look after every value."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from planner.statistics import bounds
from planner.statistics.answers import tighter
from planner.statistics.bounds import Bounds, Design, PooledNoise, Stage, bounds_of
from planner.statistics.moments import moments_of

Array = NDArray[np.float64]
DESIGN = Design(planned=6, alpha=0.05, beta=0.10)
CASES, LATE_LOOKS, LEAST = 5000, 2, 3
MEAN, SD = 1.7, 0.8


def tolerance(rate: float) -> float:
    """2.6 standard errors of a share of so many cases."""
    return 2.6 * math.sqrt(rate * (1 - rate) / CASES)


def drawn(shape: str = "normal") -> tuple[np.random.Generator, Array]:
    """Values of every case, in the order of their seeds."""
    chance, size = np.random.default_rng(11), (CASES, DESIGN.planned + LATE_LOOKS)
    noise = chance.normal(size=size) if shape == "normal" else chance.standard_t(3, size=size) / math.sqrt(3)
    return chance, MEAN + SD * noise


def looks(values: list[float], pool: PooledNoise) -> Iterator[Bounds]:
    """What is shown after each value: that of the final look stays, and late looks may narrow it."""
    final = None
    for n in range(LEAST, len(values) + 1):
        stage: Stage = "early" if n < DESIGN.planned else "final" if n == DESIGN.planned else "late"
        shown = bounds_of(moments_of(values[:n]), DESIGN, pool, stage)
        if stage == "final":
            final = shown
        yield tighter(final, shown) if final and stage == "late" else shown


def wrong(df: float = 0.0, shape: str = "normal", noisier: float = 1.0) -> tuple[float, float]:
    """The shares of cases in which any look's lower, or upper, bound lies beyond the mean.

    Args:
        df: degrees of freedom of the pooled noise that each case has, of arms that are like its own.
        noisier: how many times the noise of the pool a case has instead.
    """
    chance, cases = drawn(shape)
    variances = chance.chisquare(df, CASES) / df if df else np.zeros(CASES)
    too_high = too_low = 0
    for values, variance in zip(cases, variances, strict=True):
        pool = PooledNoise(SD / noisier * math.sqrt(variance), df)
        shown = list(looks(chance.permutation(values).tolist(), pool))
        too_high += any(one.lower > MEAN for one in shown)
        too_low += any(one.upper < MEAN for one in shown)
    return too_high / CASES, too_low / CASES


@pytest.mark.parametrize("df", [0.0, 4.0])
def test_both_error_rates_hold_over_all_looks_and_most_of_them_is_spent(df: float) -> None:
    for errors, rate in zip(wrong(df), (DESIGN.alpha, DESIGN.beta), strict=True):
        assert 0.8 * rate - tolerance(rate) <= errors <= rate + tolerance(rate)


def test_noise_with_heavy_tails_keeps_both_error_rates() -> None:
    for errors, rate in zip(wrong(shape="t3"), (DESIGN.alpha, DESIGN.beta), strict=True):
        assert errors <= rate + tolerance(rate)


def test_an_arm_noisier_than_the_rest_errs_less_because_the_more_careful_of_both_noises_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It still errs more than it may: its values do not always show it."""
    guarded, _ = wrong(df=15.0, noisier=2.0)
    monkeypatch.setattr(bounds, "NOISIER", math.inf)
    trusting, _ = wrong(df=15.0, noisier=2.0)
    assert guarded < 2 * DESIGN.alpha + tolerance(2 * DESIGN.alpha) < trusting


def test_a_t_test_after_every_value_would_be_noticed() -> None:
    _, cases = drawn()
    too_high = 0
    for values in cases.tolist():
        at_each = [bounds_of(moments_of(values[:n]), DESIGN, stage="final") for n in range(LEAST, 7)]
        too_high += any(one.lower > MEAN for one in at_each)
    assert too_high / CASES > DESIGN.alpha + tolerance(DESIGN.alpha)
