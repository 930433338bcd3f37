"""The guard ``finite``: NaN and infinities are named, never pass, never fail, and are told once."""

from __future__ import annotations

import math
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.evidence.evidence import Evidence
from planner.language.program import Program
from tests.support.builders import GOOD, guards, make_evidence, make_program, make_run, runs, verdict_of

HIGH = {"metric": "acc", "arm": "base", "above": 0.5}
LOW = {"metric": "loss", "arm": "base", "below": 0.5}
STAND_IN = sys.float_info.max
"""What MLflow's SQLite store gives back for infinity."""


def of(acc: list[float], loss: list[float]) -> Evidence:
    return make_evidence({"base": runs(acc, loss)})


def program(*gate: str) -> Program:
    return make_program({"high": HIGH, "low": LOW}, gate=list(gate))


def test_values_that_are_finite_are_said_to_be() -> None:
    guard = guards(of(GOOD, [0.1, 0.1, 0.1]), {"high": HIGH, "low": LOW})["finite"]
    assert (guard.outcome, guard.observed) == ("met", 0.0)
    assert "finite" not in guards(make_evidence({}), {"high": HIGH})


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [(math.nan, "NaN"), (math.inf, "infinite"), (-math.inf, "infinite"), (STAND_IN, "infinite")],
)
def test_metric_run_arm_and_seed_of_every_such_value_are_named(wrong: float, kind: str) -> None:
    guard = guards(of(GOOD, [wrong, 0.1, wrong]), {"high": HIGH, "low": LOW}, gate=["high"])["finite"]
    assert (guard.outcome, guard.consequence, guard.observed) == ("not_met", "caveat", 2.0)
    assert guard.reason == (
        f"loss is {kind} in run base-0 (base, seed 0), run base-2 (base, seed 2); without an answer: low"
    )


def test_what_the_gate_requires_makes_it_invalid_and_what_it_does_not_is_a_caveat() -> None:
    evidence = of(GOOD, [math.nan, 0.1, 0.1])
    optional = verdict_of(program("high"), evidence)
    assert (optional.outcome, optional.confidence) == ("pass", "provisional")
    required = verdict_of(program("high", "low"), evidence)
    assert (required.outcome, required.cause) == ("invalid", "not_finite")


@given(
    values=st.lists(st.sampled_from([0.1, 0.9]), min_size=3, max_size=6),
    wrong=st.sampled_from([math.nan, math.inf, -math.inf, STAND_IN]),
    index=st.integers(0, 5),
)
def test_one_value_that_is_not_finite_lets_a_gate_neither_pass_nor_fail(
    values: list[float], wrong: float, index: int
) -> None:
    spoilt = [wrong if seed == index % len(values) else value for seed, value in enumerate(values)]
    verdict = verdict_of(program("low"), of([0.9] * len(values), spoilt))
    assert verdict.outcome == "invalid"
    assert any(c.startswith("finite: loss is ") for c in verdict.caveats)


@pytest.mark.parametrize("gate", [("high",), ("high", "low")])
def test_each_value_is_reported_once(gate: tuple[str, ...]) -> None:
    caveats = verdict_of(program(*gate), of(GOOD, [math.nan, 0.1, 0.1])).caveats
    assert len([c for c in caveats if "NaN" in c]) == 1


def test_a_declared_consequence_holds_for_what_no_gate_requires() -> None:
    program = make_program({"high": HIGH, "low": LOW}, gate=["high"], guards={"finite": "invalid"})
    verdict = verdict_of(program, of(GOOD, [math.nan, 0.1, 0.1]))
    assert (verdict.outcome, verdict.cause) == ("invalid", "finite")


def test_a_step_that_a_criterion_reads_is_named_although_the_final_value_is_a_number() -> None:
    series = {"loss": ((0, math.nan), (1, 0.1))}
    evidence = make_evidence(
        {"base": [make_run("base", s, metrics={"loss": 0.1}, series=series) for s in range(3)]}
    )
    guard = guards(evidence, {"first": {**LOW, "at": "first"}})["finite"]
    assert guard.reason.startswith("loss (first) is NaN in run base-0 (base, seed 0)")


def recovering(*steps: float, seeds: int = 3) -> Evidence:
    series = {"loss": tuple(enumerate(steps))}
    rows = [
        make_run(
            "base", s, metrics={"loss": steps[-1] + s / 100, "acc": 0.9}, series=series if s == 1 else {}
        )
        for s in range(seeds)
    ]
    return make_evidence({"base": rows})


def test_a_metric_of_the_gate_that_was_no_number_at_an_earlier_step_is_a_caveat_with_run_and_step() -> None:
    verdict = verdict_of(program("low"), recovering(0.9, math.nan, math.inf, 0.1))
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    assert [c for c in verdict.caveats if c.startswith("finite: ")] == [
        "finite: loss was NaN at step 1 and 1 later ones, and is a number again, in run base-1 (base, seed 1)"
    ]


def test_an_earlier_step_is_no_more_than_a_caveat_and_outside_of_the_gate_not_even_that() -> None:
    strict = make_program({"high": HIGH, "low": LOW}, gate=["low"], guards={"finite": "invalid"})
    assert verdict_of(strict, recovering(math.nan, 0.1)).outcome == "pass"
    guard = guards(recovering(math.nan, 0.1), {"high": HIGH, "low": LOW}, gate=["high"])["finite"]
    assert guard.outcome == "met"
    fine = guards(recovering(0.2, 0.1), {"high": HIGH, "low": LOW}, gate=["low"])["finite"]
    assert fine.outcome == "met"


def test_a_share_is_named_by_the_part_that_spoils_it() -> None:
    rows = [make_run("base", s, metrics={"part": math.inf if s else 1.0, "rest": 1.0}) for s in range(3)]
    guard = guards(make_evidence({"base": rows}), {"few": {**LOW, "metric": "part_share"}})["finite"]
    assert guard.observed == 2.0
    assert guard.reason.startswith("part is infinite in run base-1") and "part_share" not in guard.reason


def test_a_division_by_zero_that_no_run_logged_keeps_its_own_caveat() -> None:
    ratio = {"metric": "loss", "arm": "base", "versus_metric": "acc", "as": "ratio", "below": 1.0}
    evidence = of([0.0, 0.9, 0.9], [0.1, 0.1, 0.1])
    program = make_program({"high": HIGH, "ratio": ratio}, gate=["high"])
    verdict = verdict_of(program, evidence)
    assert {g.id: g.outcome for g in verdict.guards}["finite"] == "met"
    assert any(c.startswith("ratio is invalid: ") for c in verdict.caveats)
