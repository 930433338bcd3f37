"""Spread: a plateau, the largest difference among several arms."""

from __future__ import annotations

from itertools import combinations

from planner.criteria.answer import Quantity, Region, judge_quantity
from planner.criteria.parts import Question, from_answer, joined, paired, result, unavailable
from planner.criteria.wording import number
from planner.program import Spread
from planner.records import CriterionResult


def judge_spread(question: Question, rule: Spread) -> CriterionResult:
    """Whether no two of the arms differ by more than the bound."""
    bound = float(rule.at_most)  # type: ignore[arg-type]
    if len(rule.subjects) < 2:
        reason = "one arm alone has no spread"
        return result(question, rule, bound, outcome="met", reason=reason, treatment="point")
    parts = [_pair(question, rule, a, b, bound) for a, b in combinations(rule.subjects, 2)]
    return joined(question, rule, bound, parts, every=True)


def _pair(question: Question, rule: Spread, one: str, other: str, bound: float) -> CriterionResult:
    left, right = question.sample(one, rule.metric, rule), question.sample(other, rule.metric, rule)
    common = {
        "id": f"{one} ~ {other}",
        "run_ids": tuple(dict.fromkeys(left.run_ids + right.run_ids)),
        "caveats": tuple(dict.fromkeys(left.caveats + right.caveats)),
    }
    trouble = unavailable(question, [left, right])
    both = paired(left, right)
    if trouble is None and not both:
        kind = "undecided" if question.required else "not_applicable"
        trouble = kind, "missing", f"{one} and {other} share no seed"  # type: ignore[assignment]
    if trouble is not None:
        outcome, cause, reason = trouble
        return result(question, rule, bound, outcome=outcome, cause=cause, reason=reason, **common)
    values = {seed: a - b for seed, (a, b) in both.items()}
    quantity = Quantity(values, Region(-bound, bound), rule.treatment or "interval")
    answer = judge_quantity(quantity, question.judging)
    reason = (
        f"{one} and {other} differ in {rule.metric} by {number(abs(answer.observed))}, bound {number(bound)}"
    )
    return result(question, rule, bound, **from_answer(answer), reason=reason, **common)
