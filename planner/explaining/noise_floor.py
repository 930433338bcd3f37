"""What the measured noise allows to be seen, and how many more seeds a decision would need."""

from __future__ import annotations

from planner.judging.noise_floor import detectable_effect_text, resolution_text
from planner.language.program import Program
from planner.records.verdict import CriterionResult, DetectableEffect, Verdict
from planner.text.numbers import number


def detectable_effect_line(effect: DetectableEffect) -> str:
    """One criterion's floor in a sentence."""
    if effect.refused:
        return f"{effect.criterion}: {detectable_effect_text(effect)}"
    return f"{effect.criterion}: {resolution_text(effect)}; asked is {number(effect.asked)}"


def needs_text(program: Program, verdict: Verdict, result: CriterionResult) -> str:
    """With how many seeds an undecided criterion would be decided, and what they cost; else empty."""
    if result.needs is None or verdict.phase not in program.phases:
        return ""
    rule = program.phases[verdict.phase].criteria.get(result.id)
    arms = rule.arms_read if rule is not None else []
    runs = (result.needs - result.n) * len(arms)
    cost = f"{runs} more runs"
    if verdict.run_ids and verdict.seconds:
        cost += f", about {verdict.seconds / len(verdict.run_ids) * runs:.0f} s"
    most = program.budget.seeds_per_arm
    beyond = f"; the budget allows {most}" if result.needs > most else ""
    return f"about {result.needs} seeds like these would decide it ({cost}{beyond})"
