"""Spread: a plateau, the largest difference among several arms."""

from __future__ import annotations

from planner.criteria.combination import joined
from planner.criteria.pooled_noise import pooled_noise
from planner.criteria.quantity import Quantity, Region
from planner.criteria.results import (
    Question,
    Unavailable,
    answered,
    no_answer,
    result,
    sources,
)
from planner.criteria.stated_noise import judge_stated
from planner.criteria.two_arms import ArmsCompared, compare
from planner.criteria.wording import noted_noise, with_wiring_doubt
from planner.language.criterion import Spread
from planner.records.verdict import CriterionResult
from planner.text.numbers import number


def judge_spread(question: Question, rule: Spread) -> CriterionResult:
    """Whether no two of the arms differ by more than the bound."""
    bound = float(rule.at_most)  # type: ignore[arg-type]
    if len(rule.subjects) < 2:
        reason = "one arm alone has no spread"
        return result(question, rule, bound, outcome="met", reason=reason, treatment="point")
    pairs = rule.judged_pairs
    parts = [_pair(question, rule, a, b, bound, len(pairs)) for a, b in pairs]
    return joined(question, rule, parts, every=True)


def _pair(
    question: Question, rule: Spread, one: str, other: str, bound: float, pairs: int
) -> CriterionResult:
    left, right = question.sample(one, rule.metric, rule), question.sample(other, rule.metric, rule)
    common = sources(f"{one} ~ {other}", left, right)
    names = ArmsCompared(one, other, f"{one} ~ {other}", f"{one} and {other}")
    arms = compare(question, rule, names, left, right)
    if isinstance(arms, Unavailable):
        return no_answer(question, rule, bound, arms, common)
    quantity = arms.put_into(
        Quantity({}, Region(-bound, bound), rule.treated, n_comparisons_not_met=pairs),
        deterministic=question.deterministic(rule.metric),
        comparison=names.comparison,
        noise=pooled_noise(question, rule, [one, other], of_difference=True),
    )
    # Which arm is ahead is no matter: the difference is stated as a size.
    quantity = quantity.mirrored if quantity.observed < 0 else quantity
    answer = judge_stated(question, rule, quantity, "difference", runs=2)
    answer = with_wiring_doubt(answer, quantity)
    differ = f"{one} and {other} differ in {rule.metric}"
    reason = noted_noise(
        f"{differ} by {number(answer.observed)}, asked at most {number(bound)}{arms.remark}", answer
    )
    return answered(question, rule, bound, answer, common, reason=reason)
