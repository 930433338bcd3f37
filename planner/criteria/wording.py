"""What a criterion compares, asks and has observed, in words: in reasons, memos and on the screen."""

from __future__ import annotations

from dataclasses import replace

from planner.criteria.answer import NO_VARIATION, Answer
from planner.criteria.quantity import Quantity
from planner.language.criterion import (
    Blocked,
    Combined,
    Comparison,
    Criterion,
    Level,
    Measured,
    Order,
    Spread,
)
from planner.language.readings import which_value
from planner.text.numbers import around, bound_text, floor_text, number

OVER_SEEDS = {"sd": "sd over seeds of", "min": "the least over seeds of", "max": "the largest over seeds of"}
_IN_A_WORD = {"met": "supported", "not_met": "refuted", "undecided": "inconclusive"}
_MANY = 4
"""From so many arms on, a list says how many there are."""


def in_a_word(rule: Measured, answer: Answer) -> str | None:
    """The answer of one comparison; no effect worth having, either way, is ``equivalent``."""
    if rule.within is not None and answer.outcome == "met":
        return "equivalent"
    shown, delta = answer.interval, rule.better_by
    if answer.treatment == "deterministic" and answer.observed is not None:
        shown = answer.observed, answer.observed
    if answer.outcome == "not_met" and delta is not None and shown is not None and not answer.by_signs:
        return "equivalent" if -delta < shown[0] and shown[1] < delta else "refuted"
    return _IN_A_WORD.get(answer.outcome)


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


def requirement_text(rule: Criterion) -> str:
    """What a criterion asks: ``new: score, at least 1``."""
    if isinstance(rule, Combined):
        return (" and " if rule.all_of else " or ").join(rule.parts)
    key = rule.threshold_key
    bound = bound_text(key, getattr(rule, key)) if key else bound_text("order", None)
    return f"{compared_text(rule)}, {bound}"


def compared_text(rule: Measured) -> str:
    """What a criterion looks at: arms and metric, and the statistic over seeds where it is not the mean."""
    what = {"sd": "sd over seeds of ", "min": "every seed of ", "max": "every seed of "}
    return what.get(rule.over_seeds or "", "") + _terms(rule)


def _terms(rule: Measured) -> str:
    """Arms and metric; both metrics, each behind its arm, where they differ."""
    reads = which_value(rule)
    if isinstance(rule, Order):
        return f"{' > '.join(rule.subjects)}: {rule.metric}{reads}"
    if isinstance(rule, Spread):
        return f"among {_listed(rule.subjects)}: {rule.metric}{reads}"
    arms = _subjects(rule)
    if isinstance(rule, Blocked):
        one, other = rule.judged_pairs[0]
        over = {"mean": "mean over", "each": "each of", "most": "most of"}[rule.over_blocks]
        return f"{over} {len(rule.judged_pairs)} {rule.blocks}: {one} - {other}: {rule.metric}{reads}"
    if not isinstance(rule, Comparison):
        return f"{arms}: {rule.metric}{reads}"
    sign = "/" if rule.as_ == "ratio" else "against" if rule.better_by is not None else "-"
    if rule.versus is None:
        return f"{arms}: {rule.metric} {sign} {rule.other_metric}{reads}"
    if rule.other_metric != rule.metric:
        return f"{arms}: {rule.metric} {sign} {rule.versus}: {rule.other_metric}{reads}"
    return f"{arms} {sign} {rule.versus}: {rule.metric}{reads}"


def _subjects(rule: Measured) -> str:
    if not isinstance(rule, Level | Comparison):
        return "-"
    quantifier = "each of " if rule.each_of else "any of " if rule.any_arm else ""
    return f"{quantifier}{_listed(rule.subjects)}" if len(rule.subjects) > 1 else rule.subjects[0]


def _listed(arms: list[str]) -> str:
    return f"{len(arms)} arms" if len(arms) >= _MANY else ", ".join(arms)
