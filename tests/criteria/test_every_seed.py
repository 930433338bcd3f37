"""``over_seeds: min`` and ``max``: every seed has to meet the bound by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.criteria.judge import judge_criteria
from planner.criteria.test_design import TestDesign
from planner.errors import ProgramError
from planner.records.verdict import CriterionResult
from tests.support.builders import PHASE, make_evidence, make_program, verdict_of

GAINS = [0.2, 0.3, 0.1, 0.4, 0.25, 0.15]


def judged(values: dict[str, Sequence[float]], final: bool = False, **rule: Any) -> CriterionResult:
    """What one criterion says where six seeds are planned."""
    arms = {arm: {"kind": arm} for arm in values}
    program = make_program({"c": {"metric": "acc", **rule}}, ["c"], arms)
    required = frozenset(["c"])
    design = TestDesign(3, 6, final=final, gating=required, required=required)
    return judge_criteria(program, PHASE, make_evidence(values, "acc"), design, {}, with_flip_points=True)[
        "c"
    ]


def every(gains: Sequence[float], final: bool = False, **bound: float) -> CriterionResult:
    values = {"base": [0.5 + 0.01 * i for i in range(len(gains))], "new": []}
    values["new"] = [base + gain for base, gain in zip(values["base"], gains, strict=True)]
    return judged(values, final, arm="new", versus="base", over_seeds="min", **(bound or {"above": 0.0}))


def test_it_is_met_where_every_planned_seed_meets_the_bound_and_claims_no_error_rate() -> None:
    result = every(GAINS)
    assert (result.outcome, result.treatment, result.interval) == ("met", "every_seed", None)
    assert result.observed == pytest.approx(0.1)
    assert "met by each of 6 seeds" in result.reason
    assert result.flips_at == pytest.approx(0.0)


def test_one_seed_that_misses_it_answers_at_any_number() -> None:
    result = every([0.2, -0.1, 0.3])
    assert (result.outcome, result.treatment) == ("not_met", "every_seed")
    assert "1 of 3 seeds miss it" in result.reason


def test_fewer_seeds_than_planned_are_no_answer_yet_and_ask_for_all() -> None:
    result = every(GAINS[:4])
    assert (result.outcome, result.cause, result.needs) == ("undecided", "undecided", 6)
    assert "met by each of 4 seeds, of 6 planned" in result.reason


def test_where_no_more_can_be_had_the_answer_is_provisional() -> None:
    result = every(GAINS[:4], final=True)
    assert (result.outcome, result.treatment) == ("met", "point")


def test_the_largest_has_to_stay_below() -> None:
    loss = {"base": [0.3, 0.2, 0.4, 0.1, 0.35, 0.45]}
    assert judged(loss, arm="base", at_most=0.5, over_seeds="max").outcome == "met"
    result = judged(loss, arm="base", at_most=0.4, over_seeds="max")
    assert (result.outcome, result.observed) == ("not_met", 0.45)


def test_one_value_at_every_seed_is_one_measurement() -> None:
    result = judged({"base": [0.7] * 6}, arm="base", at_least=0.5, over_seeds="min")
    assert (result.outcome, result.cause) == ("undecided", "no_variation")


def test_better_by_asks_for_the_effect_at_every_seed() -> None:
    assert every(GAINS, better_by=0.05).outcome == "met"
    missed = every(GAINS, better_by=0.12)
    assert missed.outcome == "not_met"
    assert "at its worst seed better in acc by" in missed.reason


@given(gains=st.lists(st.floats(-1, 1), min_size=6, max_size=6, unique=True), more=st.floats(0, 1))
def test_the_same_gain_added_at_every_seed_never_makes_it_worse(gains: list[float], more: float) -> None:
    rank = ["not_met", "undecided", "met"]
    before, after = every(gains), every([gain + more for gain in gains])
    assert rank.index(after.outcome) >= rank.index(before.outcome)


@pytest.mark.parametrize(
    ("bound", "word", "better"),
    [
        ({"at_most": 1.0}, "min", "max"),
        ({"above": 0.0}, "max", "min"),
        ({"within": 1.0}, "min", "needs one bound"),
    ],
)
def test_a_value_that_other_seeds_may_miss_is_no_bound_for_all(
    bound: dict[str, float], word: str, better: str
) -> None:
    with pytest.raises(ProgramError, match=better):
        make_program({"c": {"metric": "acc", "arm": "base", "over_seeds": word, **bound}})


def test_a_gate_that_rests_on_it_is_confirmed_at_the_planned_number() -> None:
    rule = {"metric": "acc", "arm": "base", "at_least": 0.5, "over_seeds": "min"}
    program = make_program({"c": rule}, arms={"base": {"kind": "base"}}, budget={"seeds_per_arm": 6})

    def verdict(seeds: int, final: bool) -> tuple[str, str]:
        evidence = make_evidence({"base": [0.6 + 0.01 * i for i in range(seeds)]})
        said = verdict_of(program, evidence, final)
        return said.outcome, said.confidence

    assert verdict(6, final=False) == ("pass", "confirmed")
    assert verdict(4, final=False) == ("inconclusive", "provisional")
    assert verdict(4, final=True) == ("pass", "provisional")
