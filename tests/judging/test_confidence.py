"""What a verdict says against itself, and when it may stand as confirmed."""

from __future__ import annotations

from typing import Any

import pytest

from planner.evidence.evidence import Evidence
from planner.judging.verdict import build_test_design, judge_phase
from planner.records.verdict import Verdict
from tests.support.builders import (
    BAD,
    BETTER,
    GOOD,
    HIGH,
    LOW,
    PHASE,
    make_evidence,
    make_program,
    make_run,
    runs,
    verdict_of,
)


def test_point_treatment_is_provisional_however_many_seeds_there_are() -> None:
    program = make_program({"high": {**HIGH, "treatment": "point"}}, arms={"base": {"kind": "base"}})
    assert verdict_of(program, make_evidence({"base": GOOD * 4})).confidence == "provisional"


@pytest.mark.parametrize("treatment", ["bounds", "interval", "sequential", "anytime"])
def test_a_verdict_may_be_confirmed_on_bounds_by_whatever_word_they_are_asked_for(treatment: str) -> None:
    program = make_program(
        {"better": {**BETTER, "treatment": treatment}}, arms={a: {"kind": a} for a in ("base", "new")}
    )
    evidence = make_evidence({"base": [0.5, 0.51, 0.49] * 4, "new": [0.9, 0.92, 0.88] * 4})
    verdict = verdict_of(program, evidence)
    assert (verdict.outcome, verdict.confidence) == ("pass", "confirmed")
    assert verdict.criteria[0].treatment == "bounds"


@pytest.mark.parametrize("treatment", ["bounds", "interval", "sequential", "anytime"])
def test_two_seeds_and_none_to_come_are_judged_at_point_and_provisional(treatment: str) -> None:
    program = make_program(
        {"better": {**BETTER, "treatment": treatment}},
        arms={a: {"kind": a} for a in ("base", "new")},
        seeds=2,
    )
    evidence = make_evidence({"base": [0.5, 0.51], "new": [0.9, 0.92]})
    verdict = verdict_of(program, evidence)
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    assert verdict.criteria[0].treatment == "point"
    waiting = verdict_of(program, evidence, final=False)
    assert (waiting.outcome, waiting.cause) == ("inconclusive", "underpowered")


def test_optional_evidence_that_is_absent_is_a_caveat_that_names_it() -> None:
    program = make_program({"high": HIGH, "low": LOW}, gate=["high"], arms={"base": {"kind": "base"}})
    verdict = verdict_of(program, make_evidence({"base": GOOD}))
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    assert verdict.caveats == ("low is not applicable: metric 'loss' is missing in run base-0 (base)",)


def test_an_arm_without_runs_that_no_criterion_misses_is_named_too() -> None:
    verdict = verdict_of(make_program({"high": HIGH}), make_evidence({"base": GOOD, "new": GOOD}))
    assert verdict.caveats == ("arm 'third' has no usable run",)


def test_an_arm_with_too_few_seeds_beside_one_with_enough_is_judged_at_point_and_provisional() -> None:
    criterion = {"metric": "acc", "each_of": ["base", "new"], "above": 0.5}
    program = make_program({"c": criterion}, arms={a: {"kind": a} for a in ("base", "new")}, seeds=2)
    verdict = verdict_of(program, make_evidence({"base": [0.6, 0.61, 0.62], "new": [0.9, 0.9]}))
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    assert verdict.criteria[0].treatment == "point"


def test_fewer_shared_seeds_than_the_phase_asks_for_are_never_confirmed() -> None:
    evidence = make_evidence(
        {
            "base": [make_run("base", s, metrics={"acc": 0.5}) for s in range(5)],
            "new": [make_run("new", s, metrics={"acc": 0.9 + s / 1000}) for s in range(2, 7)],
        }
    )
    program = make_program(
        {"better": {**BETTER, "treatment": "interval"}},
        arms={a: {"kind": a} for a in ("base", "new")},
        seeds=5,
    )
    verdict = verdict_of(program, evidence)
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")


def test_a_smoke_verdict_is_provisional_whatever_it_rests_on() -> None:
    program = make_program({"high": HIGH}, arms={"base": {"kind": "base"}})
    evidence = Evidence(PHASE, "smoke", make_evidence({"base": GOOD * 3}).runs)
    verdict = verdict_of(program, evidence, fidelity="smoke")
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    assert any("smoke" in c for c in verdict.caveats)


def test_what_the_caller_knows_and_post_hoc_rules_make_it_provisional() -> None:
    program, evidence = (
        make_program({"high": HIGH}, arms={"base": {"kind": "base"}}),
        make_evidence({"base": GOOD}),
    )
    assert verdict_of(program, evidence).confidence == "confirmed"
    assert verdict_of(program, evidence, caveats=["the budget is spent"]).confidence == "provisional"
    after = verdict_of(program, evidence, post_hoc=True)
    assert (after.confidence, after.post_hoc) == ("provisional", True)
    assert any("post hoc" in c for c in after.caveats)


def earlier_phase(values: list[float], **phase: Any) -> tuple[Any, Verdict]:
    """A program whose phase ``look`` asks for a criterion of ``before``, and the verdict of that."""
    more = {"before": {"question": "?", "arms": ["base"], "criteria": {"high": HIGH}, "gate": ["high"]}}
    program = make_program({"low": LOW}, arms={"base": {"kind": "base"}}, more=more, **phase)
    evidence = Evidence("before", "standard", make_evidence({"base": values}).runs)
    design = build_test_design(program, "before", "standard", final=True)
    return program, judge_phase(program, "before", evidence, design)


def test_a_gate_may_ask_for_a_criterion_of_an_earlier_phase() -> None:
    evidence = make_evidence({"base": runs([0.5] * 3, BAD)})
    for values, outcome in ((GOOD, "pass"), (BAD, "fail")):
        budget = {"seeds_per_arm": 3}
        program, before = earlier_phase(values, gate=["low", "before.high"], budget=budget)
        verdict = verdict_of(program, evidence, earlier={"before": before})
        assert (verdict.outcome, verdict.confidence) == (outcome, "confirmed")
        assert verdict.rests_on == ("before",)


def test_a_phase_that_was_not_judged_is_missing_evidence() -> None:
    program, _ = earlier_phase(GOOD, gate=["low", "before.high"])
    verdict = verdict_of(program, make_evidence({"base": runs([0.5] * 3, BAD)}))
    assert (verdict.outcome, verdict.cause) == ("inconclusive", "missing")
    assert "'before.high' has not been judged" in verdict.caveats


def test_what_rests_on_a_provisional_verdict_is_provisional() -> None:
    program, before = earlier_phase(GOOD[:2], gate=["low", "before.high"])
    verdict = verdict_of(program, make_evidence({"base": runs([0.5] * 3, BAD)}), earlier={"before": before})
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    assert "before.high is from a verdict that is provisional" in verdict.caveats
