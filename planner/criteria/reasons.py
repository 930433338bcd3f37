"""How numbers and comparisons are worded in reasons, memos and on the screen."""

from __future__ import annotations

from dataclasses import replace

from planner.criteria.answer import NO_VARIATION, Answer
from planner.criteria.quantity import Quantity
from planner.language.criterion import Level, Measured
from planner.text.numbers import around, bound_text, floor_text, number

OVER_SEEDS = {"sd": "sd over seeds of", "min": "the least over seeds of", "max": "the largest over seeds of"}


def with_wiring_doubt(answer: Answer, quantity: Quantity) -> Answer:
    """The answer with what is to be asked where two arms have the same values."""
    if answer.cause != NO_VARIATION or not quantity.identical:
        return answer
    return replace(answer, note=f"{answer.note}; the arms are bit-identical: is the factor wired?")


def noted(reason: str, answer: Answer) -> str:
    """A reason with what is to be said of the answer, where there is anything."""
    return f"{reason}; {answer.note}" if answer.note else reason


def noted_noise(reason: str, answer: Answer) -> str:
    """A reason with what is to be said of the noise, where there is none."""
    noiseless = answer.cause == NO_VARIATION or answer.treatment == "deterministic"
    return noted(reason, answer) if noiseless else reason


def say_beyond(what: str, own: float, floor: str, base: float, rule: Measured, answer: Answer) -> str:
    """``say`` for a floor that is another metric: both values, and how far one lies above the other."""
    required = floor_text(rule.threshold_key or "", base, floor)
    by = f"{number(answer.observed, signed=True)}{around(answer.interval)}"
    return noted(f"{what} = {number(own)}, asked {required}: beyond it by {by}", answer)


def say(what: str, observed: str, rule: Measured, threshold: object, answer: Answer) -> str:
    """One sentence: what was observed, what was asked, and what follows."""
    bound = rule.threshold_key or ""
    required = bound_text(bound, threshold)
    if isinstance(rule, Level) and rule.against_floor and isinstance(threshold, int | float):
        required = floor_text(bound, threshold)
    equals = "" if rule.threshold_key == "better_by" else "= "
    return noted(f"{what} {equals}{observed}{around(answer.interval)}, asked {required}", answer)
