"""The anytime-valid rule: golden values, the densities that it is made of, and its laws."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from planner.statistics import anytime
from planner.statistics.anytime import expected_effect, first_answer, is_shown, log_e, log_e_at
from tests.support.rotation import a_third_of

ALPHA, BETA = 0.05, 0.10
WIN = [1.2, 0.4, 1.9, 0.7, 1.1]
TURNED = {"supported": "refuted", "refuted": "supported", "continue": "continue"}
DIFFERENCES = st.lists(st.integers(-40, 40).map(lambda k: k / 8), min_size=3, max_size=12)
NOISE = st.sampled_from([0.0, 0.05, 0.3, 1.0, 5.0])


def test_golden_log_e_values() -> None:
    assert [round(log_e_at(WIN[:n], 1.0), 4) for n in (3, 4, 5)] == [1.5718, 2.1465, 2.9092]


@given(
    st.integers(2, 64),
    st.floats(0.2, 9.0),
    st.floats(0.0, 4.0),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=a_third_of(300), deadline=None)
def test_e_is_the_ratio_of_a_noncentral_to_the_central_t_density(
    n: int, theta: float, centre: float, seed: int
) -> None:
    from scipy import stats

    chance = random.Random(seed)
    values = [chance.gauss(centre, 1) for _ in range(n)]
    mean = sum(values) / n
    assume(mean > 0)
    t = mean * math.sqrt(n) / math.sqrt(sum((x - mean) ** 2 for x in values) / (n - 1))
    density = float(stats.nct.pdf(t, n - 1, theta * math.sqrt(n)))
    assume(density > 1e-200)
    expected = math.log(density) - float(stats.t.logpdf(t, n - 1))
    assert log_e_at(values, theta) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_e_is_the_mean_over_three_effects_around_the_one_expected() -> None:
    each = [math.exp(log_e_at(WIN, t)) for t in (2 / 1.5, 2.0, 3.0)]
    assert log_e(WIN, 2.0) == pytest.approx(math.log(sum(each) / 3))


@pytest.mark.parametrize(
    ("delta", "noise", "effect"), [(1, 0, 1.0), (1, 2, 0.5), (1, 100, 0.3), (1, 0.01, 6.0), (3, 1, 3.0)]
)
def test_the_effect_expected_is_delta_over_the_noise_of_others_within_bounds(
    delta: float, noise: float, effect: float
) -> None:
    assert expected_effect(delta, noise) == effect


@given(DIFFERENCES, NOISE, st.sampled_from([1e-6, 0.1, 3.0, 1e9]))
@settings(max_examples=a_third_of(200), deadline=None)
def test_the_unit_of_the_metric_does_not_matter(values: list[float], noise: float, unit: float) -> None:
    one = first_answer(values, 1.0, ALPHA, BETA, noise)
    assert first_answer([x * unit for x in values], unit, ALPHA, BETA, noise * unit) == one


@given(DIFFERENCES, NOISE)
@settings(max_examples=a_third_of(300), deadline=None)
def test_the_mirror_image_has_the_opposite_answer(values: list[float], noise: float) -> None:
    """But where both are shown at once: an effect beyond doubt between 0 and delta is not worth having."""
    answer, used = first_answer(values, 1.0, ALPHA, ALPHA, noise)
    mirrored, when = first_answer([1.0 - x for x in values], 1.0, ALPHA, ALPHA, noise)
    effect, seen = expected_effect(1.0, noise), values[:used]
    both = all(is_shown(some, effect, ALPHA) for some in (seen, [1.0 - x for x in seen]))
    both = both and answer != "continue"  # without noise it is the mean that has to tell
    assert (mirrored, when) == (("refuted" if both else TURNED[answer]), used)


@given(DIFFERENCES, st.randoms(use_true_random=False))
@settings(max_examples=a_third_of(100), deadline=None)
def test_the_order_of_the_seeds_of_one_look_does_not_matter(
    values: list[float], chance: random.Random
) -> None:
    assume(sum(values) > 0)
    mixed = values[:]
    chance.shuffle(mixed)
    assert log_e(mixed, 1.0) == log_e(values, 1.0)


@given(DIFFERENCES, st.lists(st.floats(-5, 5), max_size=6))
@settings(max_examples=a_third_of(100), deadline=None)
def test_an_answer_stands_whatever_comes_later(values: list[float], later: list[float]) -> None:
    answer, used = first_answer(values, 1.0, ALPHA, BETA)
    if answer != "continue":
        assert first_answer(values + later, 1.0, ALPHA, BETA) == (answer, used)


@pytest.mark.parametrize("noise", [0.0, 1e-9, 1.0])
@pytest.mark.parametrize("value", [1e6, -1e6, 0.0, 1.0])
def test_no_look_happens_before_three_seeds(value: float, noise: float) -> None:
    for n in (0, 1, 2):
        assert first_answer([value + k for k in range(n)], 1.0, ALPHA, BETA, noise) == ("continue", n)


def test_next_to_no_noise_the_mean_itself_has_to_reach_delta() -> None:
    quiet = [-1e-7, 0.0, 1e-7]
    assert first_answer([1.0 + x for x in quiet], 1.0, ALPHA, BETA) == ("supported", 3)
    assert first_answer(quiet, 1.0, ALPHA, BETA) == ("refuted", 3)
    assert first_answer([0.51 + x for x in quiet], 1.0, ALPHA, BETA) == ("continue", 3)


@pytest.mark.parametrize("value", [-5.0, 0.0, 0.51, 1.0, 100.0])
@pytest.mark.parametrize("noise", [0.0, 1e-10])
def test_differences_that_do_not_vary_answer_nothing_however_many_and_large(
    value: float, noise: float
) -> None:
    values = [value * (1 + noise * (i % 3)) for i in range(32)]
    assert first_answer(values, 1.0, ALPHA, BETA) == ("continue", 32)
    assert first_answer(values, 1.0, ALPHA, BETA, noise=0.1) == ("continue", 32)


@pytest.mark.parametrize("values", [[math.nan] * 5, [1.0, math.nan, 1.0, 1.0], [math.nan, 9.0, 9.0, 9.0]])
def test_nan_is_never_an_answer(values: list[float]) -> None:
    assert first_answer(values, 1.0, ALPHA, BETA)[0] == "continue"


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 9e299])
def test_values_that_cannot_be_squared_give_a_finite_statistic(size: float) -> None:
    assert math.isfinite(log_e([size, -size / 2, 2 * size / 3], 1.0))
    first_answer([size, -size, 2 * size / 3, size], size, ALPHA, BETA)


def test_an_effect_many_times_delta_is_supported_within_a_few_seeds() -> None:
    chance = random.Random(5)
    values = [20 + chance.gauss(0, 1) for _ in range(8)]
    assert first_answer(values, 1.0, ALPHA, BETA, noise=1.0)[0] == "supported"


def test_without_an_effect_e_is_one_on_average() -> None:
    """What Ville's inequality rests on: the mean of E_theta under no effect, at any noise, is 1."""
    chance = random.Random(6)
    total = 0.0
    for _ in range(20_000):
        values = [chance.gauss(0, 7) for _ in range(5)]
        if sum(values) < 0:  # E at -r, by the same integral with the sign of theta turned
            continue
        total += math.exp(log_e_at(values, 0.3)) + math.exp(_at_minus(values, 0.3))
    assert total / 20_000 == pytest.approx(1.0, abs=0.02)


def _at_minus(values: list[float], theta: float) -> float:
    from scipy import stats

    n, mean = len(values), sum(values) / len(values)
    t = mean * math.sqrt(n) / math.sqrt(sum((x - mean) ** 2 for x in values) / (n - 1))
    return float(stats.nct.logpdf(-t, n - 1, theta * math.sqrt(n)) - stats.t.logpdf(-t, n - 1))


def test_where_the_mean_is_not_positive_nothing_is_shown() -> None:
    assert not is_shown([-1.0, 0.5, 0.2], 1.0, 0.999)
    assert not is_shown([0.0, 0.0, 0.0], 1.0, 0.999)
    assert anytime.is_shown([1.0, 1.1, 0.9] * 3, 1.0, ALPHA)
