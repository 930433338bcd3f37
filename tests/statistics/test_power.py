"""Power and numbers of seeds, against SciPy, the definition, and known values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from planner.statistics.power import (
    detectable_effect,
    detectable_margin,
    power,
    power_for_margin,
    seeds_needed,
    seeds_needed_for_margin,
)
from tests.support.rotation import a_fifth_of

ALPHA, BETA = 0.05, 0.10
RATES = st.sampled_from([0.2, 0.1, 0.05, 0.025, 0.001])


@given(st.floats(0.0, 5.0), st.floats(0.05, 20.0), st.integers(2, 200), RATES)
@settings(max_examples=a_fifth_of(300), deadline=None)
def test_power_is_that_of_the_noncentral_t(delta: float, sd: float, n: int, alpha: float) -> None:
    critical = stats.t.ppf(1 - alpha, n - 1)
    expected = stats.nct.sf(critical, n - 1, delta * math.sqrt(n) / sd)
    assert power(delta, sd, n, alpha) == pytest.approx(float(expected), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("delta", "n"), [(1.0, 3), (0.7, 10)])
def test_power_is_how_often_a_t_test_shows_the_effect(delta: float, n: int) -> None:
    values = delta + np.random.default_rng(1).normal(size=(40_000, n))
    shown = stats.ttest_1samp(values, 0.0, axis=1, alternative="greater").pvalue < ALPHA
    assert power(delta, 1.0, n, ALPHA) == pytest.approx(shown.mean(), abs=0.01)


@pytest.mark.parametrize("delta", [26.0, 27.0, 100.0, 1e10, 1e300])
@pytest.mark.parametrize("alpha", [0.45, 0.05, 0.001])
def test_an_effect_far_beyond_the_noise_is_shown_surely(delta: float, alpha: float) -> None:
    assert power(delta, 1e-3, 2, alpha) == pytest.approx(1.0, abs=1e-9)
    assert power(delta, 1.0, 4, alpha) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("delta", [5e4, 1e5, 1e6])
def test_with_two_seeds_and_a_tiny_alpha_power_is_the_noncentral_t_integrated(delta: float) -> None:
    """P(Z + shift > critical * S), S a half-normal, where SciPy's own noncentral t gives up."""
    alpha, shift = 1e-6, delta * math.sqrt(2)
    critical = stats.t.ppf(1 - alpha, 1)
    expected = 2 * stats.norm.cdf(shift / critical) - 1
    assert power(delta, 1.0, 2, alpha) == pytest.approx(float(expected), abs=1e-6)


def test_without_an_effect_power_is_the_error_rate() -> None:
    assert power(0.0, 2.0, 7, ALPHA) == pytest.approx(ALPHA, abs=1e-9)


@pytest.mark.parametrize(
    ("d", "n"), [(0.707, 19), (1.0, 11), (1.414, 6), (1.5, 6), (2.0, 4), (3.0, 3), (0.2, 216)]
)
def test_numbers_of_seeds_of_the_textbook(d: float, n: int) -> None:
    assert seeds_needed(d, 1.0, ALPHA, BETA) == n


@given(st.floats(0.05, 4.0), st.floats(0.1, 10.0), RATES, RATES)
@settings(max_examples=a_fifth_of(100), deadline=None)
def test_one_seed_fewer_than_needed_does_not_do(d: float, sd: float, alpha: float, beta: float) -> None:
    n = seeds_needed(d * sd, sd, alpha, beta)
    assert n is not None
    assert power(d * sd, sd, n, alpha) >= 1 - beta
    assert n == 2 or power(d * sd, sd, n - 1, alpha) < 1 - beta


@given(st.integers(2, 200), st.floats(0.01, 100.0), RATES, RATES)
@settings(max_examples=a_fifth_of(100), deadline=None)
def test_the_effect_that_n_seeds_resolve_needs_n_seeds(n: int, sd: float, alpha: float, beta: float) -> None:
    effect = detectable_effect(sd, n, alpha, beta)
    assert power(effect, sd, n, alpha) == pytest.approx(1 - beta, abs=1e-6)
    assert seeds_needed(effect * (1 + 1e-6), sd, alpha, beta) == n


@pytest.mark.parametrize("n", [2, 3, 5, 10, 50, 2000])
@pytest.mark.parametrize("margin", [0.05, 0.5, 1.0, 2.0, 6.0])
def test_power_for_a_margin_is_the_integral_over_the_deviation(n: int, margin: float) -> None:
    critical, half, root = stats.t.ppf(0.975, n - 1), margin * math.sqrt(n), math.sqrt(n - 1)

    def density(s: float) -> float:
        return float((2 * stats.norm.cdf(half - critical * s) - 1) * stats.chi.pdf(s * root, n - 1) * root)

    low, high = max(0.0, 1 - 9 / root), min(half / critical, 1 + 9 / root)
    expected = (
        integrate.quad(density, low, high, epsabs=1e-13, epsrel=1e-12, limit=400)[0] if high > low else 0.0
    )
    assert power_for_margin(margin, 1.0, n, 0.025) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_power_for_a_margin_is_how_often_two_one_sided_tests_both_show_it() -> None:
    n, margin = 8, 1.2
    values = np.random.default_rng(2).normal(size=(40_000, n))
    above = stats.ttest_1samp(values, -margin, axis=1, alternative="greater").pvalue < ALPHA
    below = stats.ttest_1samp(values, margin, axis=1, alternative="less").pvalue < ALPHA
    assert power_for_margin(margin, 1.0, n, ALPHA) == pytest.approx((above & below).mean(), abs=0.01)


@given(st.floats(0.1, 4.0), st.floats(0.1, 10.0))
@settings(max_examples=40, deadline=None)
def test_one_seed_fewer_than_a_margin_needs_does_not_do(margin: float, sd: float) -> None:
    n = seeds_needed_for_margin(margin * sd, sd, 0.025, BETA)
    assert n is not None
    assert power_for_margin(margin * sd, sd, n, 0.025) >= 1 - BETA
    assert n == 2 or power_for_margin(margin * sd, sd, n - 1, 0.025) < 1 - BETA
    assert power_for_margin(detectable_margin(sd, n, 0.025, BETA), sd, n, 0.025) == pytest.approx(
        0.9, abs=1e-6
    )


def test_a_number_of_seeds_beyond_the_most_allowed_is_none() -> None:
    assert seeds_needed(1.0, 1.0, ALPHA, BETA, most=10) is None
    assert seeds_needed(1.0, 1.0, ALPHA, BETA, most=11) == 11
    assert seeds_needed(1e-4, 1.0, ALPHA, BETA) is None
    assert seeds_needed_for_margin(0.01, 1.0, ALPHA, BETA, most=100) is None


def test_no_effect_is_never_shown_and_without_noise_two_seeds_show_any() -> None:
    assert seeds_needed(0.0, 1.0, ALPHA, BETA) is None
    assert seeds_needed(0.0, 0.0, ALPHA, BETA) is None
    assert seeds_needed(1e-9, 0.0, ALPHA, BETA) == 2
    assert seeds_needed_for_margin(1e-9, 0.0, ALPHA, BETA) == 2
    assert detectable_effect(0.0, 5, ALPHA, BETA) == 0.0


@given(st.sampled_from([1e-6, 3.0, 1e9]))
@settings(max_examples=10)
def test_the_unit_of_the_metric_does_not_matter(unit: float) -> None:
    assert power(0.7 * unit, unit, 6, ALPHA) == pytest.approx(power(0.7, 1.0, 6, ALPHA))
    assert detectable_effect(unit, 6, ALPHA, BETA) == pytest.approx(
        unit * detectable_effect(1.0, 6, ALPHA, BETA)
    )
