"""The guard ``floor``: what the gate finds good must be better than doing nothing clever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from planner.evidence.evidence import Evidence
from tests.support.builders import guards, make_evidence, make_program, make_run, verdict_of

REACHED = {"metric": "f1", "arm": "base", "above": 0.1}
AS_MADE = {"seeds_per_arm": 3}
"""A budget of as many seeds as there are."""


def of(f1: Mapping[str, float], floor: float = 0.127) -> Evidence:
    """Three seeds of each arm, with the F1 of calling everything a span beside theirs."""
    noise = {arm: 0.001 * number for number, arm in enumerate(f1, 1)}
    return make_evidence(
        {
            arm: [make_run(arm, s, metrics={"f1": v + s * noise[arm], "f1_floor": floor}) for s in range(3)]
            for arm, v in f1.items()
        }
    )


def floors(evidence: Evidence, rule: Mapping[str, Any], **phase: Any) -> dict[str, str]:
    results = guards(evidence, {"c": dict(rule)}, budget=AS_MADE, **phase)
    return {name: g.outcome for name, g in results.items() if name.startswith("floor")}


def test_a_target_that_lies_below_the_floor_is_no_improvement_when_it_is_reached() -> None:
    """The document asks for F1 above .10, and calling every step a span scores .127."""
    verdict = verdict_of(make_program({"c": REACHED}), of({"base": 0.11}))
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    text = "base.f1 = 0.111 is not beyond its floor, f1_floor = 0.127"
    assert f"floor:f1: {text}: an improvement below the base rate is none" in verdict.caveats


def test_beyond_the_floor_is_said_once_and_is_no_caveat() -> None:
    assert floors(of({"base": 0.2}), REACHED) == {"floor": "met"}
    alone = make_program({"c": REACHED}, arms={"base": {"kind": "base"}})
    assert verdict_of(alone, of({"base": 0.2})).confidence == "confirmed"


@pytest.mark.parametrize("consequence", ["invalid", "blocked"])
def test_a_value_below_its_floor_has_the_consequence_that_is_declared(consequence: str) -> None:
    verdict = verdict_of(make_program({"c": REACHED}, guards={"floor": consequence}), of({"base": 0.11}))
    assert (verdict.outcome, verdict.cause) == (consequence, "floor:f1")


VERSUS = {"metric": "f1", "arm": "new", "versus": "base"}


@pytest.mark.parametrize(
    "rule",
    [
        {**VERSUS, "above": 0.0},
        {**VERSUS, "better_by": 0.01},
        {**VERSUS, "as": "ratio", "at_least": 1.5},
        {"metric": "f1", "best_first": ["new", "base"]},
        {"metric": "f1", "each_of": ["new", "base"], "at_least": 0.0},
        {"metric": "f1", "any_arm": ["new", "base"], "at_least": 0.03},
    ],
)
def test_whatever_calls_an_arm_good_is_looked_at(rule: Mapping[str, Any]) -> None:
    low = of({"base": 0.01, "new": 0.05})
    assert floors(low, rule) == {"floor:f1": "not_met"}


@pytest.mark.parametrize(
    "rule",
    [
        {"metric": "f1", "arm": "base", "below": 0.15},  # a diagnosis: it asks for a bad value
        {**VERSUS, "below": 0.2},
        {**VERSUS, "within": 0.5},
        {"metric": "f1", "spread_of": ["new", "base"], "at_most": 0.5},
        {**VERSUS, "versus_metric": "f1_floor", "above": -1.0},
        {"metric": "f1", "arm": "new", "over_seeds": "sd", "below": 0.5},
        {"metric": "loss", "arm": "base", "below": 0.5},  # no floor
        {**REACHED, "above": 0.5},  # not met, so that nothing is found good
    ],
)
def test_what_finds_no_arm_good_is_not_held_against_a_floor(rule: Mapping[str, Any]) -> None:
    assert floors(of({"base": 0.01, "new": 0.05}), rule) == {}


def test_only_the_arm_that_met_the_criterion_is_looked_at() -> None:
    either = {"metric": "f1", "any_arm": ["new", "base"], "above": 0.1}
    assert floors(of({"base": 0.05, "new": 0.3}), either) == {"floor": "met"}


def test_only_the_gate_finds_anything_good() -> None:
    criteria = {"c": REACHED, "other": {"metric": "f1", "arm": "base", "above": 0.0, "treatment": "point"}}
    aside = guards(of({"base": 0.11}), criteria, gate=["c"])
    assert aside["floor:f1"].reason.count("base.f1") == 1
    low = {"c": {"metric": "loss", "arm": "base", "below": 9.0}, "aside": REACHED}
    assert not any(name.startswith("floor") for name in guards(of({"base": 0.11}), low, gate=["c"]))


def test_parts_of_a_combined_criterion_are_looked_at() -> None:
    criteria = {"c": REACHED, "d": {**REACHED, "above": 0.9}, "either": {"any_of": ["c", "d"]}}
    assert "floor:f1" in guards(of({"base": 0.11}), criteria, gate=["either"], budget=AS_MADE)


def test_a_floor_that_is_a_number_and_a_metric_for_which_lower_is_better() -> None:
    acc = {"c": {"metric": "acc", "arm": "base", "above": 0.3}}
    assert "floor:acc" in guards(make_evidence({"base": [0.49, 0.5, 0.5]}), acc)
    assert "floor" in guards(make_evidence({"base": [0.6, 0.61, 0.62]}), acc)


def test_a_run_without_the_metric_that_holds_the_floor_is_not_judged_by_it() -> None:
    assert floors(make_evidence({"base": [0.2, 0.2, 0.2]}, metric="f1"), REACHED) == {}
