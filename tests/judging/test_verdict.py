"""Gates: from evidence to a verdict."""

from __future__ import annotations

import math
from typing import Any

import pytest

from planner.evidence.digests import evidence_digest
from planner.evidence.evidence import Evidence
from planner.judging.rules_digest import rules_digest
from planner.judging.verdict import build_test_design, judge_phase
from planner.records.verdict import Verdict
from tests.support.builders import (
    BAD,
    BETTER,
    GOOD,
    HIGH,
    LOW,
    PHASE,
    UNSURE,
    make_evidence,
    make_program,
    make_run,
    runs,
    verdict_of,
)


def both(acc: list[Any], loss: list[Any], final: bool = True, **phase: Any) -> Verdict:
    """A gate that asks for a high accuracy and a low loss of one arm."""
    program = make_program({"high": HIGH, "low": LOW}, arms={"base": {"kind": "base"}}, **phase)
    return verdict_of(program, make_evidence({"base": runs(acc, loss)}), final)


# --- outcomes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("acc", "loss", "outcome", "cause", "confidence"),
    [
        (GOOD, BAD, "pass", None, "confirmed"),
        (GOOD, GOOD, "fail", None, "confirmed"),
        (BAD, UNSURE, "fail", None, "confirmed"),
        (GOOD, UNSURE, "inconclusive", "underpowered", "provisional"),
        (GOOD, [0.1, math.nan, 0.1], "invalid", "not_finite", "provisional"),
        (BAD, [0.1, math.inf, 0.1], "invalid", "not_finite", "provisional"),
        (BAD, [0.1, None, 0.1], "invalid", "missing", "provisional"),
        (GOOD[:1], BAD[:1], "pass", None, "provisional"),
        (BAD[:2], BAD[:2], "fail", None, "provisional"),
    ],
)
def test_every_criterion_must_be_met_and_what_is_required_must_be_there(
    acc: list[Any], loss: list[Any], outcome: str, cause: str | None, confidence: str
) -> None:
    verdict = both(acc, loss)
    assert (verdict.outcome, verdict.cause, verdict.confidence) == (outcome, cause, confidence)


def test_undecided_at_the_last_seed_that_the_budget_allows_is_a_matter_of_budget() -> None:
    verdict = both(GOOD * 2, UNSURE * 2, budget={"seeds_per_arm": 6})
    assert (verdict.outcome, verdict.cause) == ("inconclusive", "budget")


def test_a_required_arm_that_is_missing_is_inconclusive_though_another_criterion_is_not_met() -> None:
    program = make_program({"high": HIGH, "better": BETTER})
    verdict = verdict_of(program, make_evidence({"base": BAD}))
    assert (verdict.outcome, verdict.cause) == ("inconclusive", "missing")


@pytest.mark.parametrize(
    "criterion",
    [
        {"metric": "acc", "each_of": ["base", "new"], "above": 0.5},
        {"metric": "acc", "any_arm": ["base", "new"], "above": 0.5},
        {"metric": "acc", "best_first": ["base", "third", "new"]},
        {"metric": "acc", "spread_of": ["base", "third", "new"], "at_most": 0.01},
    ],
)
@pytest.mark.parametrize("values", [GOOD, BAD])
def test_an_arm_missing_inside_one_criterion_neither_passes_nor_fails(
    criterion: dict[str, Any], values: list[float]
) -> None:
    """Met or not met by the arms that are there, the gate asked for the other one too."""
    evidence = make_evidence({"base": values, "third": [0.5, 0.51, 0.52]})
    verdict = verdict_of(make_program({"c": criterion}), evidence)
    assert (verdict.outcome, verdict.cause) == ("inconclusive", "missing")


@pytest.mark.parametrize("kind", ["all_of", "any_of"])
@pytest.mark.parametrize("values", [GOOD, BAD])
def test_evidence_missing_in_a_part_of_a_combination_neither_passes_nor_fails(
    kind: str, values: list[float]
) -> None:
    criteria = {"high": HIGH, "better": BETTER, "joint": {kind: ["high", "better"]}}
    program = make_program(criteria, gate=["joint"])
    verdict = verdict_of(program, make_evidence({"base": values}))
    assert (verdict.outcome, verdict.cause) == ("inconclusive", "missing")


def test_a_failed_effect_that_is_shown_to_be_none_says_equivalent() -> None:
    noise = [0.004, -0.006, 0.002, -0.001]
    same = make_evidence({"base": [0.5] * 4, "new": [0.5 + x for x in noise]})
    program = make_program({"better": BETTER}, arms={a: {"kind": a} for a in ("base", "new")})
    verdict = verdict_of(program, same)
    assert (verdict.outcome, verdict.cause, verdict.confidence) == ("fail", "equivalent", "confirmed")
    worse = make_evidence({"base": [0.5] * 4, "new": [0.1 + x for x in noise]})
    assert verdict_of(program, worse).cause is None


def test_blocked_outranks_pass_fail_and_invalid() -> None:
    for acc in (GOOD, BAD, [math.nan] * 3):
        program = make_program({"high": HIGH}, guards={"complete": "blocked"})
        evidence = make_evidence({"base": runs(acc, outcome="slowdown")})
        verdict = verdict_of(program, evidence)
        assert (verdict.outcome, verdict.cause) == ("blocked", "infrastructure")


def test_a_guard_that_makes_the_evidence_invalid_leaves_no_case_no_tier_and_no_claim() -> None:
    program = make_program(
        {"high": HIGH, "clean": LOW},
        gate=["high"],
        guards={"clean": "invalid"},
        cases={"A": {"means": "good", "when": ["high"]}, "B": {"means": "bad", "unless": ["high"]}},
        claims={"it_is_high": {"says": "High.", "supported": ["high"]}},
        arms={"base": {"kind": "base"}},
    )
    verdict = verdict_of(program, make_evidence({"base": runs(GOOD, GOOD)}))
    assert (verdict.outcome, verdict.cause, verdict.case, verdict.means) == ("invalid", "clean", None, "")
    assert verdict.claims[0].status == "not_verified"
    clean = verdict_of(program, make_evidence({"base": runs(GOOD, BAD)}))
    assert (clean.outcome, clean.case, clean.claims[0].status) == ("pass", "A", "supported")


def test_a_confound_is_a_caveat_or_invalid_as_declared() -> None:
    evidence = make_evidence(
        {
            "base": [make_run("base", s, metrics={"acc": 0.5}, params={"lr": "0.1"}) for s in range(3)],
            "new": [
                make_run("new", s, metrics={"acc": 0.9 + s / 100}, params={"lr": "0.2"}) for s in range(3)
            ],
        }
    )
    verdict = verdict_of(make_program({"better": BETTER}), evidence)
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    assert any(c.startswith("confound:lr: lr is 0.2 in new and 0.1 in base") for c in verdict.caveats)
    strict = verdict_of(make_program({"better": BETTER}, on_confound="invalid"), evidence)
    assert (strict.outcome, strict.cause) == ("invalid", "confound:lr")


def test_a_claim_carries_the_confounds_of_all_that_it_rests_on() -> None:
    evidence = make_evidence(
        {
            arm: [make_run(arm, s, metrics={"acc": 0.5}, params={"lr": lr}) for s in range(3)]
            for arm, lr in (("base", "0.1"), ("new", "0.2"))
        }
    )
    criteria = {"better": BETTER, "both": {"all_of": ["better", "high"]}, "high": HIGH}
    names = {"itself": "better", "combined": "both", "apart": "high"}
    claims = {name: {"says": "So.", "supported": [rests_on]} for name, rests_on in names.items()}
    after = {"question": "?", "arms": ["base"], "gate": [f"{PHASE}.better"]}
    after["claims"] = {"later": {"says": "So.", "supported": [f"{PHASE}.both"]}}
    program = make_program(criteria, gate=["better"], claims=claims, more={"after": after})
    verdict = verdict_of(program, evidence)
    (caveat,) = [c for c in verdict.caveats if c.startswith("confound:lr")]
    assert {c.id: c.caveats for c in verdict.claims} == {
        "itself": (caveat,),
        "combined": (caveat,),
        "apart": (),
    }
    design = build_test_design(program, "after", "standard", final=True)
    later = judge_phase(program, "after", Evidence("after", "standard"), design, {PHASE: verdict})
    assert later.claims[0].caveats == (f"{PHASE}: {caveat}",)


def test_partial_evidence_settles_criteria_with_a_caveat_and_those_that_need_it_whole_wait() -> None:
    arms = {"base": {"kind": "base"}}
    early = make_evidence({"base": runs(GOOD, outcome="timeout")})
    verdict = verdict_of(make_program({"high": HIGH}, arms=arms), early)
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    assert any("ended early (timeout)" in c for c in verdict.caveats)
    whole = verdict_of(make_program({"high": {**HIGH, "needs_complete": True}}, arms=arms), early)
    assert (whole.outcome, whole.cause) == ("inconclusive", "partial")


# --- final, and not -------------------------------------------------------------------------------


def test_while_seeds_can_be_had_too_few_are_inconclusive_and_after_that_provisional() -> None:
    waiting = both(GOOD[:2], BAD[:2], final=False)
    assert (waiting.outcome, waiting.cause) == ("inconclusive", "underpowered")
    assert {c.cause for c in waiting.criteria} == {"few_seeds"}
    final = both(GOOD[:2], BAD[:2], final=True)
    assert (final.outcome, final.confidence) == ("pass", "provisional")


def test_a_budget_of_fewer_seeds_than_an_interval_needs_waits_for_none() -> None:
    program = make_program({"high": HIGH}, seeds=1, budget={"seeds_per_arm": 1})
    assert build_test_design(program, PHASE, "standard", final=False).final
    more = make_program({"high": HIGH}, seeds=1, budget={"seeds_per_arm": 3})
    assert not build_test_design(more, PHASE, "standard", final=False).final


def test_smoke_plans_two_seeds_and_looks_once() -> None:
    design = build_test_design(make_program({"high": HIGH}), PHASE, "smoke", final=False)
    assert (design.seeds, design.most_seeds, design.final) == (2, 2, True)


# --- rows and identity

TABLE: dict[str, Any] = {
    "gate": ["high"],
    "cases": {
        "A": {"means": "both", "when": ["high", "low"]},
        "B": {"means": "one", "when": ["high"], "unless": ["low"]},
        "C": {"means": "none", "unless": ["high"]},
    },
    "tiers": [
        {"tier": "1", "means": "fine", "when": ["high", "low"]},
        {"tier": "2", "means": "well", "when": ["high"]},
    ],
    "arms": {"base": {"kind": "base"}},
}


@pytest.mark.parametrize(
    ("acc", "loss", "case", "tier"),
    [(GOOD, BAD, "A", "1"), (GOOD, GOOD, "B", "2"), (BAD, BAD, "C", None), (GOOD, UNSURE, None, None)],
)
def test_case_and_tier_follow_from_the_criteria(
    acc: list[float], loss: list[float], case: str | None, tier: str | None
) -> None:
    program = make_program({"high": HIGH, "low": LOW}, **TABLE)
    verdict = verdict_of(program, make_evidence({"base": runs(acc, loss)}))
    assert (verdict.case, verdict.tier) == (case, tier)
    assert any("open between A, B" in c for c in verdict.caveats) == (loss is UNSURE)


def test_a_verdict_is_named_by_its_content_and_not_by_the_order_of_its_runs() -> None:
    program = make_program({"better": BETTER})
    base, new = runs([0.5, 0.51, 0.52]), runs([0.7, 0.72, 0.73], arm="new")
    one = verdict_of(program, make_evidence({"base": base, "new": new}))
    other = verdict_of(program, make_evidence({"new": new[::-1], "base": base[::-1]}))
    assert one == other and one.id.startswith("v-")
    changed = verdict_of(program, make_evidence({"base": base, "new": runs([0.7, 0.72, 0.74], arm="new")}))
    assert changed.id != one.id and changed.evidence_digest != one.evidence_digest


def test_the_evidence_digest_is_of_a_record_that_may_hold_nan() -> None:
    program = make_program({"high": HIGH})
    assert evidence_digest(program, make_evidence({"base": [math.nan]})) != evidence_digest(
        program, make_evidence({"base": [1.0]})
    )


def test_the_rules_digest_changes_with_a_threshold_and_not_with_what_follows() -> None:
    base = rules_digest(make_program({"high": HIGH}), PHASE)
    assert rules_digest(make_program({"high": {**HIGH, "above": 0.6}}), PHASE) != base
    assert rules_digest(make_program({"high": HIGH}, next={"pass": "stop"}), PHASE) == base


def test_the_table_holds_every_metric_that_the_phase_speaks_of_and_no_value_that_is_not_finite() -> None:
    criterion = {"metric": "f1", "arm": "base", "above": "floor"}
    program = make_program({"c": criterion}, arms={"base": {"kind": "base"}})
    rows = [{"f1": 0.5, "f1_floor": 0.3}, {"f1": 0.6, "f1_floor": 0.31}, {"f1": math.nan, "f1_floor": 0.32}]
    table = verdict_of(program, make_evidence({"base": rows})).table
    assert [(row.metric, row.estimate.n) for row in table] == [("f1", 2), ("f1_floor", 3)]
    assert table[0].estimate.value == pytest.approx(0.55)
