"""A verdict is judged once, and its flip points after it: they change nothing else of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.criteria.test_design import TestDesign
from planner.evidence.evidence import Evidence
from planner.guards.judge import RunGuards, judge_run_guards
from planner.judging.verdict import judge_outcome, judge_phase, with_account, with_flip_points
from planner.language.program import Phase
from tests.support.builders import PHASE
from tests.support.flip_worlds import World, make_world
from tests.support.rotation import a_share_of

MANY = settings(
    max_examples=a_share_of(100),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
WORLDS = st.integers(0, 10**9).map(make_world)
FLIP_POINTS = ("turns", "flips_at", "flips_to")


class Counting:
    """Judges the guards that read no value, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, rules: Phase, evidence: Evidence, design: TestDesign) -> RunGuards:
        self.times += 1
        return judge_run_guards(rules, evidence, design)


def without_flip_points(criterion: Mapping[str, Any]) -> dict[str, Any]:
    """A criterion's result, and those that it is made of, without where they would change."""
    kept = {key: value for key, value in criterion.items() if key not in FLIP_POINTS}
    return {**kept, "parts": [without_flip_points(part) for part in criterion["parts"]]}


@MANY
@given(WORLDS)
def test_flip_points_change_nothing_else_of_a_verdict(world: World) -> None:
    evaluator = world.evaluator()
    plain = with_account(judge_outcome(evaluator), evaluator)
    full = with_flip_points(plain, evaluator)
    rest = {"criteria", "turnings"}
    assert full.model_dump(exclude=rest) == plain.model_dump(exclude=rest)
    before, after = (
        [without_flip_points(c.model_dump()) for c in verdict.criteria] for verdict in (plain, full)
    )
    assert after == before
    assert plain.turnings == ()
    assert not any(c.turns for c in plain.criteria)


@MANY
@given(WORLDS)
def test_a_verdict_is_its_outcome_its_account_and_its_flip_points(world: World) -> None:
    evaluator = world.evaluator()
    parts = with_flip_points(with_account(judge_outcome(evaluator), evaluator), evaluator)
    whole = judge_phase(world.program, PHASE, evaluator.evidence, world.design)
    assert parts.identified("v") == whole


def test_guards_that_read_no_value_are_judged_once_however_many_values_are_moved() -> None:
    moved = 0
    for number in range(20):
        counting = Counting()
        evaluator = replace(make_world(number).evaluator(), judge_runs=counting)
        moved += len(with_flip_points(judge_outcome(evaluator), evaluator).turnings)
        assert counting.times == 1
    assert moved > 50
