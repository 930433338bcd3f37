"""``censored_at``: values at a limit say only that they are no smaller, so that signs decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from planner.criteria.judge import judge_criteria
from planner.criteria.test_design import TestDesign
from planner.linting.check import check
from planner.records.verdict import CriterionResult
from planner.statistics.bounds import Design
from planner.statistics.rates import difference_bounds
from tests.support.builders import PHASE, make_evidence, make_program

STEPS = {"unit": "steps", "better": "lower", "censored_at": 7500}
FAST = [1200.0, 1500.0, 900.0, 1100.0, 1300.0, 1000.0]
SLOW = [7500.0, 6800.0, 7500.0, 5000.0, 7500.0, 7100.0]


def judged(values: dict[str, Sequence[float]], **rule: Any) -> CriterionResult:
    """What one criterion on steps says where as many seeds are planned as there are."""
    arms = {arm: {"kind": arm} for arm in values}
    program = make_program({"c": {"metric": "acc", **rule}}, ["c"], arms, metrics={"acc": STEPS})
    required = frozenset(["c"])
    planned = len(next(iter(values.values())))
    design = TestDesign(3, planned, gating=required, required=required)
    evidence = make_evidence(values, "acc")
    return judge_criteria(program, PHASE, evidence, design, {}, with_flip_points=True)["c"]


def faster(new: Sequence[float], base: Sequence[float], **bound: float) -> CriterionResult:
    return judged({"base": base, "new": new}, arm="new", versus="base", **(bound or {"better_by": 500.0}))


def test_an_arm_that_reaches_it_at_every_seed_is_better_than_one_that_often_does_not() -> None:
    result = faster(FAST, SLOW)
    assert (result.outcome, result.answer) == ("met", "supported")
    assert "better in 6 of 6 seeds" in result.reason
    assert "sign test" in result.reason
    assert (result.bound, result.threshold, result.observed) == ("above", 0.0, 1.0)
    assert result.interval == pytest.approx(difference_bounds([1.0] * 6, Design(6, 0.05, 0.10), "final"))


def test_where_no_value_is_at_the_limit_means_decide() -> None:
    result = faster(FAST, [value - 1.0 if value == 7500.0 else value for value in SLOW])
    assert (result.outcome, result.unit) == ("met", "steps")
    assert result.observed is not None and result.observed > 5000


def test_two_values_at_the_limit_are_no_side() -> None:
    result = faster([*FAST[:5], 7500.0], [7500.0] * 6)
    assert "better in 5 of 6 seeds, not in 0, 1 of which it is not known" in result.reason
    assert result.outcome == "met"
    same = faster([7500.0] * 6, [7500.0] * 6)
    assert same.outcome == "undecided"


def test_the_worse_arm_is_refuted() -> None:
    result = faster(SLOW, FAST)
    assert (result.outcome, result.observed) == ("not_met", -1.0)


def test_a_level_asks_whether_most_seeds_are_beyond_the_bound() -> None:
    many = [*FAST, *FAST, 7500.0]
    result = judged({"base": many}, arm="base", at_most=2000.0)
    assert result.outcome == "met"
    assert "beyond the bound in 12 of 13 seeds, not in 1" in result.reason
    assert judged({"base": [7500.0] * 6}, arm="base", at_most=2000.0).outcome == "not_met"


def test_a_bound_beyond_the_limit_is_not_answered_by_values_at_it() -> None:
    result = judged({"base": [7500.0] * 6}, arm="base", at_most=9000.0)
    assert result.outcome == "undecided"
    assert "6 of which it is not known" in result.reason


def test_an_order_of_arms_is_judged_pair_by_pair() -> None:
    assert judged({"base": SLOW, "new": FAST}, best_first=["new", "base"]).outcome == "met"


@given(wins=st.integers(0, 12))
def test_it_is_the_sign_test(wins: int) -> None:
    base, new = [5000.0] * 12, [1000.0] * wins + [7500.0] * (12 - wins)
    if wins == 12:
        base[0] = 7500.0
    p = binomtest(wins, 12, alternative="greater").pvalue
    lower = faster(new, base).interval
    rest = (1 - min(0.85, 0.25 * 2)) * 0.9 * 0.05
    assert lower is not None
    assert (lower[0] > 0) == (p <= rest)


@pytest.mark.parametrize(
    "rule",
    [
        {"spread_of": ["base", "new"], "at_most": 100.0},
        {"arm": "new", "versus": "base", "within": 100.0},
        {"arm": "new", "versus": "base", "as": "ratio", "at_most": 0.5},
        {"arm": "new", "over_seeds": "sd", "at_most": 100.0},
    ],
)
def test_check_names_what_cannot_be_asked_of_values_that_may_be_cut_off(rule: dict[str, Any]) -> None:
    arms = {arm: {"kind": arm} for arm in ("base", "new")}
    program = make_program({"c": {"metric": "acc", **rule}}, ["c"], arms, metrics={"acc": STEPS})
    assert any("cut off (censored_at)" in finding.what for finding in check(program))
