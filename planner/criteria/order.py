"""Order: arms from best to worst on one metric; every neighbouring pair must be in order.

``met`` asks every pair, so each is tested at the whole error rate (an intersection-union test, Berger
1982); ``not_met`` asks only one, so there the error rate is shared among the pairs.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

from planner.criteria.answer import Quantity, Region, judge_quantity
from planner.criteria.parts import Question, from_answer, joined, paired, result, unavailable
from planner.criteria.wording import number
from planner.program import Order
from planner.records import CriterionResult


def judge_order(question: Question, rule: Order) -> CriterionResult:
    """Whether each arm is better than the next one in the list."""
    if len(rule.subjects) < 2:
        reason = "one arm alone is in order"
        return result(question, rule, 0.0, outcome="met", reason=reason, treatment="point")
    parts = [_pair(question, rule, better, worse) for better, worse in pairwise(rule.subjects)]
    return joined(question, rule, 0.0, parts, every=True)


def _pair(question: Question, rule: Order, better: str, worse: str) -> CriterionResult:
    left, right = question.sample(better, rule.metric, rule), question.sample(worse, rule.metric, rule)
    name = f"{better} > {worse}"
    common = {
        "id": name,
        "run_ids": tuple(dict.fromkeys(left.run_ids + right.run_ids)),
        "caveats": tuple(dict.fromkeys(left.caveats + right.caveats)),
    }
    trouble = unavailable(question, [left, right])
    both = paired(left, right)
    if trouble is None and not both:
        kind = "undecided" if question.required else "not_applicable"
        trouble = kind, "missing", f"{better} and {worse} share no seed"  # type: ignore[assignment]
    if trouble is not None:
        outcome, cause, reason = trouble
        return result(question, rule, 0.0, outcome=outcome, cause=cause, reason=reason, **common)
    sign = -1.0 if question.program.metrics[rule.metric].better == "lower" else 1.0
    values = {seed: sign * (a - b) for seed, (a, b) in both.items()}
    quantity = Quantity(values, Region(0.0, math.inf, open=True), rule.treatment or "interval")
    answer = judge_quantity(quantity, question.judging)
    if answer.outcome == "not_met" and answer.treatment == "interval":
        shared = replace(question.judging, false_pass=question.judging.false_pass / (len(rule.subjects) - 1))
        answer = replace(answer, outcome=judge_quantity(quantity, shared).outcome)
    verb = {"met": "is better than", "not_met": "is not better than"}.get(
        answer.outcome, "may or may not beat"
    )
    reason = f"{better} {verb} {worse} in {rule.metric} by {number(answer.observed, signed=True)}"
    return result(question, rule, 0.0, **from_answer(answer), reason=reason, **common)
