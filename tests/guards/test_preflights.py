"""Pre-flights: a criterion of an earlier phase as a guard of a later one."""

from __future__ import annotations

import math

import pytest

from planner.evidence.evidence import Evidence
from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program
from planner.records.verdict import GuardResult, Verdict
from tests.support.builders import IS_BETTER, make_evidence, make_program, make_run, verdict_of
from tests.support.worlds import foreign_run, stand

GUARD = "before.same_space"
CHECK = {"metric": "f1", "arm": "base", "at_least": 0.99, "treatment": "point", "says": "it is one space"}
CONSEQUENCES = ("invalid", "blocked", "caveat")


def program_with(consequence: str) -> Program:
    before = {
        "question": "Can the evaluation be trusted?",
        "arms": ["base"],
        "criteria": {"same_space": CHECK, "other": {**CHECK, "metric": "acc"}},
        "gate": ["other"],
        "next": {"pass": "look"},
    }
    return make_program(IS_BETTER, guards={GUARD: consequence}, more={"before": before})


def preflight(program: Program, cosine: float | None, seeds: int = 3) -> Verdict:
    cosines = {} if cosine is None else {"f1": cosine}
    runs = {s: make_run("base", s, metrics={"acc": 1.0, **cosines}) for s in range(seeds)}
    design = build_test_design(program, "before", "standard", final=True)
    return judge_phase(program, "before", Evidence("before", "standard", {"base": runs}), design)


def judged(consequence: str, cosine: float | None, **more: int) -> tuple[Verdict, GuardResult]:
    program = program_with(consequence)
    evidence = make_evidence({"base": [0.5, 0.5, 0.5], "new": [0.7, 0.71, 0.72]})
    verdict = verdict_of(program, evidence, earlier={"before": preflight(program, cosine, **more)})
    return verdict, next(g for g in verdict.guards if g.id == GUARD)


@pytest.mark.parametrize("consequence", CONSEQUENCES)
def test_one_that_is_met_hinders_nothing(consequence: str) -> None:
    verdict, guard = judged(consequence, 1.0)
    assert (verdict.outcome, guard.outcome) == ("pass", "met")
    assert not any(c.startswith(GUARD) for c in verdict.caveats)
    assert verdict.rests_on == ("before",)


@pytest.mark.parametrize("consequence", CONSEQUENCES)
@pytest.mark.parametrize("cosine", [0.14, math.nan])
def test_one_that_is_not_met_or_is_no_number_has_the_consequence_that_is_declared(
    consequence: str, cosine: float
) -> None:
    verdict, guard = judged(consequence, cosine)
    assert guard.outcome == ("invalid" if math.isnan(cosine) else "not_met")
    if consequence == "caveat":
        assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
        assert any(c.startswith(f"{GUARD}: ") for c in verdict.caveats)
    else:
        assert (verdict.outcome, verdict.cause) == (consequence, GUARD)


@pytest.mark.parametrize("consequence", CONSEQUENCES)
def test_one_whose_metric_nobody_logged_is_a_caveat(consequence: str) -> None:
    verdict, guard = judged(consequence, None)
    assert (guard.outcome, guard.consequence) == ("not_applicable", "caveat")
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")


@pytest.mark.parametrize("cosine", [1.0, 0.14])
def test_one_from_a_provisional_verdict_holds_and_says_so(cosine: float) -> None:
    """A check by point value is always provisional; it is the reader who must know."""
    verdict, guard = judged("invalid", cosine, seeds=1)
    assert guard.outcome == ("met" if cosine == 1.0 else "not_met")
    assert "before.same_space is from a verdict that is provisional" in guard.reason
    assert verdict.outcome == ("pass" if cosine == 1.0 else "invalid")


@pytest.mark.parametrize("consequence", CONSEQUENCES)
def test_one_that_was_never_made_is_a_caveat_that_names_it(consequence: str) -> None:
    evidence = make_evidence({"base": [0.5, 0.5, 0.5], "new": [0.7, 0.71, 0.72]})
    verdict = verdict_of(program_with(consequence), evidence)
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    assert any(c.startswith(f"{GUARD}: ") and "has not been judged" in c for c in verdict.caveats)


def test_a_phase_that_was_passed_over_leaves_its_check_open_and_both_are_said() -> None:
    """Runs of the later phase are there, none of the pre-flight: the walk goes on and tells."""
    program = program_with("invalid")
    raw = program.model_copy(update={"phases": {name: program.phases[name] for name in ("before", "look")}})
    runs = [
        foreign_run("look", arm, seed, {"acc": value * (1 + 0.01 * seed)})
        for arm, value in (("base", 0.5), ("new", 0.7))
        for seed in range(3)
    ]
    position = stand(raw, runs, no_run=True)
    verdict = position.verdicts["look"]
    assert verdict.outcome == "pass"
    assert any(c.startswith(f"{GUARD}: ") for c in verdict.caveats)
    assert any("before" in c and not c.startswith(GUARD) for c in verdict.caveats)
