"""The rules that are simulated are the rules of the product: the same answers after the same seeds."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import rules
from benchmarks.campaigns import ALPHA, BETA, CAP, Setting, draw, noise_of_others, pooled_priors
from benchmarks.rules import Array, Found
from planner.statistics import anytime, sequential
from planner.statistics.sequential import Prior

WORDS = {1: "supported", -1: "refuted", 0: "continue"}
SETTINGS = ((0.0, 1.0), (1.0, 0.7), (0.5, 30.0), (10.0, 1.0), (0.4, 3.0), (-3.0, 0.5), (1.0, 2.0))


def answers_of(answers: Found) -> list[tuple[str, int]]:
    return [(WORDS[int(a)], int(n)) for a, n in zip(*answers, strict=True)]


def samples(seed: int, each: int) -> Array:
    """Differences of many effects and much or little noise, and some with none."""
    chance = np.random.default_rng(seed)
    drawn = [effect + chance.normal(size=(each, CAP)) / d for effect, d in SETTINGS]
    even = [np.full((1, CAP), value) for value in (0.0, 0.4, 0.6, 1.0, 2.0, -1.0)]
    return np.concatenate([*drawn, *even])


@pytest.mark.parametrize("df", [0.0, 4.0, 15.0])
@pytest.mark.parametrize("alpha", [ALPHA, ALPHA / 40])
def test_the_simulated_sequential_rule_is_the_rule(df: float, alpha: float) -> None:
    values = samples(int(df), 120)
    variance = np.random.default_rng(1).chisquare(4, len(values)) / 4
    real = [
        sequential.first_answer(row.tolist(), 1.0, alpha, BETA, Prior(float(v), df))
        for row, v in zip(values, variance, strict=True)
    ]
    assert answers_of(rules.sequential(values, variance, df, alpha, BETA)) == real
    assert {answer for answer, _ in real} == set(WORDS.values())


def test_the_simulated_anytime_rule_is_the_rule() -> None:
    values = samples(7, 300)
    noise = np.random.default_rng(2).choice([0.0, 0.05, 0.5, 1.0, 9.0], len(values))
    real = [
        anytime.first_answer(row.tolist(), 1.0, ALPHA, BETA, float(s))
        for row, s in zip(values, noise, strict=True)
    ]
    assert answers_of(rules.anytime(values, noise, ALPHA, BETA)) == real
    assert {answer for answer, _ in real} == set(WORDS.values())


@pytest.mark.parametrize("arms", [1, 2, 3, 5, 12])
def test_the_simulated_priors_are_the_priors(arms: int) -> None:
    runs = draw(Setting(1.0, arms=arms, true=1, noisy=3.0), 100, 3)
    variance, df = (part.reshape(100, arms) for part in pooled_priors(runs))
    others = noise_of_others(runs).reshape(100, arms)
    worth = set()
    for campaign, rows in enumerate(runs.tolist()):
        for arm in range(arms):
            prior = sequential.pooled_prior(rows, arm + 1)
            assert (variance[campaign, arm], df[campaign, arm]) == pytest.approx((prior.variance, prior.df))
            assert others[campaign, arm] == pytest.approx(sequential.noise_of_others(rows, arm + 1))
            worth.add(prior.df)
    assert worth == {1: {0}, 2: {2}, 3: {4}, 5: {4, 8}, 12: {4, 15}}[arms]


def test_a_t_test_after_every_seed_answers_where_scipys_does() -> None:
    from scipy.stats import ttest_1samp

    values = samples(9, 20)[:140, :20]
    answer, used = rules.t_after_every_seed(values, ALPHA)
    for row, outcome, n in zip(values, answer, used, strict=True):
        p = [ttest_1samp(row[:k], 0.0, alternative="greater").pvalue for k in range(3, n + 1)]
        assert (outcome == 1) == (p[-1] <= ALPHA)
        assert all(each > ALPHA for each in p[:-1])


def test_keep_if_better_keeps_as_many_of_a_hundred_as_there_are_records() -> None:
    """The expected number of records after the first of 101 values is 1/2 + ... + 1/101 = 4.197."""
    runs = draw(Setting(1.0, arms=100, true=0), 4000, 5)
    kept = rules.greedy(runs, 6)[0].reshape(4000, 100) == 1
    assert kept.sum(1).mean() == pytest.approx(4.197, abs=0.1)


def test_fixed_n_is_what_a_t_test_needs_when_the_noise_is_known_beforehand() -> None:
    sizes = [Setting(d).fixed_n for d in (0.707, 1, 1.414, 1.5, 2, 3)]
    assert sizes == [19, 11, 6, 6, 4, 3]


@pytest.mark.parametrize("shape", ["normal", "t3", "lognormal"])
def test_d_is_delta_over_the_deviation_of_a_paired_difference(shape: str) -> None:
    from benchmarks.campaigns import differences

    x = differences(draw(Setting(2.0, shape, true=0), 1000, 8))
    assert x.std() == pytest.approx(0.5, rel=0.05)
    assert x.mean() == pytest.approx(0.0, abs=0.02)
