"""The sequential rule: golden values, its laws, and its error rates."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.statistics import sequential
from planner.statistics.sequential import (
    Prior,
    first_answer,
    is_overwhelming,
    look,
    noise_of_others,
    pooled_prior,
)
from tests.support.rotation import a_third_of

ALPHA, BETA = 0.05, 0.10
WIN = [1.2, 0.4, 1.9, 0.7, 1.1]
LOSS = [0.31, -0.42, 0.95, 0.10, -0.28]
TURNED = {"supported": "refuted", "refuted": "supported", "continue": "continue"}
DIFFERENCES = st.lists(st.floats(-5, 5, allow_nan=False), min_size=3, max_size=12)
PRIORS = st.one_of(st.just(Prior()), st.builds(Prior, st.floats(0.01, 9), st.sampled_from([2.0, 4.0, 15.0])))


# --- golden values --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prior", "ratios", "support", "refute"),
    [
        (Prior(), [2.1899, 2.9562, 4.1574], 3.9943, 3.0701),
        (Prior(1.0, 15), [1.9849, 2.2702, 2.9516], 3.1622, 2.4305),
    ],
)
def test_golden_log_ratios_and_bounds(
    prior: Prior, ratios: list[float], support: float, refute: float
) -> None:
    looks = [look(WIN[:n], 1.0, ALPHA, BETA, prior) for n in (3, 4, 5)]
    assert [round(one.log_ratio, 4) for one in looks] == ratios
    assert {round(one.support_bound, 4) for one in looks} == {support}
    assert {round(one.refute_bound, 4) for one in looks} == {refute}
    assert [one.answer for one in looks] == ["continue", "continue", "supported"]
    assert first_answer(WIN, 1.0, ALPHA, BETA, prior) == ("supported", 5)


def test_golden_overshoot() -> None:
    overshoots = [look(WIN[:n], 1.0, ALPHA, BETA).overshoot for n in (3, 4, 5)]
    assert [round(k, 4) for k in overshoots] == [0.7768, 0.8891, 1.0258]


def test_golden_refutations() -> None:
    assert first_answer(LOSS, 1.0, ALPHA, BETA) == ("refuted", 4)
    assert first_answer(LOSS, 1.0, ALPHA, BETA, Prior(1.0, 15)) == ("refuted", 5)


def test_a_prior_that_is_worth_everything_gives_walds_test() -> None:
    """L = delta * sum(x - delta/2) / s0^2 as d0 grows."""
    delta, variance = 0.7, 1.3
    last = look(WIN, delta, ALPHA, BETA, Prior(variance, 1e9))
    wald = delta * math.fsum(x - delta / 2 for x in WIN) / variance
    assert last.log_ratio == pytest.approx(wald, rel=1e-6)
    assert last.support_bound == pytest.approx(math.log(1 / ALPHA), rel=1e-6)


# --- laws -----------------------------------------------------------------------------------------


@given(DIFFERENCES, PRIORS, st.sampled_from([1e-6, 0.1, 3.0, 1e9]))
@settings(max_examples=a_third_of(200), deadline=None)
def test_the_unit_of_the_metric_does_not_matter(values: list[float], prior: Prior, unit: float) -> None:
    scaled = Prior(prior.variance * unit * unit, prior.df)
    one = first_answer(values, 1.0, ALPHA, BETA, prior)
    assert first_answer([x * unit for x in values], unit, ALPHA, BETA, scaled) == one


@given(st.lists(st.integers(-40, 40).map(lambda k: k / 8), min_size=3, max_size=12), PRIORS)
@settings(max_examples=a_third_of(300), deadline=None)
def test_the_mirror_image_has_the_opposite_answer(values: list[float], prior: Prior) -> None:
    answer, used = first_answer(values, 1.0, ALPHA, ALPHA, prior)
    mirrored, when = first_answer([1.0 - x for x in values], 1.0, ALPHA, ALPHA, prior)
    assert (mirrored, when) == (TURNED[answer], used)


@given(DIFFERENCES, PRIORS, st.randoms(use_true_random=False))
@settings(max_examples=a_third_of(200), deadline=None)
def test_the_order_of_the_seeds_of_one_look_does_not_matter(
    values: list[float], prior: Prior, chance: random.Random
) -> None:
    mixed = values[:]
    chance.shuffle(mixed)
    assert look(mixed, 1.0, ALPHA, BETA, prior) == look(values, 1.0, ALPHA, BETA, prior)


@given(DIFFERENCES, st.lists(st.floats(-5, 5), max_size=6))
@settings(max_examples=a_third_of(200), deadline=None)
def test_an_answer_stands_whatever_comes_later(values: list[float], later: list[float]) -> None:
    answer, used = first_answer(values, 1.0, ALPHA, BETA)
    if answer != "continue":
        assert first_answer(values + later, 1.0, ALPHA, BETA) == (answer, used)


# --- no verdict by accident -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "prior", [Prior(), Prior(1e-12, 4), Prior(1e-12, 7), Prior(1e-12, 15), Prior(1e-6, 1e9)]
)
@pytest.mark.parametrize("value", [1e6, -1e6, 0.0, 1.0])
def test_no_look_happens_before_three_seeds_however_strong_the_prior(prior: Prior, value: float) -> None:
    for n in (0, 1, 2):
        assert first_answer([value] * n, 1.0, ALPHA, BETA, prior) == ("continue", n)
        assert look([value] * n, 1.0, ALPHA, BETA, prior).answer == "continue"


def test_next_to_no_noise_the_mean_itself_has_to_reach_delta() -> None:
    quiet = [-1e-7, 0.0, 1e-7]
    assert first_answer([1.0 + x for x in quiet], 1.0, ALPHA, BETA)[0] == "supported"
    assert first_answer(quiet, 1.0, ALPHA, BETA)[0] == "refuted"
    assert first_answer([0.5 + x for x in quiet], 1.0, ALPHA, BETA) == ("continue", 3)
    assert first_answer([0.51 + x for x in quiet], 1.0, ALPHA, BETA) == ("continue", 3)


@pytest.mark.parametrize("value", [-5.0, 0.0, 0.5, 1.0, 100.0])
@pytest.mark.parametrize("noise", [0.0, 1e-10])
def test_differences_that_do_not_vary_answer_nothing_however_many_and_large(
    value: float, noise: float
) -> None:
    values = [value * (1 + noise * (i % 3)) for i in range(32)]
    assert first_answer(values, 1.0, ALPHA, BETA) == ("continue", 32)


def test_an_answer_waits_for_the_first_seed_at_which_differences_vary() -> None:
    assert first_answer([2.0, 2.0, 2.0, 2.0, 2.1, 2.0], 1.0, ALPHA, BETA) == ("supported", 5)


def test_where_differences_do_not_vary_the_noise_of_other_arms_decides() -> None:
    assert first_answer([1.0] * 3, 1.0, ALPHA, BETA, Prior(0.01, 8.0)) == ("supported", 3)
    assert first_answer([1.0] * 3, 1.0, ALPHA, BETA, Prior(4.0, 8.0)) == ("continue", 3)


def test_noise_that_is_only_rounding_is_no_noise() -> None:
    """A t test of rounding errors would be as sure as it is wrong."""
    assert first_answer([0.5, 0.5 + 1e-16, 0.5 - 1e-16], 1.0, ALPHA, BETA)[0] == "continue"
    assert first_answer([0.4, 0.4 + 1e-16, 0.4 - 1e-16], 1.0, ALPHA, BETA)[0] == "continue"


@pytest.mark.parametrize("values", [[math.nan] * 5, [1.0, math.nan, 1.0, 1.0], [math.nan, 9.0, 9.0, 9.0]])
@pytest.mark.parametrize("prior", [Prior(), Prior(1.0, 4)])
def test_nan_is_never_an_answer(values: list[float], prior: Prior) -> None:
    assert first_answer(values, 1.0, ALPHA, BETA, prior)[0] == "continue"


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 9e299])
def test_values_that_cannot_be_squared_give_a_finite_statistic(size: float) -> None:
    for delta in (1.0, size):
        only = look([size, -size, 2 * size / 3], delta, ALPHA, BETA)
        assert math.isfinite(only.log_ratio)
        assert math.isfinite(only.overshoot)
        first_answer([size, -size, 2 * size / 3, size], delta, ALPHA, BETA)


@pytest.mark.parametrize("times", [10.0, 20.0])
@pytest.mark.parametrize("d", [0.5, 1.0, 2.0])
def test_effects_many_times_delta_are_supported_within_five_seeds(times: float, d: float) -> None:
    """The ratio of 0 to delta alone would never tell them from noise."""
    chance = random.Random(5)
    quick = 0
    for _ in range(200):
        values = [times + chance.gauss(0, 1) / d for _ in range(5)]
        quick += first_answer(values, 1.0, ALPHA, BETA)[0] == "supported"
        assert first_answer([1 - x for x in values], 1.0, ALPHA, BETA)[0] != "supported"
    assert quick >= {0.5: 150, 1.0: 195, 2.0: 200}[d] if times == 10.0 else quick >= 195


def test_an_effect_between_zero_and_delta_beyond_doubt_goes_to_the_nearer() -> None:
    noise = [0.001, -0.002, 0.0015]
    assert first_answer([0.4 + x for x in noise], 1.0, ALPHA, BETA)[0] == "refuted"
    assert first_answer([0.6 + x for x in noise], 1.0, ALPHA, BETA)[0] == "supported"


def test_the_share_spent_on_overwhelming_evidence_adds_up_to_less_than_it_is_given() -> None:
    """At n seeds the one-sided t test spends SHARE / 2^(n-2) of the rate: in all at most SHARE of it."""
    spent = sum(sequential.OVERWHELMING_SHARE / 2 ** (n - 2) for n in range(3, 33))
    assert spent <= sequential.OVERWHELMING_SHARE
    chance = random.Random(7)
    false = sum(is_overwhelming([chance.gauss(0, 1) for _ in range(3)], 1.0, 1.0) for _ in range(20_000))
    assert false / 20_000 == pytest.approx(sequential.OVERWHELMING_SHARE / 2, abs=0.004)


# --- the pooled prior -----------------------------------------------------------------------------


def test_the_prior_is_the_two_way_residual_variance_of_a_difference() -> None:
    """Row and column effects drop out: residuals of [[0,0,3],[0,0,0],[0,0,0]] are the interaction."""
    table = [[1.0, 2.0, 6.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    squares = 3**2 * (4 * 1 + 4 * 4 + 16) / 81  # 3 * (row part) * (column part) of each cell
    assert pooled_prior(table, 1) == Prior(pytest.approx(2 * squares / 4), 2.0)


def alike(arms: int) -> list[list[float]]:
    """A baseline and arms with as much noise in each: the same three values, in another order."""
    turns = ([0.0, 1.0, 3.0], [3.0, 0.0, 1.0], [1.0, 3.0, 0.0])
    return [[10.0 * i + x for x in turns[i % 3]] for i in range(arms + 1)]


@pytest.mark.parametrize("arms", range(1, 31))
def test_the_prior_is_worth_exactly_the_degrees_of_freedom_that_it_has(arms: int) -> None:
    """2 (K - 1), 15 at most; that one is said to be worth slightly more no simulation would see."""
    expected = min(15, 2 * (arms - 1))
    assert [pooled_prior(alike(arms), arm).df for arm in range(1, arms + 1)] == [expected] * arms


def noisier(table: list[list[float]], row: int, times: float) -> list[list[float]]:
    centre = sum(table[row]) / 3
    return [[centre + times * (x - centre) for x in r] if i == row else r for i, r in enumerate(table)]


def test_an_arm_that_shows_more_noise_by_half_borrows_little_and_the_others_go_on() -> None:
    table = noisier(alike(9), 2, 3.0)
    assert [pooled_prior(table, arm).df for arm in (1, 2, 3)] == [15, 4, 15]
    slightly = noisier(alike(9), 2, 1.2)
    assert [pooled_prior(slightly, arm).df for arm in (1, 2, 3)] == [15, 15, 15]


def test_a_baseline_that_shows_more_noise_by_half_lets_no_arm_borrow_much() -> None:
    assert {pooled_prior(noisier(alike(9), 0, 3.0), arm).df for arm in range(1, 10)} == {4}


def test_whether_an_arm_is_noisier_does_not_depend_on_unit_level_or_seeds_in_common() -> None:
    table = noisier(alike(9), 2, 3.0)
    seeds = (5.0, -7.0, 11.0)
    changed = [[1e-3 * (x + 100 * i + s) for x, s in zip(r, seeds, strict=True)] for i, r in enumerate(table)]
    for arm in range(1, 10):
        one, other = pooled_prior(table, arm), pooled_prior(changed, arm)
        assert (other.variance, other.df) == (pytest.approx(1e-6 * one.variance), one.df)


@pytest.mark.parametrize("noise", [0.0, 1e-12])
def test_where_no_arm_varies_there_is_no_noise_to_pool(noise: float) -> None:
    assert pooled_prior([[1.0, 1.0 + noise * row, 1.0] for row in range(6)], 1) == Prior()


def test_the_prior_estimates_the_variance_of_a_difference() -> None:
    chance = random.Random(3)
    variances = []
    for _ in range(2000):
        seeds = [chance.gauss(0, 5) for _ in range(3)]
        table = [[chance.gauss(i, 1) + s for s in seeds] for i in range(4)]
        variances.append(pooled_prior(table, 1).variance)
    assert sum(variances) / len(variances) == pytest.approx(2.0, rel=0.05)


def test_the_prior_is_frozen_on_the_first_three_seeds() -> None:
    table = [[1.0, 2.0, 6.0], [1.0, 2.0, 3.0], [0.0, 2.0, 3.0]]
    assert pooled_prior([[*row, 99.0 * i] for i, row in enumerate(table)], 1) == pooled_prior(table, 1)


def test_fewer_than_three_shared_seeds_give_no_prior() -> None:
    assert pooled_prior([[1.0, 2.0]] * 4, 1) == Prior()
    assert pooled_prior([], 1) == Prior()


def test_the_noise_of_others_is_that_of_arms_which_share_no_run_with_the_comparison() -> None:
    """Neither the arm's own values nor the baseline's move it; and it is that of a paired difference."""
    chance = random.Random(4)
    table = [[chance.gauss(0, 1) for _ in range(3)] for _ in range(5)]
    changed = [[99.0, -5.0, 7.0], table[1], [0.0, 50.0, -50.0], *table[3:]]
    assert noise_of_others(table, 2) == noise_of_others(changed, 2) > 0
    squared = [
        noise_of_others([[chance.gauss(i, 1) for _ in range(3)] for i in range(4)], 1) ** 2
        for _ in range(4000)
    ]
    assert sum(squared) / len(squared) == pytest.approx(2.0, rel=0.1)


def test_fewer_than_two_other_arms_do_not_say_how_large_the_noise_is() -> None:
    assert noise_of_others(alike(2), 1) == 0.0
    assert noise_of_others([], 1) == 0.0
    assert noise_of_others([[1.0, 2.0]] * 5, 1) == 0.0


@pytest.mark.parametrize("size", [1e100, 1e150, 1e299, -1e299])
def test_values_that_cannot_be_squared_have_noise_but_no_prior(size: float) -> None:
    table = [[0.0, size, -size], [size, 0.0, size / 2], [0.0, size / 3, size], [1.0, 2.0, 3.0]]
    prior = pooled_prior(table, 1)
    assert math.isfinite(prior.variance)
    assert prior == Prior() or abs(size) < 1e140
    noise = noise_of_others(table, 3)
    assert math.isfinite(noise)
    small = noise_of_others([[x / abs(size) for x in row] for row in table], 3)
    assert noise == pytest.approx(small * abs(size))
