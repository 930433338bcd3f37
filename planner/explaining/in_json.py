"""An explanation as JSON."""

from __future__ import annotations

from typing import Any

from planner.explaining.error_budget import budget_json
from planner.explaining.next_experiment import next_experiments
from planner.explaining.pairing import pair_correlation
from planner.explaining.rules_diff import rules_changed_json
from planner.explaining.trace import Trace
from planner.explaining.unfired_rules import rule_traces
from planner.judging.predictions import prediction_of, rivals_of
from planner.records.decision import Decision
from planner.records.person import Override
from planner.records.verdict import ClaimResult, CriterionResult, GuardResult, Verdict
from planner.scoring.override_score import score_facts


def as_json(trace: Trace) -> dict[str, Any]:
    """The trace as ``explain --json`` gives it (schema ``phasegate.explain/1``)."""
    verdict, decision = trace.verdict, trace.decision
    prediction = prediction_of(trace.program, trace.phase, verdict, trace.verdicts)
    return {
        "schema": "phasegate.explain/1",
        "program": trace.program.program,
        "phase": trace.phase,
        "decision_id": decision.id if decision else None,
        "verdict": _verdict_json(trace),
        "failures": [f.model_dump(mode="json") for f in (verdict.failures if verdict else ())],
        "guards": [_guard_json(g) for g in (verdict.guards if verdict else ())],
        "criteria": [_explained_json(trace, verdict, c) for c in verdict.criteria] if verdict else [],
        "decision": _decision_json(decision) if decision else None,
        "prediction": prediction.model_dump(mode="json") if prediction else None,
        "hypotheses": [r.model_dump(mode="json") for r in rivals_of(trace.program, trace.verdicts)],
        "claims": [_claim_json(claim) for claim in trace.claims],
        "overrides": [_override_json(trace, override) for override in trace.overrides],
        "rules": [rule.model_dump(mode="json") for rule in rule_traces(trace)],
        "cheapest_flip": _next_experiment_json(trace),
        "rule_changes": rules_changed_json(trace),
        "error_budget": budget_json(trace),
        "noise": [effect.model_dump(mode="json") for effect in (verdict.floors if verdict else ())],
        "identity": trace.identity.as_json,
        "of_other_homes": list(trace.of_other_homes),
        "repeats": [repeat.model_dump(mode="json") for repeat in trace.repeats],
    }


def _explained_json(trace: Trace, verdict: Verdict, result: CriterionResult) -> dict[str, Any]:
    facts = {"needs": result.needs, "correlation": pair_correlation(trace.program, verdict, result)}
    return {**criterion_json(result), **facts, "turns": _flips_json(trace, result.id)}


def _claim_json(claim: ClaimResult) -> dict[str, Any]:
    return {
        "id": claim.id,
        "status": claim.status,
        "caveats": list(claim.caveats),
        "says": claim.says,
        "reason": claim.reason,
    }


def _override_json(trace: Trace, override: Override) -> dict[str, Any]:
    fields = (
        *("id", "by", "at", "reason", "contradicts", "expires"),
        *("choose", "verdict", "done", "recommended"),
    )
    facts = {name: getattr(override, name) for name in fields}
    return {**facts, **score_facts(trace.scores.get(override.id))}


def _next_experiment_json(trace: Trace) -> dict[str, Any]:
    candidates = next_experiments(trace)
    experiments = [experiment.model_dump(mode="json") for experiment in candidates.experiments]
    cheapest = experiments[0] if experiments else None
    return {"experiment": cheapest, "others": experiments[1:], "reason": candidates.reason}


def _flips_json(trace: Trace, criterion: str) -> list[dict[str, Any]]:
    """Where a criterion's outcome changes, and what would follow there."""
    return [
        {
            "flips_at": flip.flip_point.flips_at,
            "flips_to": flip.flip_point.flips_to,
            "arm": flip.flip_point.arm,
            "metric": flip.flip_point.metric,
            "outcomes": dict(flip.flip_point.outcomes),
            "verdict": {k: getattr(flip.verdict, k) for k in ("outcome", "case", "tier", "confidence")},
            "decision": {k: getattr(flip.decision, k) for k in ("action", "choice", "target")},
            "changes_verdict": flip.changes_verdict,
            "changes_decision": flip.changes_decision,
        }
        for flip in trace.flips
        if flip.flip_point.id == criterion
    ]


def _verdict_json(trace: Trace) -> dict[str, Any]:
    verdict = trace.verdict
    fields = ("outcome", "confidence", "tier", "case", "cause", "hypothesis", "post_hoc", "fidelity", "means")
    facts: dict[str, Any] = {name: getattr(verdict, name) if verdict else None for name in fields}
    facts["post_hoc"] = bool(verdict and verdict.post_hoc)
    facts["caveats"] = list(verdict.caveats) if verdict else []
    facts["superseded_by"] = trace.validity.superseded_by.get(trace.phase)
    facts["stale"] = trace.validity.stale.get(trace.phase)
    rule = trace.supersession
    facts["supersedes"] = rule.model_dump(mode="json") if rule else None
    return facts


def _guard_json(guard: GuardResult) -> dict[str, Any]:
    return guard.model_dump(mode="json")


LOOK_FACTS = {"stage", "planned", "alpha", "beta", "lower", "upper", "pool_df", "pool_sd", "paired", "log_e"}


def criterion_json(result: CriterionResult) -> dict[str, Any]:
    """One criterion as JSON has it, with what it is made of."""
    fields = ("id", "kind", "metric", "unit", "outcome", "answer", "treatment", "observed", "bound")
    facts: dict[str, Any] = {name: getattr(result, name) for name in fields}
    threshold = result.threshold
    facts["threshold"] = list(threshold) if isinstance(threshold, tuple) else threshold
    facts["margin"] = result.margin
    facts["interval"] = list(result.interval) if result.interval else None
    facts["look"] = result.look.model_dump(mode="json", include=LOOK_FACTS) if result.look else None
    facts["n"] = result.n
    facts["run_ids"] = list(result.run_ids)
    facts["flips_at"] = result.flips_at
    facts["flips_to"] = result.flips_to
    facts["cause"] = result.cause
    facts["reason"] = result.reason
    facts["parts"] = [criterion_json(part) for part in result.parts]
    return facts


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
