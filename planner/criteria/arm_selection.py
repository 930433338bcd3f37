"""Selection: an arm that was chosen because any of several may meet a bound is judged again on fresh seeds.

The best of several looks better than it is on the seeds by which it was chosen. Those only select it; what
the criterion says comes from the seeds after them, as soon as there are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from planner.criteria.results import Question, flip_point_fields
from planner.criteria.test_design import LEAST_SEEDS
from planner.evidence.evidence import Evidence
from planner.language.criterion import Comparison, Level
from planner.records.verdict import CriterionResult

_AS_THEY_ARE = ("point", "deterministic", "every_seed")
Rule = TypeVar("Rule", Level, Comparison)
Judge = Callable[[Question, Rule, str], CriterionResult]
"""Judges one arm of a rule on the evidence of a question."""


def judge_arms(question: Question, rule: Rule, judge: Judge[Rule]) -> list[CriterionResult]:
    """One result for each of a rule's arms; where any of them suffices, that of the best is from fresh seeds.

    A selected arm that fresh seeds do not bear out gives way to the next best.
    """
    parts = [judge(question, rule, arm) for arm in rule.subjects]
    if not rule.any_arm or len(rule.subjects) < 2:
        return parts
    chosen_on = {arm: _chosen_on(question, rule, arm, judge) for arm in rule.subjects}
    selected = [i for i, arm in enumerate(rule.subjects) if chosen_on[arm]]
    for i in sorted(selected, key=lambda i: -(parts[i].margin or 0.0)):
        arm = rule.subjects[i]
        parts[i] = _confirmation(question, rule, arm, chosen_on[arm], parts[i], judge)
        if parts[i].outcome == "met":
            break
    return parts


def seeds_to_confirm(rule: Level | Comparison, result: CriterionResult) -> dict[str, int]:
    """Arm -> seeds with which the selected arm of a criterion can be confirmed; empty where none waits."""
    if result.outcome != "met" or result.chosen is None or result.fresh:
        return {}
    versus = rule.versus if isinstance(rule, Comparison) else None
    return {arm: result.chosen_on + LEAST_SEEDS for arm in (result.chosen, versus) if arm is not None}


def _chosen_on(question: Question, rule: Rule, arm: str, judge: Judge[Rule]) -> int:
    """The number of seeds at which an arm first meets the bound by luck or merit; 0 for none.

    Where values are taken as they are, the best of several owes nothing to the choice of seeds.
    """
    question = replace(question, with_flip_points=False)
    arms = _arms(rule, arm)
    shared = _shared(question.evidence, arms)
    whole = judge(question, rule, arm)
    if whole.treatment in _AS_THEY_ARE:
        return 0
    for look in _looks(question, rule, len(shared)):
        result = judge(_cut(question, arms, shared[:look]), rule, arm)
        if result.outcome == "met" and result.treatment == whole.treatment:
            return look
    return 0


def _looks(question: Question, rule: Level | Comparison, n: int) -> list[int]:
    """The numbers of seeds at which an arm may have been chosen, where more were made afterwards."""
    if rule.of_deviation:
        return sorted({look for look in question.design.looks if look < n} | {n})
    return [*range(LEAST_SEEDS, n + 1)]


def _confirmation(
    question: Question, rule: Rule, arm: str, chosen_on: int, part: CriterionResult, judge: Judge[Rule]
) -> CriterionResult:
    arms = _arms(rule, arm)
    rest = _shared(question.evidence, arms)[chosen_on:]
    how = f"chosen as the best of {len(rule.subjects)} on {chosen_on} seeds"
    if len(rest) < LEAST_SEEDS:
        doubt = (f"{arm} was {how}: not confirmed on fresh seeds",) if question.required else ()
        selected = {"chosen": arm, "chosen_on": chosen_on}
        return part.model_copy(update={**selected, "caveats": part.caveats + doubt})
    alone = rule.model_copy(update={"arm": arm, "any_arm": []})
    if not rule.of_deviation:
        fresh = judge(_cut(question, arms, rest), alone.model_copy(update={"treatment": "point"}), arm)
        result = _borne_out(rule, part, fresh)
    else:
        result = judge(_cut(question, arms, rest), alone, arm)
    reason = f"{result.reason}; {how}, judged on {result.n} others"
    fields = {"chosen": arm, "chosen_on": chosen_on, "fresh": result.n, "reason": reason}
    return result.model_copy(update=fields)


def _borne_out(rule: Level | Comparison, part: CriterionResult, fresh: CriterionResult) -> CriterionResult:
    """What bounds showed of the arm that they chose, with the effect that fresh seeds show.

    It has to be on the right side of the bound, or nearer to the effect asked than to none.
    """
    effect = rule.better_by if isinstance(rule, Comparison) else None
    half = effect is not None and fresh.observed is not None and fresh.observed >= effect / 2
    held = fresh.outcome == "met" or half
    said = {
        "outcome": "met" if held else "undecided",
        "cause": None if held else "undecided",
        "answer": part.answer if held else "inconclusive",
    }
    kept = {"treatment": part.treatment, "look": part.look, **flip_point_fields(())}
    return fresh.model_copy(update={**said, **kept})


def _arms(rule: Level | Comparison, arm: str) -> list[str]:
    versus = rule.versus if isinstance(rule, Comparison) else None
    return [arm, *([versus] if versus else [])]


def _shared(evidence: Evidence, arms: Sequence[str]) -> list[int]:
    return sorted(set.intersection(*(set(evidence.of(arm)) for arm in arms)))


def _cut(question: Question, arms: Sequence[str], seeds: Sequence[int]) -> Question:
    """The question with these arms' runs at these seeds alone."""
    runs = {
        arm: {seed: run for seed, run in by_seed.items() if arm not in arms or seed in seeds}
        for arm, by_seed in question.evidence.runs.items()
    }
    design = replace(question.design, past_looks={})
    return replace(question, evidence=replace(question.evidence, runs=runs), design=design)
