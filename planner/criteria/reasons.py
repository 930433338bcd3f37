"""How numbers and comparisons are worded in reasons, memos and on the screen."""

from __future__ import annotations

from planner.criteria.decision_rule import Answer
from planner.language.criterion import Level, Measured
from planner.text.numbers import around, bound_text, floor_text, number


def say_beyond(what: str, own: float, floor: str, base: float, rule: Measured, answer: Answer) -> str:
    """``say`` for a floor that is another metric: both values, and how far one lies above the other."""
    required = floor_text(rule.threshold_key or "", base, floor)
    note = f"; {answer.note}" if answer.note else ""
    by = f"{number(answer.observed, signed=True)}{around(answer.interval)}"
    return f"{what} = {number(own)}, asked {required}: beyond it by {by}{note}"


def say(what: str, observed: str, rule: Measured, threshold: object, answer: Answer) -> str:
    """One sentence: what was observed, what was asked, and what follows."""
    bound = rule.threshold_key or ""
    required = bound_text(bound, threshold)
    if isinstance(rule, Level) and rule.against_floor and isinstance(threshold, int | float):
        required = floor_text(bound, threshold)
    equals = "" if rule.threshold_key == "better_by" else "= "
    shown = around(answer.interval)
    note = f"; {answer.note}" if answer.note else ""
    return f"{what} {equals}{observed}{shown}, asked {required}{note}"
