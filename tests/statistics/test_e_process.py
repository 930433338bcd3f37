"""The e-process that early and late bounds rest on: the densities that it is made of, and its mean."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from planner.statistics import intervals
from planner.statistics.e_process import EFFECTS, critical_t, log_e
from tests.support.rotation import a_fifth_of


def t_of(values: list[float]) -> float:
    return intervals.mean(values) * math.sqrt(len(values)) / intervals.sd(values)


@given(st.integers(3, 64), st.floats(0.2, 9.0), st.floats(0.0, 4.0), st.integers(0, 2**32 - 1))
@settings(max_examples=a_fifth_of(300), deadline=None)
def test_e_is_the_ratio_of_a_noncentral_to_the_central_t_density(
    n: int, effect: float, centre: float, seed: int
) -> None:
    from scipy import stats

    chance = random.Random(seed)
    t = t_of([chance.gauss(centre, 1) for _ in range(n)])
    density = float(stats.nct.pdf(t, n - 1, effect * math.sqrt(n)))
    assume(t > 0 and density > 1e-200)
    expected = math.log(density) - float(stats.t.logpdf(t, n - 1))
    assert log_e(t, n, n - 1, (effect,)) == pytest.approx(expected, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("t", [-3.0, 0.0, 2.0, 40.0])
def test_e_is_the_mean_over_the_effects(t: float) -> None:
    each = [math.exp(log_e(t, 5, 4, (effect,))) for effect in EFFECTS]
    assert log_e(t, 5, 4) == pytest.approx(math.log(sum(each) / len(EFFECTS)))


@pytest.mark.parametrize("pool_df", [0, 4])
def test_without_an_effect_e_is_one_on_average(pool_df: int) -> None:
    """What Ville's inequality rests on, at any noise."""
    chance, cases = random.Random(6), 3000
    each = []
    for _ in range(cases):
        values = [chance.gauss(0, 7) for _ in range(5)]
        own = 4 * intervals.sd(values) ** 2
        pooled = sum(chance.gauss(0, 7) ** 2 for _ in range(pool_df))
        t = intervals.mean(values) * math.sqrt(5) / math.sqrt((own + pooled) / (4 + pool_df))
        each.append(math.exp(log_e(t, 5, 4 + pool_df, (0.5,))))
    mean = intervals.mean(each)
    assert mean == pytest.approx(1.0, abs=2.6 * intervals.sd(each) / math.sqrt(cases))


@given(st.integers(2, 40), st.sampled_from([0, 2, 15]), st.sampled_from([0.2, 0.05, 0.001]))
@settings(max_examples=a_fifth_of(60), deadline=None)
def test_a_critical_value_is_where_e_reaches_one_over_the_level(n: int, pool_df: int, level: float) -> None:
    t = critical_t(n, n - 1 + pool_df, level)
    at = log_e(1e6 if math.isinf(t) else t, n, n - 1 + pool_df)
    assert at < -math.log(level) if math.isinf(t) else at == pytest.approx(-math.log(level), abs=1e-6)
