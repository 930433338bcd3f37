"""What if an arm had measured something else: its values moved, the phase judged anew, the walk gone on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from planner.deciding.policy import build_plan
from planner.deciding.situation import Plan, PlanningState, Step
from planner.errors import UsageError
from planner.evidence.evidence import Evidence
from planner.evidence.perturbation import moved_arm, shifted
from planner.evidence.sample import run_value
from planner.evidence.values import is_finite
from planner.explaining.headline import standing_facts
from planner.judging.post_hoc import fresh_evidence
from planner.language.program import Program
from planner.lineage.staleness import Validity
from planner.records.base import Record
from planner.records.runs import Run
from planner.records.verdict import Verdict
from planner.statistics import intervals
from planner.text.numbers import number, words


class Given(Record):
    """What is supposed of one arm.

    Attributes:
        value: the mean over seeds that its metric is to have; may be NaN or infinite.
    """

    arm: str
    metric: str
    value: float


def read_given(program: Program, phase: str, text: str) -> Given:
    """``ARM.METRIC=VALUE`` as it is meant for a phase.

    Names may hold dots, so every dot is tried.

    Raises:
        UsageError: it is malformed, names no arm or metric, or a metric that is derived from others.
    """
    name, equals, told = text.rpartition("=")
    if not equals:
        raise UsageError(f"--what-if takes ARM.METRIC=VALUE, not '{text}'")
    arms = program.phases[phase].arms
    cuts = [(name[:i], name[i + 1 :]) for i, letter in enumerate(name) if letter == "."]
    meant = [(arm, metric) for arm, metric in cuts if arm in arms and metric in program.metrics]
    if len(meant) != 1:
        why = "may mean several" if meant else f"names no arm and metric of '{phase}'"
        known = f"arms: {', '.join(arms)}; metrics: {', '.join(program.metrics)}"
        raise UsageError(f"--what-if {name} {why}; {known}")
    (arm, metric), declared = meant[0], program.metrics[meant[0][1]]
    if declared.share is not None:
        parts = ", ".join(declared.of)
        raise UsageError(
            f"'{metric}' is derived: it is the share of '{declared.share}' in {parts}; move those"
        )
    try:
        return Given(arm=arm, metric=metric, value=float(told))
    except ValueError:
        raise UsageError(f"--what-if {name} takes a number, nan or inf, not '{told}'") from None


def what_if(situation: PlanningState, phase: str, given: Sequence[Given]) -> dict[str, Any]:
    """What a phase, the decision after it and the way on would be; the situation is left as it is.

    Other phases that have the same arm keep their runs as they are.

    Returns:
        The key ``what_if`` of ``explain --json``.

    Raises:
        UsageError: an arm has no run that holds the metric, or the walk does not come to the phase.
    """
    seen = _evidence(situation, phase, situation.fidelity_of(phase))
    moved = seen
    for one in given:
        moved = _moved(situation.program, moved, one)

    def evidence_of(name: str, fidelity: str) -> Evidence:
        mine = name == phase and fidelity == situation.fidelity_of(phase)
        return moved if mine else situation.evidence_of(name, fidelity)

    before, after = build_plan(situation), build_plan(replace(situation, evidence_of=evidence_of))
    old, new = _step(before, phase), _step(after, phase)
    return {
        "phase": phase,
        "given": [_given_json(situation.program, seen, one) for one in given],
        "before": _told(before, old),
        "after": _told(after, new),
        "changed_criteria": list(_changed(old.verdict, new.verdict)),
    }


def _evidence(situation: PlanningState, phase: str, fidelity: str) -> Evidence:
    return fresh_evidence(situation.program, situation.evidence_of(phase, fidelity), situation.seen)


def _moved(program: Program, evidence: Evidence, given: Given) -> Evidence:
    now = _mean(program, evidence, given)
    if now is None:
        held = f"'{given.arm}' has no run in '{evidence.phase}' that holds a finite '{given.metric}'"
        raise UsageError(f"{held}: nothing to move")

    def move(_: int, run: Run) -> Run:
        by = given.value - now
        return shifted(run, given.metric, by if math.isfinite(by) else given.value)

    return moved_arm(evidence, given.arm, move)


def _mean(program: Program, evidence: Evidence, given: Given) -> float | None:
    """The mean over seeds of the finite final values; None where there is none."""
    held = [run_value(program, run, given.metric) for run in evidence.of(given.arm).values()]
    finite = [value for value in held if value is not None and is_finite(value)]
    return intervals.mean(finite) if finite else None


def _step(position: Plan, phase: str) -> Step:
    found = next((step for step in position.steps if step.verdict.phase == phase), None)
    if found is None:
        raise UsageError(f"'{phase}' cannot be judged on the runs that are there: the way ends before it")
    return found


def _given_json(program: Program, evidence: Evidence, given: Given) -> dict[str, Any]:
    now = _mean(program, evidence, given)
    seeds = len(evidence.of(given.arm))
    value = given.value if math.isfinite(given.value) else str(given.value)
    return {"arm": given.arm, "metric": given.metric, "value": value, "observed": now, "seeds": seeds}


def _told(position: Plan, step: Step) -> dict[str, Any]:
    verdict, decision = step.verdict, step.decision
    told = {name: getattr(verdict, name) for name in ("outcome", "confidence", "tier", "case", "cause")}
    chosen = {name: getattr(decision, name) for name in ("action", "choice", "target", "reason")}
    ahead = [_way(s.verdict) for s in position.steps[position.steps.index(step) :]]
    return {**told, "decision": chosen, "way": ahead, "state": position.state}


def _way(verdict: Verdict) -> str:
    return f"{verdict.phase}: {', '.join([verdict.outcome, *standing_facts(verdict, Validity())])}"


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


def what_if_lines(told: dict[str, Any]) -> list[str]:
    """The same for a person."""
    before, after = told["before"], told["after"]
    lines = []
    for one in told["given"]:
        value = one["value"] if isinstance(one["value"], str) else number(one["value"])
        now = f"{number(one['observed'])} over {one['seeds']} seeds now"
        lines.append(f"what if {one['arm']}.{one['metric']} were {value} in {told['phase']} ({now})")
    lines.append(f"  verdict: {_verdict_text(told['phase'], before, after)}")
    turned = [c for c in told["changed_criteria"] if c["before"] != c["after"]]
    lines += [f"  {c['id']}: {words(c['before'])} -> {words(c['after'])} · {c['reason']}" for c in turned]
    lines += [] if turned else ["  no criterion changes its outcome"]
    lines.append(f"  decision: {_changed_text(_chosen(before), _chosen(after))}")
    lines.append(f"  way: {_changed_text('; '.join(before['way']), '; '.join(after['way']))}")
    return [*lines, "  nothing was written"]


def _verdict_text(phase: str, before: dict[str, Any], after: dict[str, Any]) -> str:
    return _changed_text(*(told["way"][0].removeprefix(f"{phase}: ") for told in (before, after)))


def _chosen(told: dict[str, Any]) -> str:
    decision = told["decision"]
    return " ".join(filter(None, (decision["action"], decision["choice"])))


def _changed_text(before: str, after: str) -> str:
    return f"{before}, as it is" if before == after else f"{before} -> {after}"
