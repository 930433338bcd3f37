"""What if an arm had measured something else: moves its values, judges the phase anew, plans from there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from planner.deciding.situation import Plan, PlanningState, Step
from planner.deciding.walk import build_plan
from planner.errors import UsageError
from planner.evidence.evidence import Evidence
from planner.evidence.perturbation import moved_arm, shifted
from planner.evidence.sample import run_value
from planner.evidence.values import is_finite
from planner.explaining.headline import headline_facts
from planner.judging.post_hoc import fresh_evidence
from planner.language.program import Program
from planner.lineage.staleness import Validity
from planner.records.base import Record
from planner.records.runs import Run
from planner.records.verdict import Verdict
from planner.statistics import intervals
from planner.text.numbers import number, words


class Intervention(Record):
    """A value that one metric of one arm is set to.

    Attributes:
        value: the mean over seeds that its metric is to have; may be NaN or infinite.
    """

    arm: str
    metric: str
    value: float


def read_intervention(program: Program, phase: str, text: str) -> Intervention:
    """``ARM.METRIC=VALUE`` as it is meant for a phase.

    Names may hold dots, so every dot is tried.

    Raises:
        UsageError: it is malformed, names no arm or metric, or a metric that is derived from others.
    """
    name, equals, value = text.rpartition("=")
    if not equals:
        raise UsageError(f"--what-if takes ARM.METRIC=VALUE, not '{text}'")
    arms = program.phases[phase].arms
    cuts = [(name[:i], name[i + 1 :]) for i, letter in enumerate(name) if letter == "."]
    meant = [(arm, metric) for arm, metric in cuts if arm in arms and metric in program.metrics]
    if len(meant) != 1:
        why = "may mean several" if meant else f"names no arm and metric of '{phase}'"
        choices = f"arms: {', '.join(arms)}; metrics: {', '.join(program.metrics)}"
        raise UsageError(f"--what-if {name} {why}; {choices}")
    (arm, metric), declared = meant[0], program.metrics[meant[0][1]]
    if declared.share is not None:
        parts = ", ".join(declared.of)
        raise UsageError(
            f"'{metric}' is derived: it is the share of '{declared.share}' in {parts}; move those"
        )
    try:
        return Intervention(arm=arm, metric=metric, value=float(value))
    except ValueError:
        raise UsageError(f"--what-if {name} takes a number, nan or inf, not '{value}'") from None


def what_if(state: PlanningState, phase: str, interventions: Sequence[Intervention]) -> dict[str, Any]:
    """What a phase, the decision after it and the path from there would be; ``state`` is left as it is.

    Other phases that have the same arm keep their runs as they are.

    Returns:
        The key ``what_if`` of ``explain --json``.

    Raises:
        UsageError: an arm has no run that holds the metric, or the walk does not come to the phase.
    """
    evidence = _evidence(state, phase, state.fidelity_of(phase))
    moved = evidence
    for intervention in interventions:
        moved = _moved(state.program, moved, intervention)

    def evidence_of(name: str, fidelity: str) -> Evidence:
        mine = name == phase and fidelity == state.fidelity_of(phase)
        return moved if mine else state.evidence_of(name, fidelity)

    before, after = build_plan(state), build_plan(replace(state, evidence_of=evidence_of))
    old, new = _step(before, phase), _step(after, phase)
    return {
        "phase": phase,
        "given": [
            _intervention_json(state.program, evidence, intervention) for intervention in interventions
        ],
        "before": _conclusion_json(before, old),
        "after": _conclusion_json(after, new),
        "changed_criteria": list(_changed(old.verdict, new.verdict)),
    }


def _evidence(state: PlanningState, phase: str, fidelity: str) -> Evidence:
    return fresh_evidence(state.program, state.evidence_of(phase, fidelity), state.seen)


def _moved(program: Program, evidence: Evidence, intervention: Intervention) -> Evidence:
    now = _mean(program, evidence, intervention)
    if now is None:
        arm, metric = intervention.arm, intervention.metric
        held = f"'{arm}' has no run in '{evidence.phase}' that holds a finite '{metric}'"
        raise UsageError(f"{held}: nothing to move")

    def move(_: int, run: Run) -> Run:
        by = intervention.value - now
        return shifted(run, intervention.metric, by if math.isfinite(by) else intervention.value)

    return moved_arm(evidence, intervention.arm, move)


def _mean(program: Program, evidence: Evidence, intervention: Intervention) -> float | None:
    """The mean over seeds of the finite final values; None where there is none."""
    held = [run_value(program, run, intervention.metric) for run in evidence.of(intervention.arm).values()]
    finite = [value for value in held if value is not None and is_finite(value)]
    return intervals.mean(finite) if finite else None


def _step(plan: Plan, phase: str) -> Step:
    judged = next((step for step in plan.steps if step.verdict.phase == phase), None)
    if judged is None:
        raise UsageError(f"'{phase}' cannot be judged on the runs that are there: the way ends before it")
    return judged


def _intervention_json(program: Program, evidence: Evidence, intervention: Intervention) -> dict[str, Any]:
    now = _mean(program, evidence, intervention)
    seeds = len(evidence.of(intervention.arm))
    value = intervention.value if math.isfinite(intervention.value) else str(intervention.value)
    return {
        "arm": intervention.arm,
        "metric": intervention.metric,
        "value": value,
        "observed": now,
        "seeds": seeds,
    }


def _conclusion_json(plan: Plan, step: Step) -> dict[str, Any]:
    verdict, decision = step.verdict, step.decision
    facts = {name: getattr(verdict, name) for name in ("outcome", "confidence", "tier", "case", "cause")}
    chosen = {name: getattr(decision, name) for name in ("action", "choice", "target", "reason")}
    path = [_step_text(s.verdict) for s in plan.steps[plan.steps.index(step) :]]
    return {**facts, "decision": chosen, "way": path, "state": plan.state}


def _step_text(verdict: Verdict) -> str:
    return f"{verdict.phase}: {', '.join([verdict.outcome, *headline_facts(verdict, Validity())])}"


def _changed(before: Verdict, after: Verdict) -> Iterable[dict[str, Any]]:
    for old in before.criteria:
        new = after.criterion(old.id)
        if new is not None and (new.outcome, new.observed) != (old.outcome, old.observed):
            yield {
                "id": old.id,
                "before": old.outcome,
                "after": new.outcome,
                "observed": [old.observed, new.observed],
                "reason": new.reason,
            }


def what_if_lines(reply: dict[str, Any]) -> list[str]:
    """The same for a person."""
    before, after = reply["before"], reply["after"]
    lines = []
    for supposed in reply["given"]:
        value = supposed["value"] if isinstance(supposed["value"], str) else number(supposed["value"])
        now = f"{number(supposed['observed'])} over {supposed['seeds']} seeds now"
        lines.append(
            f"what if {supposed['arm']}.{supposed['metric']} were {value} in {reply['phase']} ({now})"
        )
    lines.append(f"  verdict: {_verdict_text(reply['phase'], before, after)}")
    turned = [c for c in reply["changed_criteria"] if c["before"] != c["after"]]
    lines += [f"  {c['id']}: {words(c['before'])} -> {words(c['after'])} · {c['reason']}" for c in turned]
    lines += [] if turned else ["  no criterion changes its outcome"]
    lines.append(f"  decision: {_changed_text(_chosen(before), _chosen(after))}")
    lines.append(f"  way: {_changed_text('; '.join(before['way']), '; '.join(after['way']))}")
    return [*lines, "  nothing was written"]


def _verdict_text(phase: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    return _changed_text(*(conclusion["way"][0].removeprefix(f"{phase}: ") for conclusion in (before, after)))


def _chosen(conclusion: dict[str, Any]) -> str:
    decision = conclusion["decision"]
    return " ".join(filter(None, (decision["action"], decision["choice"])))


def _changed_text(before: str, after: str) -> str:
    return f"{before}, as it is" if before == after else f"{before} -> {after}"
