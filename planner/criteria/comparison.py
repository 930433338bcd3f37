"""Comparison: a difference or ratio between two arms, or between two metrics of one arm."""

from __future__ import annotations

import math

from planner import sequential
from planner.criteria.answer import Quantity, Region, judge_quantity, region_of
from planner.criteria.parts import Question, from_answer, joined, paired, result, unavailable
from planner.criteria.wording import number, say
from planner.evidence import Sample
from planner.program import Comparison
from planner.records import CriterionResult

_ANSWERS = {"met": "supported", "not_met": "refuted", "undecided": "inconclusive"}


def judge_comparison(question: Question, rule: Comparison) -> CriterionResult:
    """Whether one arm differs from another, seed by seed, as the bound asks."""
    threshold = rule.threshold
    subjects = rule.subjects
    prior = _prior(question, rule) if rule.better_by is not None else sequential.Prior()
    family = len(subjects) if rule.any_arm else 1
    parts = [_one(question, rule, arm, prior, family) for arm in subjects]
    return joined(question, rule, threshold, parts, every=not rule.any_arm)


def _samples(question: Question, rule: Comparison, arm: str) -> tuple[Sample, Sample]:
    left = question.sample(arm, rule.metric, rule)
    return left, question.sample(rule.versus or arm, rule.other_metric, rule)


def _one(
    question: Question, rule: Comparison, arm: str, prior: sequential.Prior, family: int
) -> CriterionResult:
    left, right = _samples(question, rule, arm)
    common = {
        "id": arm,
        "run_ids": tuple(dict.fromkeys(left.run_ids + right.run_ids)),
        "caveats": tuple(dict.fromkeys(left.caveats + right.caveats)),
    }
    trouble = unavailable(question, [left, right])
    both = paired(left, right)
    if trouble is None and not both:
        kind = "undecided" if question.required else "not_applicable"
        trouble = kind, "missing", f"{arm} and {rule.versus or rule.other_metric} share no seed"  # type: ignore[assignment]
    values = {seed: _difference(rule, question, *pair) for seed, pair in both.items()}
    if trouble is None and any(math.isnan(v) for v in values.values()):
        trouble = "invalid", "not_finite", f"{arm}: the ratio divides by zero"
    if trouble is not None:
        outcome, cause, reason = trouble
        return result(question, rule, rule.threshold, outcome=outcome, cause=cause, reason=reason, **common)
    answer = judge_quantity(_quantity(rule, values, prior, family), question.judging)
    told = _ANSWERS.get(answer.outcome)
    if rule.within is not None and answer.outcome == "met":
        told = "equivalent"
    reason = say(_named(rule, arm), number(answer.observed, signed=True), rule, rule.threshold, answer)
    fields = from_answer(answer)
    return result(question, rule, rule.threshold, **fields, answer=told, reason=reason, **common)


def _difference(rule: Comparison, question: Question, left: float, right: float) -> float:
    if rule.as_ == "ratio":
        return left / right if right else math.nan
    if rule.better_by is not None and question.program.metrics[rule.metric].better == "lower":
        return right - left
    return left - right


def _quantity(rule: Comparison, values: dict[int, float], prior: sequential.Prior, family: int) -> Quantity:
    if rule.better_by is not None:
        treatment = rule.treatment or "sequential"
        region = Region(rule.better_by, math.inf)
        return Quantity(values, region, treatment, rule.better_by, prior, family)
    centre = 1.0 if rule.as_ == "ratio" else 0.0
    region = region_of(rule, rule.threshold, centre)
    return Quantity(values, region, rule.treatment or "interval", spread=rule.over_seeds == "sd")


def _named(rule: Comparison, arm: str) -> str:
    other = f"{rule.versus or arm}.{rule.other_metric}"
    if rule.better_by is not None:
        return f"{arm} against {rule.versus or rule.other_metric}: better in {rule.metric} by"
    return f"{arm}.{rule.metric} {'/' if rule.as_ == 'ratio' else '-'} {other}"


def _prior(question: Question, rule: Comparison) -> sequential.Prior:
    """The noise of the compared arms, from the first seeds that all of them have."""
    rows = [dict(question.sample(arm, rule.metric, rule).values) for arm in rule.subjects]
    rows.append(dict(question.sample(rule.versus or rule.subjects[0], rule.other_metric, rule).values))
    shared = sorted(set.intersection(*(set(row) for row in rows)))[: sequential.LEAST_SEEDS]
    return sequential.pooled_prior([[row[seed] for seed in shared] for row in rows])
