"""Bounds for few, equal, huge and tiny values: none is an answer by accident."""

from __future__ import annotations

import math
import random

import pytest

from planner.statistics.answers import at_least, better_by, within
from planner.statistics.bounds import NO_POOL, NOTHING_KNOWN, Design, PooledNoise, bounds_of
from planner.statistics.moments import moments_of

DESIGN = Design(6, 0.05, 0.10)
POOLS = [NO_POOL, PooledNoise(1e-12, 4), PooledNoise(1e-12, 15), PooledNoise(1.0, 15)]
GAINS = [1.0, -0.5, 0.7, 0.9]


@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("value", [1e6, -1e6, 0.0, 1.0])
@pytest.mark.parametrize("n", [1, 2])
def test_no_bound_is_there_before_three_values_whatever_the_pool(
    n: int, value: float, pool: PooledNoise
) -> None:
    values = [value + k for k in range(n)]
    for stage in ("early", "final", "late"):
        assert bounds_of(moments_of(values), DESIGN, pool, stage) == NOTHING_KNOWN  # type: ignore[arg-type]


@pytest.mark.parametrize("centre", [0.4, 0.5, 1e9])
def test_noise_that_is_only_rounding_is_no_noise(centre: float) -> None:
    """A t test of rounding errors would be as sure as it is wrong."""
    values = [centre, centre * (1 + 2e-16), centre * (1 - 2e-16)]
    assert bounds_of(moments_of(values), Design(3, 0.05, 0.10)) == NOTHING_KNOWN


@pytest.mark.parametrize("values", [[math.nan] * 5, [1.0, math.nan, 1.0, 1.0], [math.nan, 9.0, 9.0, 9.0]])
@pytest.mark.parametrize("pool", POOLS)
def test_nan_is_never_an_answer(values: list[float], pool: PooledNoise) -> None:
    moments = moments_of(values)
    shown = bounds_of(moments, DESIGN, pool, "final")
    said = (better_by(moments.mean, shown, 1.0, "final"), at_least(shown, 0.5), within(shown, shown, 1.0))
    assert said == ("undecided",) * 3


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e-160, 1e-140, 1e140, 1e160, 9e298])
@pytest.mark.parametrize("pool_df", [0, 4])
def test_values_that_cannot_be_squared_have_the_bounds_of_others_in_their_unit(
    size: float, pool_df: int
) -> None:
    shown = bounds_of(moments_of([size * gain for gain in GAINS]), DESIGN, PooledNoise(size, pool_df))
    expected = bounds_of(moments_of(GAINS), DESIGN, PooledNoise(1.0, pool_df))
    assert [bound / size for bound in shown] == pytest.approx([*expected])


@pytest.mark.parametrize("d", [0.5, 1.0, 2.0])
def test_an_effect_many_times_the_one_asked_is_supported_within_five_values(d: float) -> None:
    chance, quick, cases = random.Random(5), 0, 200
    for _ in range(cases):
        values = [20 + chance.gauss(0, 1) / d for _ in range(5)]
        shown = bounds_of(moments_of(values), DESIGN)
        quick += better_by(moments_of(values).mean, shown, 1.0, "early") == "supported"
    assert quick >= 0.95 * cases
