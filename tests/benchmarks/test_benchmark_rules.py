"""What is compared with the product, and how campaigns are drawn and judged."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import product, rules
from benchmarks.campaigns import ALPHA, BETA, CAP, Setting, differences, draw
from planner.statistics.answers import better_by
from planner.statistics.bounds import Design, bounds_of, stage_of
from planner.statistics.moments import moments_of

SETTINGS = ((0.0, 1.0), (1.0, 0.7), (0.5, 30.0), (10.0, 1.0), (0.4, 3.0), (-3.0, 0.5), (1.0, 2.0))
ANSWERS = {"supported": 1, "refuted": -1, "undecided": 0}


def samples(seed: int, each: int) -> rules.Array:
    """Differences of many effects and much or little noise."""
    chance = np.random.default_rng(seed)
    return np.concatenate([effect + chance.normal(size=(each, CAP)) / d for effect, d in SETTINGS])


def first_answer(values: list[float], planned: int) -> tuple[int, int]:
    """What the bounds of one comparison alone say first, and after how many seeds."""
    for n in range(3, planned + 1):
        moments, stage = moments_of(values[:n]), stage_of(n, planned)
        said = better_by(moments.mean, bounds_of(moments, Design(planned, ALPHA, BETA)), 1.0, stage)
        if said != "undecided":
            break
    return ANSWERS[said], n


@pytest.mark.parametrize("planned", [3, 6, 32])
def test_a_campaign_of_one_arm_is_answered_as_the_bounds_of_its_differences_say(planned: int) -> None:
    runs = draw(Setting(1.0, arms=1, true=1), 40, planned)[:, :, :planned]
    answer, used = product.bounds(runs, ALPHA, BETA)
    expected = [first_answer(row, planned) for row in differences(runs).tolist()]
    assert list(zip(answer.tolist(), used.tolist(), strict=True)) == expected
    assert set(answer.tolist()) >= {1}


def test_an_arm_of_a_campaign_that_is_answered_gets_no_more_seeds() -> None:
    runs = draw(Setting(1.5, arms=8, true=4), 2, 3)
    answer, used = product.bounds(runs, ALPHA, BETA)
    assert len(set(used.tolist())) > 1
    assert (used[answer == 0] == CAP).all()


def test_a_t_test_after_every_seed_answers_where_scipys_does() -> None:
    from scipy.stats import ttest_1samp

    values = samples(9, 20)[:, :20]
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
    x = differences(draw(Setting(2.0, shape, true=0), 1000, 8))
    assert x.std() == pytest.approx(0.5, rel=0.05)
    assert x.mean() == pytest.approx(0.0, abs=0.02)
