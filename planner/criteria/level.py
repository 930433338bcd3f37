"""Level: a threshold on an arm's own value, or on what it has beyond its metric's floor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from planner.criteria.answer import Answer
from planner.criteria.arm_selection import judge_arms
from planner.criteria.combination import joined
from planner.criteria.pooled_noise import pooled_noise
from planner.criteria.quantity import Quantity, region_of
from planner.criteria.results import (
    Question,
    answered,
    no_answer,
    operands,
    paired,
    sources,
    unavailable,
    unpaired,
)
from planner.criteria.stated_noise import judge_stated
from planner.criteria.wording import OVER_SEEDS, say, say_beyond
from planner.language.criterion import Level
from planner.language.readings import which_value
from planner.records.verdict import CriterionResult
from planner.statistics import intervals
from planner.text.numbers import number

Threshold = float | tuple[float, float]


def judge_level(question: Question, rule: Level) -> CriterionResult:
    """Whether an arm's value (or each, or any of several arms') lies on the right side of a bound.

    A floor that is a number is the threshold. One that is a metric differs from run to run: it is
    subtracted seed by seed, and the threshold is 0.
    """
    floor = question.program.metrics[rule.metric].floor if rule.against_floor else None
    threshold = float(floor) if isinstance(floor, int | float) else rule.threshold

    def judge(narrowed: Question, one: Level, arm: str) -> CriterionResult:
        if isinstance(floor, str):
            return _above_metric(narrowed, one, arm, floor)
        return _plain(narrowed, one, arm, threshold)

    parts = judge_arms(question, rule, judge)
    return joined(question, rule, parts, every=not rule.any_arm)


def _plain(question: Question, rule: Level, arm: str, threshold: Threshold) -> CriterionResult:
    sample = question.sample(arm, rule.metric, rule)
    common = sources(arm, sample)
    trouble = unavailable(question, [sample])
    if trouble is not None:
        return no_answer(question, rule, threshold, trouble, common)
    value = f"{arm}.{rule.metric}{which_value(rule)}"
    what = f"{OVER_SEEDS[rule.over_seeds]} {value}" if rule.over_seeds else value
    quantity = replace(
        _quantity(rule, threshold, sample.values),
        operands=(tuple(sample.values.values()),),
        deterministic=question.deterministic(rule.metric),
        comparison=arm,
        run_ids=question.run_ids(arm),
        noise=pooled_noise(question, rule, [arm], of_difference=False),
    )
    answer = judge_stated(question, rule, quantity, "rate", runs=1)
    borrowed = quantity.without_variation and answer.look is not None and quantity.noise.sd > 0
    if borrowed and not answer.note:
        answer = replace(answer, note="it does not vary over seeds: the noise is that of the other arms")
    reason = say(what, number(answer.observed), rule, threshold, answer)
    return answered(question, rule, threshold, answer, common, reason=reason)


def _above_metric(question: Question, rule: Level, arm: str, floor: str) -> CriterionResult:
    left = question.sample(arm, rule.metric, rule)
    # A floor is a property of a run's data: its final value, whichever step the criterion asks for.
    right = question.sample(arm, floor, rule.model_copy(update={"at": None, "since": None}))
    common = sources(arm, left, right)
    trouble = unpaired(question, left, right, f"{arm}.{rule.metric} and its floor {floor}")
    if trouble is not None:
        return no_answer(question, rule, 0.0, trouble, common)
    pairs = paired(left, right)
    beyond = {seed: a - b for seed, (a, b) in pairs.items()}
    quantity = replace(
        _quantity(rule, 0.0, beyond),
        operands=operands(pairs),
        deterministic=question.deterministic(rule.metric, floor),
        comparison=arm,
        run_ids=question.run_ids(arm),
    )
    answer = judge_stated(question, rule, quantity, "difference", runs=0)
    reason = _reason(rule, arm, floor, [pairs[seed] for seed in sorted(pairs)[: answer.n]], answer)
    return answered(question, rule, 0.0, answer, common, reason=reason)


def _reason(rule: Level, arm: str, floor: str, pairs: Sequence[tuple[float, float]], answer: Answer) -> str:
    what = f"{arm}.{rule.metric}{which_value(rule)}"
    if rule.over_seeds:
        what = f"{OVER_SEEDS[rule.over_seeds]} ({what} - its floor {floor})"
        return say(what, number(answer.observed), rule, 0.0, answer)
    own, base = (intervals.mean(values) for values in zip(*pairs, strict=True))
    return say_beyond(what, own, floor, base, rule, answer)


def _quantity(rule: Level, threshold: Threshold, values: Mapping[int, float]) -> Quantity:
    return Quantity(
        values,
        region_of(rule, threshold, 1.0 if rule.as_ == "ratio" else 0.0),
        rule.treated,
        n_comparisons_met=len(rule.subjects) if rule.any_arm else 1,
        n_comparisons_not_met=1 if rule.any_arm else len(rule.subjects),
        spread=rule.of_deviation,
        extreme=rule.extreme,
    )
