"""An explanation as other programs read it."""

from __future__ import annotations

from typing import Any

from planner.explaining.error_budget import budget_json
from planner.explaining.next_experiment import outlook_of
from planner.explaining.rules_diff import rules_changed_json
from planner.explaining.trace import Trace
from planner.explaining.unfired_rules import rules_told
from planner.judging.predictions import prediction_of, rivals_of
from planner.records.decision import Decision
from planner.records.verdict import CriterionResult, GuardResult
from planner.scoring.override_score import score_facts


def as_json(trace: Trace) -> dict[str, Any]:
    """The trace as ``explain --json`` gives it (schema ``phasegate.explain/1``)."""
    verdict, decision = trace.verdict, trace.decision
    foretold = prediction_of(trace.program, trace.phase, verdict, trace.verdicts)
    return {
        "schema": "phasegate.explain/1",
        "program": trace.program.program,
        "phase": trace.phase,
        "decision_id": decision.id if decision else None,
        "verdict": _verdict_json(trace),
        "guards": [_guard_json(g) for g in (verdict.guards if verdict else ())],
        "criteria": [
            {**criterion_json(c), "needs": c.needs, "turns": _turns_json(trace, c.id)}
            for c in (verdict.criteria if verdict else ())
        ],
        "decision": _decision_json(decision) if decision else None,
        "prediction": foretold.model_dump(mode="json") if foretold else None,
        "hypotheses": [r.model_dump(mode="json") for r in rivals_of(trace.program, trace.verdicts)],
        "claims": [
            {
                "id": c.id,
                "status": c.status,
                "caveats": list(c.caveats),
                "says": c.says,
                "reason": c.reason,
            }
            for c in trace.claims
        ],
        "overrides": [
            {
                "id": o.id,
                "by": o.by,
                "at": o.at,
                "reason": o.reason,
                "contradicts": o.contradicts,
                "expires": o.expires,
                "choose": o.choose,
                "verdict": o.verdict,
                "done": o.done,
                "recommended": o.recommended,
                **score_facts(trace.scores.get(o.id)),
            }
            for o in trace.overrides
        ],
        "rules": [told.model_dump(mode="json") for told in rules_told(trace)],
        "cheapest_flip": _outlook_json(trace),
        "rule_changes": rules_changed_json(trace),
        "error_budget": budget_json(trace),
        "noise": [floor.model_dump(mode="json") for floor in (verdict.floors if verdict else ())],
    }


def _outlook_json(trace: Trace) -> dict[str, Any]:
    found = outlook_of(trace)
    told = [experiment.model_dump(mode="json") for experiment in found.experiments]
    return {"experiment": told[0] if told else None, "others": told[1:], "reason": found.reason}


def _turns_json(trace: Trace, criterion: str) -> list[dict[str, Any]]:
    """Where a criterion's outcome changes, and what would follow there."""
    return [
        {
            "flips_at": flip.turning.flips_at,
            "flips_to": flip.turning.flips_to,
            "arm": flip.turning.arm,
            "metric": flip.turning.metric,
            "outcomes": dict(flip.turning.outcomes),
            "verdict": {k: getattr(flip.verdict, k) for k in ("outcome", "case", "tier", "confidence")},
            "decision": {k: getattr(flip.decision, k) for k in ("action", "choice", "target")},
            "changes_verdict": flip.changes,
            "changes_decision": flip.decides,
        }
        for flip in trace.flips
        if flip.turning.id == criterion
    ]


def _verdict_json(trace: Trace) -> dict[str, Any]:
    verdict = trace.verdict
    fields = ("outcome", "confidence", "tier", "case", "cause", "hypothesis", "post_hoc", "fidelity", "means")
    found: dict[str, Any] = {name: getattr(verdict, name) if verdict else None for name in fields}
    found["post_hoc"] = bool(verdict and verdict.post_hoc)
    found["caveats"] = list(verdict.caveats) if verdict else []
    found["superseded_by"] = trace.standing.superseded_by.get(trace.phase)
    found["stale"] = trace.standing.stale.get(trace.phase)
    rule = trace.supersession
    found["supersedes"] = rule.model_dump(mode="json") if rule else None
    return found


def _guard_json(guard: GuardResult) -> dict[str, Any]:
    return guard.model_dump(mode="json")


def criterion_json(result: CriterionResult) -> dict[str, Any]:
    """One criterion as JSON has it, with what it is made of."""
    fields = ("id", "kind", "metric", "unit", "outcome", "answer", "treatment", "observed", "bound")
    found: dict[str, Any] = {name: getattr(result, name) for name in fields}
    threshold = result.threshold
    found["threshold"] = list(threshold) if isinstance(threshold, tuple) else threshold
    found["margin"] = result.margin
    found["interval"] = list(result.interval) if result.interval else None
    found["n"] = result.n
    found["run_ids"] = list(result.run_ids)
    found["flips_at"] = result.flips_at
    found["flips_to"] = result.flips_to
    found["cause"] = result.cause
    found["reason"] = result.reason
    found["parts"] = [criterion_json(part) for part in result.parts]
    return found


def _decision_json(decision: Decision) -> dict[str, Any]:
    return {
        "action": decision.action,
        "choice": decision.choice,
        "target": decision.target,
        "reason": decision.reason,
        "rule": str(decision.rule),
        "rejected": [r.model_dump(mode="json") for r in decision.rejected],
        "needs_person": decision.needs_person,
        "recommended": decision.recommended,
        "override_id": ", ".join(decision.override_ids) or None,
        "due": [due.model_dump(mode="json") for due in decision.due],
    }
