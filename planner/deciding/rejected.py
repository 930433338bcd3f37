"""What was not chosen: why a row of ``next`` was not taken, and which option comes after a try."""

from __future__ import annotations

from collections.abc import Sequence

from planner.language.program import OUTCOMES, Option, Phase, Program
from planner.records.verdict import CriterionResult, Verdict
from planner.text.numbers import number, words


def why_not_row(rules: Phase, verdict: Verdict, key: str) -> tuple[str, str]:
    """(reason, flip point) for an outcome, case or tier that did not hold.

    The reason is the first condition that failed; the flip point says which observed value would
    have met it.
    """
    if key in OUTCOMES:
        wanted_outcome = {"pass": "met", "fail": "not_met"}.get(key)
        return f"the outcome is {verdict.outcome}, not {key}", _flips_of(
            _gate_culprit(rules, verdict), wanted_outcome
        )
    row = rules.row(key)
    kind = "Case" if key in rules.cases else "Tier"
    if row is None:
        return f"{key} does not hold", ""
    if row.otherwise:
        return f"{kind} {key} holds only where no other does", ""
    wanted = [(name, "met") for name in row.when] + [(name, "not_met") for name in row.unless]
    for name, wanted_outcome in wanted:
        result = verdict.criterion(name)
        outcome = result.outcome if result else "not_applicable"
        if outcome != wanted_outcome:
            reason = f"{kind} {key} asks for {name} {words(wanted_outcome)}; it is {words(outcome)}"
            return reason, _flips_of(result, wanted_outcome)
    return f"{kind} {key} comes later in the table", ""


def _gate_culprit(rules: Phase, verdict: Verdict) -> CriterionResult | None:
    listed = [verdict.criterion(name) for name in rules.gate]
    return next((r for r in listed if r is not None and r.outcome != "met"), listed[0] if listed else None)


def _flips_of(result: CriterionResult | None, wanted_outcome: str | None) -> str:
    """Where a result says what is asked; where nothing is asked, where it first says anything else."""
    if result is None:
        return ""
    edge = next((value for value, outcome in result.turns if outcome == wanted_outcome), None)
    if edge is None and wanted_outcome is not None:
        return ""
    edge = result.flips_at if edge is None else edge
    if edge is None:
        return ""
    says = f"is {words(wanted_outcome)}" if wanted_outcome is not None else "flips"
    return f"{result.id} {says} where the observed {number(result.observed)} becomes {number(edge)}"


def one_try(program: Program, best: Option, others: Sequence[Option], deferred: Sequence[Option]) -> str:
    """That an option is tried once and, where failing leads back to its triage, what comes after it.

    Args:
        others: what may be taken after it, in order.
        deferred: those of them that wait for a condition, which may be met by then.
    """
    if not _leads_back(program.phases[best.opens]):
        return "one try"
    after = [o for o in others if o.opens != best.opens]  # a phase is judged once
    free = next((o for o in after if o not in deferred), None)
    sooner = after[: after.index(free)] if free else after
    follows = f"'{free.option}' is next" if free else "no option is left"
    unless = " or ".join(f"'{o.option}'" for o in sooner)
    return f"one try; should it fail, {follows}" + (f" unless {unless} is due by then" if sooner else "")


def _leads_back(rules: Phase) -> bool:
    """Whether failing leads back to the triage that opened a phase, whatever row of its table holds."""
    passing = {name for name in rules.next if (row := rules.row(name)) and set(rules.gate) <= set(row.when)}
    rows = {rules.next[name] for name in rules.next if name not in OUTCOMES and name not in passing}
    return rows | {rules.next.get("fail", "back")} == {"back"}
