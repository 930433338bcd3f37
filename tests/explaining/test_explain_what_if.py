"""What if an arm had measured something else: pure, on runs made by hand."""

from __future__ import annotations

import math

import pytest

from planner.errors import UsageError
from planner.explaining.what_if import Intervention, read_intervention, what_if, what_if_lines
from planner.language.program import Program, build
from planner.records.runs import Run
from tests.support.worlds import foreign_run, situation_of, small

PLANNED = small({"seeds_per_arm": 3})
"""As many seeds as the runs have: their answer is the last that is wanted."""


def runs(new: float, series: bool = False) -> list[Run]:
    logged = []
    for number, (arm, centre) in enumerate((("base", 0.0), ("new", new), ("other", 1.0))):
        for seed in range(3):
            value = centre + 0.01 * seed + 0.001 * number * (seed - 1)
            steps = {"score": ((0, value - 1), (1, value))} if series else {}
            phase = "second" if arm == "other" else "first"
            logged.append(foreign_run(phase, arm, seed, {"score": value}, series=steps))
    logged += [foreign_run("second", "base", seed, {"score": 0.01 * seed}) for seed in range(3)]
    return logged


def dotted() -> Program:
    program = small().model_dump(by_alias=True, exclude_unset=True)
    program["metrics"]["a.b"] = {"unit": "points", "better": "higher"}
    program["metrics"]["b"] = {"unit": "points", "better": "higher"}
    program["metrics"]["part"] = {"unit": "1", "better": "higher", "share": "b", "of": ["b", "a.b"]}
    program["arms"]["x.a"] = {"kind": "x.a"}
    program["phases"]["first"]["arms"] = ["base", "new", "x.a"]
    return build(program)


def test_an_intervention_is_split_at_whichever_dot_names_an_arm_and_a_metric() -> None:
    assert read_intervention(dotted(), "first", "new.a.b=1") == Intervention(arm="new", metric="a.b", value=1)
    assert read_intervention(dotted(), "first", "x.a.b=-2e3") == Intervention(
        arm="x.a", metric="b", value=-2000
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("new.score", "takes ARM.METRIC=VALUE"),
        ("nobody.score=1", "names no arm and metric of 'first'.*arms: base, new"),
        ("new.colour=1", "metrics: score"),
        ("new.score=much", "takes a number"),
        ("other.score=1", "names no arm and metric of 'first'"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        read_intervention(small(), "first", text)


def test_a_derived_metric_is_not_moved() -> None:
    with pytest.raises(UsageError, match="'part' is derived: it is the share of 'b' in b, a.b"):
        read_intervention(dotted(), "first", "new.part=0.3")


def test_the_reply_has_the_verdict_the_decision_and_the_path_before_and_after() -> None:
    state = situation_of(PLANNED, runs(0.0), no_run=True)
    reply = what_if(state, "first", [Intervention(arm="new", metric="score", value=1.0)])
    before, after = reply["before"], reply["after"]
    assert (before["outcome"], after["outcome"]) == ("fail", "pass")
    assert (before["decision"]["choice"], after["decision"]["action"]) == ("turn", "stop")
    assert [step.split(":")[0] for step in before["way"]] == ["first", "second"]
    assert [step.split(":")[0] for step in after["way"]] == ["first"]
    (changed,) = reply["changed_criteria"]
    assert (changed["id"], changed["before"], changed["after"]) == ("higher", "not_met", "met")
    assert changed["observed"][1] == pytest.approx(1.0 - 0.01)
    text = "\n".join(what_if_lines(reply))
    assert "higher: not met -> met" in text
    assert "take_option turn -> stop" in text


def test_the_mean_becomes_the_value_and_differences_between_seeds_stay() -> None:
    state = situation_of(PLANNED, runs(0.0, series=True), no_run=True)
    reply = what_if(state, "first", [Intervention(arm="new", metric="score", value=0.25)])
    assert reply["given"][0]["observed"] == pytest.approx(0.01)
    (changed,) = reply["changed_criteria"]
    assert changed["observed"] == pytest.approx([0.0, 0.25 - 0.01])


def test_the_value_that_is_there_changes_nothing() -> None:
    state = situation_of(PLANNED, runs(0.0), no_run=True)
    reply = what_if(state, "first", [Intervention(arm="new", metric="score", value=0.01)])
    assert reply["before"]["outcome"] == reply["after"]["outcome"]
    assert reply["before"]["decision"]["choice"] == reply["after"]["decision"]["choice"]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_makes_the_verdict_invalid(value: float) -> None:
    state = situation_of(PLANNED, runs(0.0), no_run=True)
    reply = what_if(state, "first", [Intervention(arm="new", metric="score", value=value)])
    assert reply["after"]["outcome"] == "invalid"
    assert reply["given"][0]["value"] == str(value)


def test_an_arm_without_a_value_is_nothing_to_move() -> None:
    held = [run for run in runs(0.0) if run.arm != "new"]
    with pytest.raises(UsageError, match="'new' has no run in 'first'"):
        what_if(
            situation_of(PLANNED, held, no_run=True),
            "first",
            [Intervention(arm="new", metric="score", value=1.0)],
        )


def test_a_phase_that_the_path_does_not_reach_is_refused() -> None:
    state = situation_of(PLANNED, runs(1.0), no_run=True)
    with pytest.raises(UsageError, match="'second' cannot be judged"):
        what_if(state, "second", [Intervention(arm="other", metric="score", value=1.0)])
