"""Comparison: a difference or ratio between two arms, or between two metrics of one arm."""

from __future__ import annotations

import math
from dataclasses import replace

from planner.criteria.answer import Answer
from planner.criteria.arm_selection import judge_arms
from planner.criteria.combination import joined
from planner.criteria.pooled_noise import pooled_noise
from planner.criteria.quantity import Quantity, region_of
from planner.criteria.results import (
    Question,
    Unavailable,
    answered,
    no_answer,
    sources,
)
from planner.criteria.stated_noise import judge_stated
from planner.criteria.two_arms import ArmsCompared, TwoArms, compare
from planner.criteria.wording import OVER_SEEDS, in_a_word, say, with_wiring_doubt
from planner.evidence.sample import Sample
from planner.evidence.values import is_finite
from planner.language.criterion import Comparison
from planner.language.readings import improvement_sign, which_value
from planner.records.verdict import CriterionResult
from planner.statistics.bounds import NO_POOL, PooledNoise
from planner.text.numbers import number


def judge_comparison(question: Question, rule: Comparison) -> CriterionResult:
    """Whether one arm differs from another, seed by seed, as the bound asks."""
    parts = judge_arms(question, rule, _one)
    return joined(question, rule, parts, every=not rule.any_arm)


def _one(question: Question, rule: Comparison, arm: str) -> CriterionResult:
    other = rule.versus or arm
    left, right = question.sample(arm, rule.metric, rule), question.sample(other, rule.other_metric, rule)
    common = sources(arm, left, right)
    names = _arms(question, rule, arm)
    arms = compare(question, rule, names, left, right)
    if isinstance(arms, TwoArms) and not all(map(is_finite, arms.values.values())):
        reason = f"{_named(rule, arm)} is not finite: it divides by zero"
        arms = Unavailable("invalid", "not_finite", reason)
    if isinstance(arms, Unavailable):
        return no_answer(question, rule, rule.threshold, arms, common)
    quantity = arms.put_into(
        _quantity(rule),
        deterministic=question.deterministic(rule.metric, rule.other_metric),
        comparison=arm,
        noise=_pool(question, rule, arm),
    )
    answer = judge_stated(question, rule, quantity, "difference", 2 if rule.versus else 0, names.sign)
    answer = with_wiring_doubt(answer, quantity) if rule.versus else answer
    reason = _reason(rule, arm, answer) + arms.remark + _seen_to(rule, arm, left)
    return answered(question, rule, rule.threshold, answer, common, reason, in_a_word(rule, answer))


def _arms(question: Question, rule: Comparison, arm: str) -> ArmsCompared:
    metric = question.program.metrics[rule.metric]
    names = f"{arm} and {rule.versus}" if rule.versus else f"{arm}.{rule.metric} and {rule.other_metric}"
    sign = improvement_sign(question.program, rule)
    ratio = _ratio if rule.as_ == "ratio" and not metric.transform else None
    return ArmsCompared(arm, rule.versus or arm, arm, names, sign, ratio)


def _ratio(left: float, right: float) -> float:
    return left / right if right else math.nan


def _quantity(rule: Comparison) -> Quantity:
    """What is asked, without the values of which it is asked."""
    effect = rule.better_by is not None and not rule.of_every_seed
    region = region_of(rule, rule.threshold, 1.0 if rule.as_ == "ratio" else 0.0)
    return Quantity(
        {},
        region,
        rule.treated,
        delta=rule.better_by if effect else None,
        n_comparisons_met=len(rule.subjects) if rule.any_arm else 1,
        n_comparisons_not_met=1 if rule.any_arm else len(rule.subjects),
        spread=rule.of_deviation,
        extreme=rule.extreme,
    )


def _reason(rule: Comparison, arm: str, answer: Answer) -> str:
    """What was observed and asked; a negative improvement is called what it is, a worsening."""
    if rule.better_by is not None and answer.observed is not None and answer.observed < 0:
        worsening = -answer.observed
        interval = (-answer.interval[1], -answer.interval[0]) if answer.interval else None
        what = _named(rule, arm, "worse")
        return say(what, number(worsening), rule, rule.threshold, replace(answer, interval=interval))
    observed = number(answer.observed, signed=rule.as_ != "ratio")
    return say(_named(rule, arm), observed, rule, rule.threshold, answer)


def _seen_to(rule: Comparison, arm: str, sample: Sample) -> str:
    """How far the steps go that a statistic was taken over: training that stopped early may yet change it."""
    over_steps = isinstance(rule.at, str) and rule.at not in ("first", "last")
    return f"; {arm} to step {sample.last_step}" if over_steps and sample.last_step is not None else ""


def _named(rule: Comparison, arm: str, direction: str = "better") -> str:
    other = f"{rule.versus or arm}.{rule.other_metric}"
    if rule.better_by is not None:
        at = "at its worst seed " if rule.of_every_seed else ""
        text = f"{at}{direction} in {rule.metric}{which_value(rule)} by"
        return f"{arm} against {rule.versus or rule.other_metric}: {text}"
    sign = "/" if rule.as_ == "ratio" else "-"
    difference = f"{arm}.{rule.metric} {sign} {other}{which_value(rule)}"
    return f"{OVER_SEEDS[rule.over_seeds]} ({difference})" if rule.over_seeds else difference


def _pool(question: Question, rule: Comparison, arm: str) -> PooledNoise:
    """Two metrics of one arm have a noise that no other arm's one metric shows."""
    if rule.versus is None or rule.other_metric != rule.metric:
        return NO_POOL
    return pooled_noise(question, rule, [arm, rule.versus], of_difference=True)
