"""Order: arms from best to worst on one metric; every neighbouring pair must be in order.

``met`` asks every pair, so each is tested at the whole error rate (an intersection-union test, Berger
1982); ``not_met`` asks only one, so there the error rate is shared among the pairs.
"""

from __future__ import annotations

import math

from planner.criteria.combination import joined
from planner.criteria.pooled_noise import pooled_noise
from planner.criteria.quantity import Quantity, Region
from planner.criteria.reasons import noted_noise, with_wiring_doubt
from planner.criteria.results import (
    Question,
    answered,
    no_answer,
    operands,
    paired,
    result,
    sources,
    unpaired,
)
from planner.criteria.stated_noise import judge_stated
from planner.language.criterion import Order
from planner.records.verdict import CriterionResult
from planner.text.numbers import around, number

_VERBS = {"met": "is better than", "not_met": "is not better than"}


def judge_order(question: Question, rule: Order) -> CriterionResult:
    """Whether each arm is better than the next one in the list."""
    if len(rule.subjects) < 2:
        reason = "one arm alone is in order"
        return result(question, rule, 0.0, outcome="met", reason=reason, treatment="point")
    parts = [_pair(question, rule, better, worse) for better, worse in rule.judged_pairs]
    return joined(question, rule, 0.0, parts, every=True)


def _pair(question: Question, rule: Order, better: str, worse: str) -> CriterionResult:
    left, right = question.sample(better, rule.metric, rule), question.sample(worse, rule.metric, rule)
    common = sources(f"{better} > {worse}", left, right)
    trouble = unpaired(question, left, right, f"{better} and {worse}")
    if trouble is not None:
        return no_answer(question, rule, 0.0, trouble, common)
    sign = -1.0 if question.program.metrics[rule.metric].better == "lower" else 1.0
    pairs = paired(left, right)
    quantity = Quantity(
        {seed: sign * (a - b) for seed, (a, b) in pairs.items()},
        Region(0.0, math.inf, open=True),
        rule.treated,
        n_comparisons_not_met=len(rule.subjects) - 1,
        operands=operands(pairs),
        deterministic=question.deterministic(rule.metric),
        comparison=f"{better} > {worse}",
        run_ids=question.run_ids(better, worse),
        noise=pooled_noise(question, rule, [better, worse], of_difference=True),
    )
    answer = judge_stated(question, rule, quantity, "difference", runs=2)
    answer = with_wiring_doubt(answer, quantity)
    verb = _VERBS.get(answer.outcome, "may or may not be better than")
    by = f"by {number(answer.observed, signed=True)}{around(answer.interval)}"
    reason = noted_noise(f"{better} {verb} {worse} in {rule.metric}: {by}", answer)
    return answered(question, rule, 0.0, answer, common, reason=reason)
