"""Why a row of ``next`` was not taken, and what would have taken it."""

from __future__ import annotations

from planner.criteria.wording import number, words
from planner.program import OUTCOMES, Phase
from planner.records import CriterionResult, Verdict


def why_not_row(rules: Phase, verdict: Verdict, key: str) -> tuple[str, str]:
    """(reason, flip point) for an outcome, case or tier that did not hold.

    The reason is the first condition that failed; the flip point says which observed value would
    have met it.
    """
    if key in OUTCOMES:
        return f"the outcome is {verdict.outcome}, not {key}", _flips_of(_gate_culprit(rules, verdict))
    row = rules.row(key)
    kind = "Case" if key in rules.cases else "Tier"
    if row is None:
        return f"{key} does not hold", ""
    if row.otherwise:
        return f"{kind} {key} holds only where no other does", ""
    wanted = [(name, "met") for name in row.when] + [(name, "not_met") for name in row.unless]
    for name, asked in wanted:
        result = verdict.criterion(name)
        outcome = result.outcome if result else "not_applicable"
        if outcome != asked:
            told = f"{kind} {key} asks for {name} {words(asked)}; it is {words(outcome)}"
            return told, _flips_of(result)
    return f"{kind} {key} comes later in the table", ""


def _gate_culprit(rules: Phase, verdict: Verdict) -> CriterionResult | None:
    listed = [verdict.criterion(name) for name in rules.gate]
    return next((r for r in listed if r is not None and r.outcome != "met"), listed[0] if listed else None)


def _flips_of(result: CriterionResult | None) -> str:
    if result is None or result.flips_at is None:
        return ""
    return f"{result.id} flips where the observed {number(result.observed)} becomes {number(result.flips_at)}"
