"""Flip points of metrics that are 0 or 1: how many more runs would have had to be 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.evidence.evidence import Evidence
from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program
from planner.records.verdict import Verdict
from planner.statistics.rates import flipped
from tests.support.builders import PHASE, make_evidence, make_program
from tests.support.rotation import a_share_of


def program_of(arms: Sequence[str], better: str = "higher", **rule: Any) -> Program:
    return make_program(
        {"c": {"metric": "ok", **rule}},
        ["c"],
        {arm: {"kind": arm} for arm in arms},
        metrics={"ok": {"unit": "flag", "better": better}},
        budget={"seeds_per_arm": 12},
    )


def judged(program: Program, flags: Mapping[str, Sequence[float]]) -> Verdict:
    design = build_test_design(program, PHASE, "standard", final=False)
    evidence: Evidence = make_evidence(flags, "ok")
    return judge_phase(program, PHASE, evidence, design)


def outcome(program: Program, flags: Mapping[str, Sequence[float]], arm: str, by: int) -> str | None:
    """What is said where an arm has so many more ones; None where it cannot have."""
    turned = flipped(dict(enumerate(flags[arm])), by)
    if turned is None:
        return None
    return judged(program, {**flags, arm: [turned[seed] for seed in sorted(turned)]}).criteria[0].outcome


FLAGS = st.lists(st.sampled_from([0.0, 1.0]), min_size=12, max_size=12)


def assert_flip_points_hold(
    program: Program, flags: Mapping[str, Sequence[float]], arm: str, sign: int
) -> None:
    result = judged(program, flags).criteria[0]
    assert result.observed is not None
    for value, there in result.turns:
        short = int((value - result.observed) * 12)  # towards what is observed
        beyond = short + (1 if value > result.observed else -1)
        assert outcome(program, flags, arm, sign * beyond) == there
        assert outcome(program, flags, arm, sign * short) != there


@settings(max_examples=a_share_of(200), deadline=None)
@given(flags=FLAGS)
def test_just_beyond_the_flip_point_of_a_rate_the_answer_is_what_was_said(flags: list[float]) -> None:
    assert_flip_points_hold(program_of(["base"], arm="base", above=0.5), {"base": flags}, "base", 1)


@pytest.mark.parametrize(("better", "sign"), [("higher", 1), ("lower", -1)])
@settings(max_examples=a_share_of(200), deadline=None)
@given(base=FLAGS, new=FLAGS)
def test_and_of_a_difference_of_two(better: str, sign: int, base: list[float], new: list[float]) -> None:
    program = program_of(["base", "new"], better, arm="new", versus="base", better_by=0.3)
    assert_flip_points_hold(program, {"base": base, "new": new}, "new", sign)


def test_nearly_every_rate_has_one() -> None:
    program = program_of(["base"], arm="base", above=0.5)
    verdict = judged(program, {"base": [1.0] * 11 + [0.0]})
    (result,) = verdict.criteria
    assert result.turns == ((0.875, "undecided"), (pytest.approx(2.5 / 12), "not_met"))
    assert [flip.outcome for flip in verdict.turnings] == ["inconclusive", "fail"]


def test_flags_of_the_first_seeds_are_flipped_and_none_where_there_are_too_few() -> None:
    assert flipped({3: 1.0, 1: 0.0, 2: 0.0}, 1) == {3: 1.0, 1: 1.0, 2: 0.0}
    assert flipped({3: 1.0, 1: 0.0, 2: 0.0}, -1) == {3: 0.0, 1: 0.0, 2: 0.0}
    assert flipped({3: 1.0, 1: 0.0}, -2) is None
