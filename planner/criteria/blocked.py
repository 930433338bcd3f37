"""Blocked: a difference between two families of arms, one pair in each block.

The claim is about these blocks. At each seed the mean over blocks is one value (``mean``); or every block
has to meet the bound by itself (``each``); or most of them have to, by a sign test over blocks (``most``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from planner.criteria.answer import Answer
from planner.criteria.combination import joined
from planner.criteria.pooled_noise import pooled_noise
from planner.criteria.quantity import Quantity, Region, region_of
from planner.criteria.results import Question, Unavailable, answered, no_answer, sources
from planner.criteria.stated_noise import judge_stated, limit_of
from planner.criteria.test_design import LEAST_SEEDS
from planner.criteria.two_arms import ArmsCompared, TwoArms, compare
from planner.criteria.wording import in_a_word, say
from planner.language.criterion import Blocked
from planner.language.readings import improvement_sign
from planner.records.verdict import CriterionOutcome, CriterionResult
from planner.statistics import intervals
from planner.statistics.bounds import NO_POOL, Design
from planner.statistics.rates import difference_bounds
from planner.text.numbers import number


def judge_blocked(question: Question, rule: Blocked) -> CriterionResult:
    """Whether the arms of one family differ from those of the other as the bound asks, over their blocks."""
    if rule.over_blocks == "each":
        return joined(question, rule, [_one(question, rule, *pair) for pair in rule.judged_pairs], every=True)
    blocks = _blocks(question, rule)
    common = sources(question.name, *(question.sample(arm, rule.metric, rule) for arm in rule.arms_read))
    if isinstance(blocks, Unavailable):
        return no_answer(question, rule, rule.threshold, blocks, common)
    over_blocks = _mean if rule.over_blocks == "mean" else _most
    answer = over_blocks(question, rule, blocks)
    what = f"mean over {len(blocks)} values of {rule.blocks}: {rule.metric}, {_named(rule)}"
    reason = say(what, number(answer.observed, signed=True), rule, rule.threshold, answer)
    return answered(question, rule, rule.threshold, answer, common, reason, in_a_word(rule, answer))


def _one(question: Question, rule: Blocked, one: str, other: str) -> CriterionResult:
    """One block by itself; any one that is not met fails the criterion."""
    left, right = question.sample(one, rule.metric, rule), question.sample(other, rule.metric, rule)
    common = sources(one, left, right)
    arms = compare(question, rule, _arms(question, rule, one, other), left, right)
    if isinstance(arms, Unavailable):
        return no_answer(question, rule, rule.threshold, arms, common)
    quantity = arms.put_into(
        _quantity(rule, n_comparisons_not_met=len(rule.judged_pairs)),
        deterministic=question.deterministic(rule.metric),
        comparison=one,
        noise=pooled_noise(question, rule, [one, other], of_difference=True),
    )
    answer = judge_stated(question, rule, quantity, "difference", 2, improvement_sign(question.program, rule))
    reason = say(
        f"{one} - {other}: {rule.metric}", number(answer.observed, signed=True), rule, rule.threshold, answer
    )
    said = in_a_word(rule, answer)
    return answered(question, rule, rule.threshold, answer, common, reason + arms.remark, said)


def _blocks(question: Question, rule: Blocked) -> list[TwoArms] | Unavailable:
    """Both arms of every block, seed by seed; or why one of them cannot be judged."""
    blocks = []
    for one, other in rule.judged_pairs:
        left, right = question.sample(one, rule.metric, rule), question.sample(other, rule.metric, rule)
        arms = compare(
            question,
            rule.model_copy(update={"pair": "always"}),
            _arms(question, rule, one, other),
            left,
            right,
        )
        if isinstance(arms, Unavailable):
            return arms
        blocks.append(arms)
    if not set.intersection(*(set(block.values) for block in blocks)):
        return question.absent(f"the blocks of {rule.blocks} share no seed")
    return blocks


def _mean(question: Question, rule: Blocked, blocks: Sequence[TwoArms]) -> Answer:
    """The mean over blocks at a seed is one value: what blocks have in common at a seed is counted once."""
    seeds = sorted(set.intersection(*(set(block.values) for block in blocks)))
    limit = limit_of(question.program.metrics[rule.metric])
    quantity = TwoArms(
        values={seed: intervals.mean([block.values[seed] for block in blocks]) for seed in seeds},
        run_ids={seed: frozenset().union(*(block.run_ids[seed] for block in blocks)) for seed in seeds},
        operands=tuple(
            tuple(_over_blocks([block.pairs[seed][side] for block in blocks], limit) for seed in seeds)
            for side in (0, 1)
        ),
        other=None,
        pairs={},
    ).put_into(
        _quantity(rule),
        deterministic=question.deterministic(rule.metric),
        comparison=rule.blocks,
        noise=NO_POOL,
    )
    return judge_stated(question, rule, quantity, "difference", 0, improvement_sign(question.program, rule))


def _over_blocks(values: Sequence[float], limit: float) -> float:
    """The mean over blocks; where a value was cut off, it is only known to be no smaller, as the limit is."""
    return limit if max(values) >= limit else intervals.mean(values)


def _most(question: Question, rule: Blocked, blocks: Sequence[TwoArms]) -> Answer:
    """A sign test over blocks, once all planned seeds are there: an earlier look would be one more test."""
    design = question.design
    region = (
        Region(0.0, math.inf, open=True) if rule.better_by is not None else region_of(rule, rule.threshold)
    )
    holds = [region.holds(intervals.mean(list(block.values.values()))) for block in blocks]
    signs = [1.0 if held else -1.0 for held in holds]
    n, share = min(len(block.values) for block in blocks), intervals.mean(signs)
    counts = f"{sum(holds)} of {len(blocks)} values of {rule.blocks}"
    said = f"{_named(rule)}: {counts} are beyond the bound (sign test)"
    if n < design.most_seeds and not design.final:
        waits = f"{said}, asked once at {design.most_seeds} seeds"
        planned = design.most_seeds
        return Answer("undecided", share, n, "bounds", cause="undecided", by_signs=waits, projected_n=planned)
    rates = Design(LEAST_SEEDS, design.false_pass, design.false_fail)
    bounds = difference_bounds(signs, rates, "final")
    outcome: CriterionOutcome = "undecided"
    if bounds.lower > 0 or bounds.upper < 0:
        outcome = "met" if bounds.lower > 0 else "not_met"
    treatment = "bounds" if n >= design.most_seeds else "point"
    cause = "undecided" if outcome == "undecided" else None
    return Answer(outcome, share, n, treatment, bounds, share, cause=cause, by_signs=said)


def _quantity(rule: Blocked, n_comparisons_not_met: int = 1) -> Quantity:
    region = region_of(rule, rule.threshold)
    return Quantity(
        {}, region, rule.treated, delta=rule.better_by, n_comparisons_not_met=n_comparisons_not_met
    )


def _arms(question: Question, rule: Blocked, one: str, other: str) -> ArmsCompared:
    return ArmsCompared(one, other, one, f"{one} and {other}", improvement_sign(question.program, rule))


def _named(rule: Blocked) -> str:
    ours, theirs = rule.judged_pairs[0]
    return f"{ours} - {theirs} and so on"
