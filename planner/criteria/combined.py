"""Combined: criteria joined by and / or."""

from __future__ import annotations

from collections.abc import Mapping

from planner.criteria.combination import decisive, join, joint_flip_points, weakest_treatment
from planner.criteria.results import flip_point_fields
from planner.language.criterion import Combined
from planner.records.verdict import CriterionResult
from planner.text.numbers import words


def judge_combined(name: str, rule: Combined, parts: Mapping[str, CriterionResult]) -> CriterionResult:
    """Joins the results of its parts, which have been judged already.

    A combination that the gate requires has required parts; one that is absent keeps it from being met.
    """
    judged, every = [parts[part] for part in rule.parts], bool(rule.all_of)
    outcome, cause = join(judged, every)
    chosen = decisive(judged, outcome, every)
    outcomes = ", ".join(f"{p.id} {words(p.outcome)}" for p in judged)
    return CriterionResult.model_validate(
        {
            "id": name,
            "kind": "combined",
            "says": rule.says,
            **{k: getattr(chosen, k) for k in _SPOKEN},
            **flip_point_fields(joint_flip_points(judged, chosen, outcome, every)),
            "outcome": outcome,
            "cause": cause,
            "treatment": weakest_treatment(judged, outcome),
            "n": min((p.n for p in judged), default=0),
            "run_ids": tuple(dict.fromkeys(r for p in judged for r in p.run_ids)),
            "reason": f"{'all' if every else 'any'} of: {outcomes}",
            "parts": tuple(judged),
            "caveats": tuple(dict.fromkeys(c for p in judged for c in p.caveats)),
        }
    )


_SPOKEN = ("metric", "unit", "observed", "threshold", "bound", "margin", "interval")
