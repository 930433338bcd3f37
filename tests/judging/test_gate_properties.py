"""What no gate may do, over generated gates and evidence."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from planner.evidence.evidence import Evidence
from planner.language.program import Program, build
from planner.records.runs import Run
from tests.support.builders import ARMS, METRICS, PHASE, verdict_of
from tests.support.rotation import a_share_of

Values = dict[str, dict[int, dict[str, float]]]
NAMES = ("acc", "loss", "f1", "f1_floor", "part", "rest")
BAD = (math.nan, math.inf, -math.inf, 1.797e308, -1.797e308)
NUMBERS = st.integers(-20, 20).map(lambda k: k / 10)
DIRECTED = ("acc", "loss", "f1", "part")


@st.composite
def criteria(draw: st.DrawFn) -> dict[str, Any]:
    """Any measured criterion."""
    body: dict[str, Any] = {"metric": draw(st.sampled_from(DIRECTED))}
    treatment = draw(st.sampled_from([None, "point", "interval", "sequential"]))
    body |= {"treatment": treatment} if treatment else {}
    kind = draw(st.sampled_from(["level", "floor", "comparison", "metrics", "order", "spread"]))
    arms = draw(st.lists(st.sampled_from(ARMS[1:]), min_size=1, max_size=2, unique=True))
    who = {"arm": arms[0]} if len(arms) == 1 else {draw(st.sampled_from(["each_of", "any_arm"])): arms}
    if kind == "order":
        return {**body, "best_first": list(draw(st.permutations(ARMS)))}
    if kind == "spread":
        return {**body, "spread_of": list(ARMS), "at_most": draw(st.sampled_from([0.1, 1.0, 5.0]))}
    if kind == "floor":
        return {**body, **who, "metric": "f1", "above": "floor"}
    bound = draw(st.sampled_from(["above", "at_least", "below", "at_most", "within", "better_by", "between"]))
    if bound == "better_by" and kind == "level":
        bound = "above"
    value: Any = draw(NUMBERS)
    if bound == "better_by" and draw(st.booleans()):
        body["treatment"] = "anytime"
    if bound in ("within", "better_by"):
        value = abs(value) + 0.1
    elif bound == "between":
        value = [value, value + 0.5]
    versus = {"comparison": {"versus": ARMS[0]}, "metrics": {"versus_metric": "rest"}}.get(kind, {})
    extra = draw(st.sampled_from([{}, {"over_seeds": "sd"}])) if bound != "better_by" else {}
    ratio = draw(st.sampled_from([{}, {"as": "ratio"}])) if versus and bound != "better_by" else {}
    return {**body, **who, **versus, **extra, **ratio, bound: value}


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """One phase: up to three measured criteria, perhaps joined, some of them in the gate."""
    bodies = draw(st.lists(criteria(), min_size=1, max_size=3))
    named: dict[str, Any] = {f"c{i}": body for i, body in enumerate(bodies)}
    gate = draw(st.lists(st.sampled_from(sorted(named)), min_size=1, unique=True))
    if draw(st.booleans()):
        named["joint"] = {draw(st.sampled_from(["all_of", "any_of"])): sorted(named)}
        gate.append("joint")
    return build(
        {
            "program": "any",
            "question": "?",
            "experiment": "any",
            "metrics": METRICS,
            "arms": {arm: {"kind": arm} for arm in ARMS},
            "phases": {
                PHASE: {
                    "question": "?",
                    "arms": list(ARMS),
                    "factor": "kind",
                    "criteria": named,
                    "gate": gate,
                    "seeds": draw(st.integers(1, 5)),
                }
            },
            "budget": {"seeds_per_arm": draw(st.integers(1, 6))},
        }
    )


def required(program: Program) -> set[tuple[str, str]]:
    """(arm, metric) that the gate asks for, read off the program by other means than the planner's."""
    rules, pairs = program.phases[PHASE].criteria, set()
    todo = list(program.phases[PHASE].gate)
    while todo:
        rule: Any = rules[todo.pop()]
        if rule.kind == "combined":
            todo += rule.parts
            continue
        floor = program.metrics[rule.metric].floor
        pairs |= {(arm, rule.metric) for arm in rule.subjects}
        pairs |= {(arm, floor) for arm in rule.subjects if rule.against_floor and isinstance(floor, str)}
        if rule.kind == "comparison":
            arms = [rule.versus] if rule.versus else rule.subjects
            pairs |= {(arm, rule.versus_metric or rule.metric) for arm in arms}
    return pairs


def complete(chance: random.Random, seeds: int) -> Values:
    """arm -> seed -> metric -> a finite value."""
    return {
        arm: {s: {name: chance.randint(-20, 20) / 10 for name in NAMES} for s in range(seeds)} for arm in ARMS
    }


# One draw for all values: a draw for each would take most of the time.
VALUES = st.builds(complete, st.integers(0, 10**6).map(random.Random), st.integers(1, 5))


def as_evidence(values: Values) -> Evidence:
    runs = {
        arm: {
            s: Run(id=f"{arm}-{s}", phase=PHASE, arm=arm, seed=s, metrics=metrics)
            for s, metrics in by_seed.items()
        }
        for arm, by_seed in values.items()
    }
    return Evidence(PHASE, "standard", runs, {}, {arm: {"kind": arm} for arm in ARMS})


def damaged(data: st.DataObject, program: Program, values: Values) -> str | float:
    """Damages one thing that the gate requires, in place: what was put there, or what was taken away."""
    arm, metric = data.draw(st.sampled_from(sorted(required(program))))
    damage: str | float = data.draw(st.sampled_from([*BAD, "no metric", "no arm"]))
    if damage == "no arm":
        values[arm] = {}
        return damage
    seed = data.draw(st.sampled_from(sorted(values[arm])))
    values[arm][seed].pop(metric)
    if not isinstance(damage, str):
        values[arm][seed][metric] = damage
    return damage


SOME = settings(
    max_examples=a_share_of(500),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
MANY = settings(SOME, max_examples=a_share_of(10_000))


def never_passes_and_never_fails(data: st.DataObject, program: Program, values: Values, final: bool) -> None:
    damage = damaged(data, program, values)
    verdict = verdict_of(program, as_evidence(values), final)
    assert verdict.outcome in ("invalid", "inconclusive")
    assert verdict.confidence == "provisional"
    if damage not in ("no metric", "no arm"):
        assert (verdict.outcome, verdict.case) == ("invalid", None)


def is_never_confirmed(values: Values, program: Program, final: bool) -> None:
    verdict = verdict_of(program, as_evidence(values), final)
    seeds = len(values[ARMS[0]])
    if seeds < max(3, program.phases[PHASE].seeds):
        assert verdict.confidence == "provisional"
    if verdict.confidence == "confirmed":
        assert verdict.outcome in ("pass", "fail") and not verdict.caveats


@SOME
@given(st.data(), programs(), VALUES, st.booleans())
def test_what_a_gate_requires_and_does_not_get_as_a_finite_number_never_passes_and_never_fails(
    data: st.DataObject, program: Program, values: Values, final: bool
) -> None:
    never_passes_and_never_fails(data, program, values, final)


@SOME
@given(VALUES, programs(), st.booleans())
def test_too_few_seeds_are_never_confirmed(values: Values, program: Program, final: bool) -> None:
    is_never_confirmed(values, program, final)


@pytest.mark.slow
@MANY
@given(st.data(), programs(), VALUES, st.booleans())
def test_ten_thousand_gates_neither_pass_nor_fail_without_what_they_require(
    data: st.DataObject, program: Program, values: Values, final: bool
) -> None:
    never_passes_and_never_fails(data, program, values, final)


@pytest.mark.slow
@MANY
@given(VALUES, programs(), st.booleans())
def test_ten_thousand_gates_are_never_confirmed_on_too_few_seeds(
    values: Values, program: Program, final: bool
) -> None:
    is_never_confirmed(values, program, final)
