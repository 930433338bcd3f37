"""Decisions that no verdict's rules make: why runs are made, and the end of a budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planner.deciding.triage import Route
from planner.judging.rules_digest import rules_digest
from planner.language.prediction import Prediction
from planner.language.program import ENDS, Program
from planner.language.transitions import openers, targets
from planner.records.base import digest_of
from planner.records.decision import Action, Decision, Inputs
from planner.records.rule_ref import RuleRef
from planner.records.verdict import Verdict


def decision_digest(program: Program, phase: str) -> str:
    """A digest of what a decision after a phase depends on: its rules, its ways on, triage that opened it.

    Other phases are no part of it, so that a phase that is added leaves every decision as it is.
    """
    rules_by_phase = {}
    for name in (phase, *openers(program, phase)):
        rules = program.phases[name]
        ahead = [t for t in targets(program, name).values() if t not in ENDS]
        opened = {t: [program.phases[t].asks_for, _in_json(registered(program, t))] for t in ahead}
        next_and_triage = rules.model_dump(mode="json", include={"next", "triage"})
        rules_by_phase[name] = {"rules": rules_digest(program, name), "asks_for": opened, **next_and_triage}
    return digest_of(rules_by_phase)


def registered(program: Program, phase: str | None) -> Prediction | None:
    """The prediction of a phase, as a decision keeps it; None where there is none."""
    return program.phases[phase].prediction if phase in program.phases else None


def _in_json(prediction: Prediction | None) -> dict[str, Any] | None:
    return prediction.model_dump(mode="json") if prediction is not None else None


def launch_decision(
    program: Program, phase: str, fidelity: str, interim: Verdict | None, inputs: Inputs
) -> Decision:
    """Why runs of a phase are made: because they are missing, or because more can change the answer.

    Args:
        interim: the verdict on what there is so far; None where the planned runs are not all made yet.
    """
    count = len(inputs.asked)
    action: Action
    if interim is None:
        action, rule = "run_phase", RuleRef(phase, "arms")
        reason = f"{count} runs of {phase} are missing: {inputs.because}"
    else:
        undecided = [c for c in interim.criteria if c.outcome == "undecided" and c.kind != "combined"]
        reasons = "; ".join(f"{c.id} is undecided ({c.reason})" for c in undecided)
        action, rule = "add_seeds", RuleRef(phase, "seeds")
        reason = f"{count} more runs can still change the answer: {reasons or 'the verdict is provisional'}"
    decision = Decision(
        program=program.program,
        phase=phase,
        fidelity=fidelity,
        action=action,
        choice=phase,
        target=phase,
        reason=reason,
        rule=rule,
        verdict_id=interim.id if interim else None,
        program_digest=decision_digest(program, phase),
        inputs=inputs,
    )
    return decision.identified("d")


def stop_for_want_of_budget(
    program: Program, verdict: Verdict, earlier: Mapping[str, Verdict], route: Route
) -> Decision:
    """The end where a gate lacks runs that it requires and the budget pays for none."""
    phase = verdict.phase
    stop = Decision(
        program=program.program,
        phase=phase,
        fidelity=verdict.fidelity,
        action="stop",
        reason=f"{phase} lacks runs that its gate requires, and the budget of the program is spent",
        rule=RuleRef(phase, "budget"),
        verdict_id=verdict.id,
        program_digest=decision_digest(program, phase),
        inputs=Inputs(
            verdicts=tuple(v.id for v in earlier.values()),
            owner=route.owners,
            tried=route.options_tried,
            diagnosed=tuple(sorted(route.diagnosed)),
        ),
    )
    return stop.identified("d")
