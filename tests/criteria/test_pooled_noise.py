"""The noise that other arms lend: what is left of their values without their arms and seeds."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from planner.criteria.judge import judge_criteria
from planner.criteria.pooled_noise import pooled_noise
from planner.criteria.results import Question
from planner.criteria.test_design import TestDesign
from planner.records.verdict import CriterionResult
from planner.statistics.bounds import NO_POOL, Design, PooledNoise, bounds_of
from planner.statistics.levels import pool_class
from planner.statistics.moments import moments_of
from tests.support.builders import PHASE, make_evidence, make_program

Values = Mapping[str, Sequence[float]]
BETTER: dict[str, Any] = {"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}
DESIGN = TestDesign(seeds=3, most_seeds=6)


def noise_of(
    values: Values, arms: Sequence[str] = ("new", "base"), of_difference: bool = True
) -> PooledNoise:
    """What all but these arms say."""
    program = make_program({"c": BETTER}, arms={arm: {"kind": arm} for arm in values})
    question = Question("c", program, make_evidence(values), DESIGN)
    rule: Any = program.phases[PHASE].criteria["c"]
    return pooled_noise(question, rule, arms, of_difference)


def judged(values: Values, **rule: Any) -> CriterionResult:
    program = make_program({"c": rule}, arms={arm: {"kind": arm} for arm in values})
    return judge_criteria(program, PHASE, make_evidence(values), DESIGN, {})["c"]


def campaign(arms: int, seeds: int = 3, chance: random.Random | None = None) -> dict[str, list[float]]:
    """``base`` and ``new``, and so many other arms; noise of one on the sum of an arm's and a seed's part."""
    chance = chance or random.Random(arms)
    common = [chance.gauss(0, 5) for _ in range(seeds)]
    names = ["base", "new", *(f"other{i}" for i in range(arms))]
    return {name: [10.0 * i + c + chance.gauss(0, 1) for c in common] for i, name in enumerate(names)}


# --- how large, and what it is worth --------------------------------------------------------------


def test_the_noise_of_a_difference_is_twice_the_interaction_of_arms_and_seeds() -> None:
    """What arms and what seeds have in common drops out of [[0, 0, 3], [0, 0, 0], [0, 0, 0]]."""
    table = {"x": [1.0, 2.0, 6.0], "y": [1.0, 2.0, 3.0], "z": [1.0, 2.0, 3.0]}
    squares = 3**2 * (4 * 1 + 4 * 4 + 16) / 81  # 3 * (arm's part) * (seed's part) of each cell
    noise = noise_of({"base": [0.0] * 3, "new": [0.0] * 3, **table})
    assert noise == PooledNoise(pytest.approx(math.sqrt(2 * squares / 4)), 4)


def test_the_noise_of_one_value_is_that_of_each_arm_about_its_own_mean() -> None:
    values = {"new": [9.0, 0.0, 5.0], "x": [1.0, 2.0, 3.0], "y": [5.0, 9.0, 7.0]}
    assert noise_of(values, ["new"], of_difference=False) == PooledNoise(pytest.approx(math.sqrt(2.5)), 4)


@pytest.mark.parametrize("arms", range(9))
def test_it_is_worth_the_degrees_of_freedom_that_it_has_and_fifteen_at_most(arms: int) -> None:
    values = campaign(arms)
    assert noise_of(values).df == min(15, max(0, 2 * (arms - 1)))
    assert noise_of(values, ["new"], of_difference=False).df == min(15, 2 * (arms + 1))


def test_seeds_that_are_added_make_it_more_exact_and_not_worth_more() -> None:
    values = campaign(3, seeds=6)
    first = {arm: measured[:3] for arm, measured in values.items()}
    assert noise_of(values).df == noise_of(first).df == 4
    assert noise_of(values).sd != noise_of(first).sd


def test_on_average_it_is_the_variance_of_a_difference() -> None:
    chance = random.Random(3)
    squares = [noise_of(campaign(3, chance=chance)).sd ** 2 for _ in range(800)]
    spread = math.sqrt(2 / 4) * 2.0  # of a chi-square of four degrees of freedom about a variance of two
    assert sum(squares) / 800 == pytest.approx(2.0, abs=2.6 * spread / math.sqrt(800))


# --- whose it is ----------------------------------------------------------------------------------


def test_the_arms_that_are_compared_say_nothing() -> None:
    values = campaign(4)
    changed = {**values, "base": [99.0, -5.0, 7.0], "new": [0.0, 50.0, -50.0]}
    assert noise_of(changed) == noise_of(values) != NO_POOL


def test_neither_level_nor_what_seeds_have_in_common_nor_order_changes_it() -> None:
    values, seeds = campaign(4), (5.0, -7.0, 11.0)
    moved = {
        arm: [x + 100 * i + s for x, s in zip(measured, seeds, strict=True)]
        for i, (arm, measured) in enumerate(values.items())
    }
    turned = {arm: measured[::-1] for arm, measured in values.items()}
    assert noise_of(moved).sd == pytest.approx(noise_of(values).sd)
    assert noise_of(turned).sd == pytest.approx(noise_of(values).sd)


def test_each_of_several_arms_is_judged_by_the_noise_of_the_others() -> None:
    values = campaign(4)
    names = [arm for arm in values if arm != "base"]
    rule = {key: BETTER[key] for key in ("metric", "versus", "better_by")}
    for part in judged(values, each_of=names, **rule).parts:
        expected = noise_of(values, [part.id, "base"])
        assert part.look is not None
        assert (part.look.pool_sd, part.look.pool_df) == (pytest.approx(expected.sd), pool_class(expected.df))


@pytest.mark.parametrize(("noise", "outcome"), [(0.02, "met"), (0.2, "undecided")])
def test_where_differences_do_not_vary_the_noise_of_other_arms_decides(noise: float, outcome: str) -> None:
    base = [0.5, 0.52, 0.48]
    others = {arm: [x * noise for x in measured] for arm, measured in campaign(4).items()}
    values = {**others, "base": base, "new": [b + 0.2 for b in base]}
    assert judged(values, **BETTER).outcome == outcome


@pytest.mark.parametrize(("times", "careful"), [(1.4, False), (1.6, True)])
def test_an_arm_noisier_by_half_than_the_others_is_judged_by_the_more_careful_of_both_noises(
    times: float, careful: bool
) -> None:
    values, pool = campaign(6), noise_of(campaign(6))
    gains = [100 + times * pool.sd * x for x in (1.0, -1.0, 0.0)]
    values["new"] = [b + gain for b, gain in zip(values["base"], gains, strict=True)]
    look = judged(values, **BETTER).look
    assert look is not None and look.pool_df == 8
    alone = bounds_of(moments_of(gains), Design(6, 0.05, 0.10))
    assert (look.lower == pytest.approx(alone.lower)) is careful
    assert (look.lower or 0.0) >= alone.lower - 1e-9


# --- where there is none --------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [0.0, 1e-12])
def test_arms_that_do_not_vary_have_no_noise_to_lend(noise: float) -> None:
    values = {arm: [1.0, 1.0 + noise * i, 1.0] for i, arm in enumerate(campaign(5))}
    assert noise_of(values) == noise_of(values, ["new"], of_difference=False) == NO_POOL


@pytest.mark.parametrize("others", [{}, {"x": [1.0, 2.0, 4.0]}, {"x": [1.0], "y": [2.0], "z": [4.0]}])
def test_too_few_arms_or_seeds_lend_none_to_a_difference(others: dict[str, list[float]]) -> None:
    assert noise_of({"base": [1.0, 2.0, 3.0], "new": [2.0, 3.0, 5.0], **others}) == NO_POOL


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e153, 5e153, 1e154, 1e298])
@pytest.mark.parametrize("of_difference", [True, False])
def test_values_that_cannot_be_squared_lend_finite_noise_or_none(size: float, of_difference: bool) -> None:
    values = {arm: [size * x for x in measured] for arm, measured in campaign(4).items()}
    noise = noise_of(values, of_difference=of_difference)
    assert noise == NO_POOL or math.isfinite(noise.sd)
