"""Level: a threshold on an arm's own value."""

from __future__ import annotations

from planner.criteria.answer import Quantity, judge_quantity, region_of
from planner.criteria.parts import Question, from_answer, joined, result, unavailable
from planner.criteria.wording import number, say
from planner.program import Level
from planner.records import CriterionResult


def judge_level(question: Question, rule: Level) -> CriterionResult:
    """Whether an arm's value (or each, or any of several arms') lies on the right side of a bound."""
    threshold = rule.threshold
    parts = [_one(question, rule, arm, threshold) for arm in rule.subjects]
    return joined(question, rule, threshold, parts, every=not rule.any_arm)


def _one(
    question: Question, rule: Level, arm: str, threshold: float | tuple[float, float]
) -> CriterionResult:
    sample = question.sample(arm, rule.metric, rule)
    common = {"id": arm, "run_ids": sample.run_ids, "caveats": sample.caveats}
    trouble = unavailable(question, [sample])
    if trouble is not None:
        outcome, cause, reason = trouble
        return result(question, rule, threshold, outcome=outcome, cause=cause, reason=reason, **common)
    centre = 1.0 if rule.as_ == "ratio" else 0.0
    quantity = Quantity(
        sample.values,
        region_of(rule, threshold, centre),
        rule.treatment or "interval",
        spread=rule.over_seeds == "sd",
    )
    answer = judge_quantity(quantity, question.judging)
    what = f"sd of {rule.metric} over seeds" if rule.over_seeds else rule.metric
    reason = say(f"{arm}.{what}", number(answer.observed), rule, threshold, answer)
    return result(question, rule, threshold, **from_answer(answer), reason=reason, **common)
