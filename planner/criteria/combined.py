"""Combined: criteria joined by and / or."""

from __future__ import annotations

from collections.abc import Mapping

from planner.criteria.parts import decisive, join_all, join_any
from planner.program import Combined
from planner.records import CriterionResult


def judge_combined(name: str, rule: Combined, parts: Mapping[str, CriterionResult]) -> CriterionResult:
    """Joins the results of its parts, which have been judged already.

    A combination that the gate requires has required parts; one that is absent leaves it undecided.
    """
    judged = [parts[part] for part in rule.parts]
    outcomes = [p.outcome for p in judged]
    outcome = join_all(outcomes) if rule.all_of else join_any(outcomes)
    if outcome == "met" and any(p.cause == "missing" for p in judged):
        outcome = "undecided"
    chosen = decisive(judged, outcome, every=bool(rule.all_of))
    cause = next((p.cause for p in judged if p.outcome == outcome and p.cause), None)
    if any(p.cause == "missing" and p.outcome in ("undecided", "invalid") for p in judged):
        cause = "missing"
    told = ", ".join(f"{p.id} {p.outcome}" for p in judged)
    return CriterionResult(
        id=name,
        kind="combined",
        metric=chosen.metric,
        unit=chosen.unit,
        says=rule.says,
        outcome=outcome,
        treatment=_weakest_treatment(judged),
        observed=chosen.observed,
        threshold=chosen.threshold,
        bound=chosen.bound,
        margin=chosen.margin,
        interval=chosen.interval,
        n=min((p.n for p in judged), default=0),
        run_ids=tuple(dict.fromkeys(r for p in judged for r in p.run_ids)),
        flips_at=chosen.flips_at,
        cause=cause if outcome in ("undecided", "invalid", "not_applicable") else None,
        reason=f"{'all' if rule.all_of else 'any'} of: {told}",
        parts=tuple(judged),
        caveats=tuple(dict.fromkeys(c for p in judged for c in p.caveats)),
    )


def _weakest_treatment(parts: list[CriterionResult]) -> str | None:
    used = {p.treatment for p in parts}
    return next((t for t in ("point", "interval", "sequential") if t in used), None)
