"""What would change a verdict and the decision after it: said beforehand, then done."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.explaining.counterfactual_decisions import Flip, decision_context_of, flips_of
from planner.language.program import Program
from planner.memo.would_change import would_change
from planner.records.verdict import FlipPoint, Verdict
from tests.support.builders import make_evidence, make_program, verdict_of
from tests.support.flip_worlds import World, distance, make_world, reads, side, uncited
from tests.support.rotation import a_share_of

MANY = settings(
    max_examples=a_share_of(250),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
WORLDS = st.integers(0, 10**9).map(make_world)


def says(verdict: Verdict) -> tuple[str | None, ...]:
    return verdict.outcome, verdict.case, verdict.tier, verdict.confidence


def outcomes(verdict: Verdict) -> dict[str, str]:
    return {c.id: c.outcome for c in verdict.criteria}


def assert_flips(world: World, verdict: Verdict, flip: Flip, first: bool) -> None:
    """Just past its flip point everything is as a flip says; just short of it, as it was."""
    flip_point = flip.flip_point
    little = distance(flip_point) * (side(flip_point) or 1.0)
    beyond = world.judged(world.moved(verdict, flip_point, flip_point.flips_at + little))
    if not side(flip_point) and outcomes(beyond)[flip_point.id] != flip_point.flips_to:
        beyond = world.judged(world.moved(verdict, flip_point, flip_point.flips_at - little))
    now = outcomes(verdict)
    assert outcomes(beyond) == {**now, **dict(flip_point.outcomes)}
    assert outcomes(beyond)[flip_point.id] == flip_point.flips_to != now[flip_point.id]
    assert says(beyond) == (flip_point.outcome, flip_point.case, flip_point.tier, flip_point.confidence)
    assert world.decided(beyond) == (flip.decision.action, flip.decision.choice, flip.decision.target)
    if side(flip_point):
        short = world.judged(world.moved(verdict, flip_point, flip_point.flips_at - little))
        assert outcomes(short)[flip_point.id] != flip_point.flips_to
        if first:
            assert outcomes(short)[flip_point.id] == now[flip_point.id]
            assert_nothing_changed(world, verdict, short, flip_point)


def assert_nothing_changed(world: World, verdict: Verdict, short: Verdict, flip_point: FlipPoint) -> None:
    """Short of the flip point of a criterion that alone reads what is moved, nothing is other than it was."""
    others = [reads(rule) for name, rule in world.rules.items() if name != flip_point.id]
    if not any((flip_point.arm, flip_point.metric) in read for read in others):
        assert outcomes(short) == outcomes(verdict)
        assert says(short)[:3] == says(verdict)[:3]
        assert world.decided(short)[1:] == world.decided(verdict)[1:]


def assert_flip_points_hold(world: World) -> int:
    """Every flip point of a world holds; how many it has."""
    verdict = world.judged()
    flips = flips_of(world.decision_context, verdict)
    seen: set[str] = set()
    for flip in flips:
        assert_flips(world, verdict, flip, flip.flip_point.id not in seen)
        seen.add(flip.flip_point.id)
    stated = {(t.id, t.flips_at, t.flips_to) for t in verdict.turnings}
    for result in verdict.criteria:
        if result.kind != "combined":
            assert {(result.id, value, to) for value, to in result.turns} == {
                s for s in stated if s[0] == result.id
            }
    return len(flips)


def assert_uncited_inputs_change_nothing(world: World, chance: random.Random) -> None:
    """Moving inputs that no criterion reads, near and far, leaves everything that is concluded as it is."""
    verdict, inputs = world.judged(world.values), uncited(world)
    for arm, metric in chance.sample(inputs, min(2, len(inputs))):
        by = chance.choice([-1e6, -0.3, 1e-3, 0.7, 50.0])
        moved = [value * chance.uniform(0.5, 2.0) + by for value in world.values[arm][metric]]
        held = {**world.values, arm: {**world.values[arm], metric: moved}}
        there = world.judged(held)
        assert says(there) == says(verdict)
        assert outcomes(there) == outcomes(verdict)
        assert world.decided(there) == world.decided(verdict)


@MANY
@given(WORLDS)
def test_past_a_flip_point_verdict_and_decision_are_what_was_said_and_short_of_it_as_they_were(
    world: World,
) -> None:
    assert_flip_points_hold(world)


@pytest.mark.slow
@settings(MANY, max_examples=a_share_of(5000))
@given(WORLDS)
def test_flip_points_hold_in_thousands_of_worlds(world: World) -> None:
    assert_flip_points_hold(world)


@MANY
@given(WORLDS, st.integers(0, 10**6).map(random.Random))
def test_an_input_that_no_criterion_reads_changes_neither_verdict_nor_decision(
    world: World, chance: random.Random
) -> None:
    assert_uncited_inputs_change_nothing(world, chance)


def test_nearly_every_criterion_with_a_value_has_a_flip_point_and_every_kind_has_some() -> None:
    stated, judged = Counter[str](), Counter[str]()
    for number in range(150):
        world = make_world(number)
        for result in world.judged().criteria:
            if result.observed is not None and result.cause != "few_seeds" and not result.parts:
                judged[result.kind] += 1
                stated[result.kind] += bool(result.turns)
    assert set(judged) == {"level", "comparison", "order", "spread"}
    assert all(stated[kind] >= 0.9 * judged[kind] for kind in judged), (stated, judged)


CRITERIA = {
    "high": {"metric": "acc", "arm": "base", "above": 0.5},
    "low": {"metric": "loss", "arm": "base", "below": 0.5},
    "better": {"metric": "f1", "arm": "new", "versus": "base", "better_by": 0.1},
    "narrow": {"metric": "part", "arm": "base", "between": [0.3, 0.6]},
    "agree": {"metric": "rest", "arm": "base", "over_seeds": "sd", "at_most": 0.05},
    "both": {"all_of": ["high", "low"]},
    "either": {"any_of": ["better", "narrow"]},
}
CASES = {
    "A": {"means": "both", "when": ["both"]},
    "B": {"means": "narrow alone", "when": ["narrow"], "unless": ["both"]},
    "C": {"means": "neither", "otherwise": True},
}
AFTER = {
    "question": "And then?",
    "arms": ["base"],
    "criteria": {"c": {"metric": "acc", "arm": "base", "above": 0}},
    "gate": ["c"],
}


def flat(acc: float, loss: float, **phase: object) -> tuple[Program, Verdict]:
    values = {"acc": acc, "loss": loss, "f1": 0.4, "part": 0.45}
    held = [{**values, "rest": rest} for rest in (0.1, 0.12, 0.11)]
    program = make_program(
        CRITERIA,
        gate=["both", "either"],
        more={"after": AFTER},
        deterministic=["acc", "loss", "f1", "part"],
        **{"cases": CASES, **phase},
    )
    return program, verdict_of(program, make_evidence({"base": held, "new": held}))


def flips(program: Program, verdict: Verdict) -> list[Flip]:
    return flips_of(decision_context_of(program, verdict, None, {}), verdict)


def test_only_what_changes_the_verdict_alone_is_said_to() -> None:
    program, verdict = flat(0.9, 0.1)
    changing = {flip.flip_point.id for flip in flips(program, verdict) if flip.changes_verdict}
    assert (verdict.outcome, verdict.case) == ("pass", "A")
    assert changing == {"high", "low", "narrow"}
    lines = would_change(verdict, flips(program, verdict))
    assert lines[0] == "`high` is met at 0.9 fraction; beyond 0.5 it is not met, and the verdict FAIL, Case B"
    assert lines[-1] == "Alone these leave outcome, case and tier as they are: `better`, `agree`"


def test_the_decision_that_would_follow_is_said_where_it_is_another() -> None:
    program, verdict = flat(0.9, 0.1, next={"A": "after", "B": "stop"})
    lines = would_change(verdict, flips(program, verdict))
    assert lines[0].endswith("and the verdict FAIL, Case B; next is stop")
    program, verdict = flat(0.9, 0.9, next={"A": "after", "B": "stop"})
    assert "and the verdict PASS, Case A; next is run_phase `after`" in "\n".join(
        would_change(verdict, flips(program, verdict))
    )


def test_a_guard_that_settles_the_verdict_is_named() -> None:
    program, verdict = flat(0.9, 0.9, guards={"low": "invalid"})
    lines = would_change(verdict, flips(program, verdict))
    assert verdict.outcome == "invalid"
    assert lines[0].startswith("Guard `low` keeps it invalid whatever else holds: base.loss = 0.9")
    assert any(
        line.startswith("`low` is not met at 0.9 nats; beyond 0.5 it is met, and the verdict PASS")
        for line in lines
    )


@pytest.mark.parametrize("name", ["any", "each"])
def test_arms_that_outweigh_one_another_have_no_flip_point(name: str) -> None:
    arms, value = ("any_arm", 0.9) if name == "any" else ("each_of", 0.1)
    rule = {"metric": "acc", arms: ["base", "new"], "above": 0.5}
    program = make_program({"c": rule}, deterministic=["acc"])
    verdict = verdict_of(program, make_evidence({"base": [value] * 3, "new": [value] * 3}))
    assert verdict.turnings == ()
    lone = verdict_of(program, make_evidence({"base": [0.9] * 3, "new": [0.1] * 3}))
    assert [flip_point.id for flip_point in lone.turnings] == ["c"]


def test_criteria_that_read_the_same_values_turn_together() -> None:
    program = make_program(
        {
            "high": {"metric": "acc", "arm": "base", "above": 0.5, "treatment": "point"},
            "higher": {"metric": "acc", "arm": "base", "above": 0.6, "treatment": "point"},
        }
    )
    verdict = verdict_of(program, make_evidence({"base": [0.7]}))
    flips_by_id = {
        flip_point.id: (flip_point.flips_at, flip_point.outcomes) for flip_point in verdict.turnings
    }
    both = (("high", "not_met"), ("higher", "not_met"))
    assert flips_by_id == {"high": (0.5, both), "higher": (0.6, (("higher", "not_met"),))}
