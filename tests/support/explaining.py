"""Traces of small programs that were really judged, for what explanations say of them."""

from __future__ import annotations

from typing import Any

from planner.explaining.counterfactual_decisions import decision_context_of
from planner.explaining.trace import Trace
from planner.language.program import Program
from planner.lineage.staleness import Validity
from planner.records.verdict import Verdict
from tests.support.builders import PHASE, make_evidence, make_program, verdict_of

CRITERIA: dict[str, dict[str, Any]] = {
    "high": {"metric": "acc", "arm": "base", "above": 0.5},
    "low": {"metric": "loss", "arm": "base", "below": 0.5},
    "both": {"all_of": ["high", "low"]},
}
CASES = {
    "A": {"means": "both", "when": ["both"]},
    "B": {"means": "high alone", "when": ["high"], "unless": ["both"]},
    "C": {"means": "neither", "otherwise": True},
}
AFTER = {
    "question": "And then?",
    "arms": ["base"],
    "criteria": {"c": {"metric": "acc", "arm": "base", "above": 0}},
    "gate": ["c"],
}
TRIAGE = {
    "options": [
        {"option": "wait_for_low", "rationale": "r", "opens": "second", "revisit_when": ["low"]},
        {"option": "retry", "rationale": "r", "opens": "third", "cost_hours": 2},
    ]
}
SPREAD = (-0.02, 0.0, 0.02)


def program_of(**phase: Any) -> Program:
    """One phase judged by two levels, three cases and a triage; two phases after it."""
    given = {"cases": CASES, "triage": TRIAGE, "next": {"A": "second", "B": "triage", "C": "stop"}, **phase}
    more = {"second": AFTER, "third": {**AFTER, "question": "Or so?"}}
    return make_program(given.pop("criteria", CRITERIA), gate=given.pop("gate", ["both"]), more=more, **given)


def verdict_on(program: Program, acc: float, loss: float, seeds: int = 3, **more: Any) -> Verdict:
    """The verdict on runs around these values."""
    held = [{"acc": acc + SPREAD[s % 3], "loss": loss + SPREAD[(s + 1) % 3]} for s in range(seeds)]
    return verdict_of(program, make_evidence({"base": held}), **more)


def trace_on(program: Program, verdict: Verdict, **more: Any) -> Trace:
    """The trace of a verdict and of the decision that follows it."""
    decision = decision_context_of(program, verdict, None, {}).decide(verdict)
    verdicts = {PHASE: verdict, **more.pop("verdicts", {})}
    return Trace(program, PHASE, verdict, decision, (), (), Validity(), verdicts=verdicts, **more)


def explained(acc: float, loss: float, **phase: Any) -> Trace:
    """The trace of the program judged on runs around these values."""
    program = program_of(**phase)
    return trace_on(program, verdict_on(program, acc, loss))
