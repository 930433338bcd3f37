"""Intervals against SciPy's distributions and known values."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from planner.statistics import intervals
from tests.support.rotation import a_fifth_of

VALUES = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=2, max_size=12)


@given(VALUES, st.sampled_from([0.9, 0.95, 0.975, 0.99]))
@settings(max_examples=a_fifth_of(200), deadline=None)
def test_t_interval_is_scipys(values: list[float], level: float) -> None:
    interval = intervals.t_interval(values, level)
    error = statistics.stdev(values) / math.sqrt(len(values))
    half = stats.t.ppf(0.5 + level / 2, len(values) - 1) * error
    centre = statistics.fmean(values)
    assert interval is not None
    assert interval == pytest.approx((centre - half, centre + half), rel=1e-9, abs=1e-9)


@given(VALUES, st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=a_fifth_of(200), deadline=None)
def test_sd_interval_is_chi_squares(values: list[float], level: float) -> None:
    interval = intervals.sd_interval(values, level)
    n, spread = len(values), statistics.stdev(values)
    ends = (stats.chi2.ppf(0.5 + level / 2, n - 1), stats.chi2.ppf(0.5 - level / 2, n - 1))
    expected = tuple(spread * math.sqrt((n - 1) / end) for end in ends)
    assert interval is not None
    assert interval == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("df", [1, 2, 5, 31])
@pytest.mark.parametrize("p", [1e-6, 0.05, 0.5, 0.975, 1 - 1e-6])
def test_t_quantile_is_scipys(df: int, p: float) -> None:
    assert intervals.t_quantile(df, p) == pytest.approx(stats.t.ppf(p, df), rel=1e-9, abs=1e-9)


def test_interval_of_the_textbook() -> None:
    """1, 2, 3: mean 2, sd 1, t(.975, 2) = 4.302653."""
    assert intervals.t_interval([1.0, 2.0, 3.0], 0.95) == pytest.approx(
        (2 - 2.484138, 2 + 2.484138), abs=1e-6
    )


def test_one_value_has_no_interval_and_no_deviation() -> None:
    assert intervals.t_interval([1.0], 0.95) is None
    assert intervals.sd_interval([1.0], 0.95) is None
    assert intervals.sd([1.0]) == 0.0


@pytest.mark.parametrize("unit", [1e-250, 1.0, 1e250])
def test_the_deviation_of_very_large_and_very_small_values_is_neither_infinite_nor_nothing(
    unit: float,
) -> None:
    assert intervals.sd([unit, 2 * unit, 3 * unit]) == pytest.approx(unit)


@given(st.permutations([0.1, 0.2, 0.3, 1e9, -1e9, 0.7]))
def test_the_order_of_seeds_does_not_matter_to_the_last_bit(values: list[float]) -> None:
    assert intervals.t_interval(values, 0.95) == intervals.t_interval(sorted(values), 0.95)


@given(VALUES, st.floats(-1e6, 1e6))
@settings(max_examples=a_fifth_of(200), deadline=None)
def test_an_interval_ends_where_a_one_sample_t_test_says_its_level(values: list[float], null: float) -> None:
    """The interval of level 1 - p, p two-sided, has the tested mean as one of its ends."""
    assume(statistics.stdev(values) > 1e-3)
    p = float(stats.ttest_1samp(values, null).pvalue)
    assume(1e-9 < p < 1 - 1e-6)
    interval = intervals.t_interval(values, 1 - p)
    assert interval is not None
    end = min(interval, key=lambda e: abs(e - null))
    # 1 - p keeps eleven digits of the least p that is tried.
    assert end == pytest.approx(null, rel=1e-7, abs=1e-6 * statistics.stdev(values))


@given(st.lists(st.floats(-3, 3), min_size=3, max_size=12), st.floats(0.1, 5.0))
@settings(max_examples=a_fifth_of(200), deadline=None)
def test_an_interval_within_a_margin_is_two_one_sided_t_tests(values: list[float], margin: float) -> None:
    assume(statistics.stdev(values) > 1e-3)
    tests = [
        stats.ttest_1samp(values, edge, alternative=side).pvalue
        for edge, side in ((-margin, "greater"), (margin, "less"))
    ]
    assume(all(abs(p - 0.025) > 1e-9 for p in tests))
    interval = intervals.t_interval(values, 0.95)
    assert interval is not None
    assert (-margin < interval[0] and interval[1] < margin) == all(p < 0.025 for p in tests)


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [3, 5, 10])
def test_a_t_interval_covers_the_mean_of_normal_values_as_often_as_it_says(n: int, level: float) -> None:
    values = 7 + np.random.default_rng(n).normal(size=(50_000, n))
    centre, half = values.mean(1), values.std(1, ddof=1) * stats.t.ppf(0.5 + level / 2, n - 1) / math.sqrt(n)
    for row, low, high in zip(values[:500].tolist(), centre - half, centre + half, strict=False):
        assert intervals.t_interval(row, level) == pytest.approx((low, high), rel=1e-12)
    assert (abs(centre - 7) <= half).mean() == pytest.approx(level, abs=0.005)
