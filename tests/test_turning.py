"""What would change a verdict: said beforehand, then done."""

from __future__ import annotations

import math
from typing import Any

import pytest
from builders import make_evidence, make_program, make_run, verdict_of
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.memo.would_change import would_change
from planner.program import Program
from planner.records import Verdict
from planner.turning import turnings

CRITERIA: dict[str, dict[str, Any]] = {
    "high": {"metric": "acc", "arm": "base", "above": 0.5},
    "low": {"metric": "loss", "arm": "base", "below": 0.5},
    "better": {"metric": "f1", "arm": "new", "versus": "base", "better_by": 0.1},
    "narrow": {"metric": "part", "arm": "base", "between": [0.3, 0.6]},
    "agree": {"metric": "rest", "arm": "base", "over_seeds": "sd", "at_most": 0.05},
    "both": {"all_of": ["high", "low"]},
    "either": {"any_of": ["better", "narrow"]},
}
METRIC = {name: rule.get("metric") for name, rule in CRITERIA.items()}
MOVED_ARM = {"better": "new"}
CASES = {
    "A": {"means": "both", "when": ["both"]},
    "B": {"means": "narrow alone", "when": ["narrow"], "unless": ["both"]},
    "C": {"means": "neither", "otherwise": True},
}
Values = dict[str, dict[str, list[float]]]


def judged(values: Values, **phase: Any) -> tuple[Program, Verdict]:
    """The verdict on runs with these values: arm -> metric -> by seed."""
    program = make_program(CRITERIA, gate=["both", "either"], **{"cases": CASES, **phase})
    found = {
        arm: [
            make_run(arm, seed, metrics={name: by_seed[seed] for name, by_seed in metrics.items()})
            for seed in range(len(metrics["acc"]))
        ]
        for arm, metrics in values.items()
    }
    return program, verdict_of(program, make_evidence(found))


def moved(values: Values, criterion: str, observed: float, to: float) -> Values:
    """The values with what one criterion observes moved; no two criteria here share a metric."""
    arm, metric = MOVED_ARM.get(criterion, "base"), str(METRIC[criterion])
    before = values[arm][metric]
    if criterion == "agree":
        centre = math.fsum(before) / len(before)
        after = [centre + (v - centre) * to / observed for v in before]
    else:
        after = [v + to - observed for v in before]
    return {**values, arm: {**values[arm], metric: after}}


def some(seeds: int) -> st.SearchStrategy[Values]:
    numbers = st.lists(st.floats(0.05, 0.95), min_size=seeds, max_size=seeds)
    arm = st.fixed_dictionaries(dict.fromkeys(("acc", "loss", "f1", "part", "rest"), numbers))
    return st.fixed_dictionaries({"base": arm, "new": arm})


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6).flatmap(some))
def test_beyond_a_flip_point_the_verdict_is_what_was_said_and_before_it_is_as_it_was(values: Values) -> None:
    program, verdict = judged(values)
    for turning in turnings(program, verdict, {}):
        way = turning.flips_at - turning.observed
        little = 1e-4 * max(abs(way), 1e-3) * (math.copysign(1.0, way) if way else 0.0)
        beyond = judged(moved(values, turning.id, turning.observed, turning.flips_at + little))[1]
        before = judged(moved(values, turning.id, turning.observed, turning.flips_at - little))[1]
        if way:
            assert (beyond.outcome, beyond.case) == (turning.outcome, turning.case), turning
            assert (before.outcome, before.case) == (verdict.outcome, verdict.case), turning


def flat(acc: float, loss: float) -> Values:
    rest = {"f1": [0.4] * 3, "part": [0.45] * 3, "rest": [0.1, 0.12, 0.11]}
    return {arm: {"acc": [acc] * 3, "loss": [loss] * 3, **rest} for arm in ("base", "new")}


def test_only_what_changes_the_verdict_alone_is_said_to() -> None:
    program, verdict = judged(flat(0.9, 0.1))
    changing = {t.id for t in turnings(program, verdict, {}) if t.changes}
    assert (verdict.outcome, verdict.case) == ("pass", "A")
    assert changing == {"high", "low", "narrow"}
    lines = would_change(program, verdict, {})
    assert lines[0] == "`high` is met at 0.9 fraction; beyond 0.5 it is not met, and the verdict FAIL, Case B"
    assert lines[-1] == "Alone these leave outcome, case and tier as they are: `better`, `agree`"


def test_a_guard_that_settles_the_verdict_is_named() -> None:
    program, verdict = judged(flat(0.9, 0.9), guards={"low": "invalid"})
    lines = would_change(program, verdict, {})
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
    program = make_program({"c": rule})
    verdict = verdict_of(program, make_evidence({"base": [value] * 3, "new": [value] * 3}))
    assert turnings(program, verdict, {}) == []
    lone = verdict_of(program, make_evidence({"base": [0.9] * 3, "new": [0.1] * 3}))
    assert [t.id for t in turnings(program, lone, {})] == ["c"]
