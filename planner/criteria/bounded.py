"""A quantity held against its bound by what its mean lies between (:mod:`planner.statistics.bounds`)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from planner.criteria.answer import Answer, AnswerWithEdges, answer_without_variation, point_answer
from planner.criteria.looks import Seeds, View, build_view, looks_before, runs_of, seeds_of
from planner.criteria.quantity import Quantity
from planner.criteria.statement import Statement, log_e_of_means, log_e_of_rates
from planner.criteria.test_design import TestDesign
from planner.records.look import Look
from planner.records.verdict import CriterionOutcome
from planner.statistics import answers, rates
from planner.statistics.bounds import NOTHING_KNOWN, Bounds, Design, PooledNoise, Stage, bounds_of
from planner.statistics.levels import LEAST_VALUES, pool_class
from planner.statistics.moments import Moments, moments_of, moments_of_two, projected

_OUTCOMES: dict[answers.Answer, CriterionOutcome] = {"supported": "met", "refuted": "not_met"}
SAY_OTHERWISE = "the seeds added after the planned ones say otherwise"
NO_FLAGS = "a flag is 0 or 1, or a share of both"
NO_SHARES = "noise: bounded is for values from 0 to 1"
NEARER_TO_THE_EFFECT = "below the effect asked, and nearer to it than to none"


@dataclass(frozen=True)
class Judgement:
    """One look at a quantity: its plan, its stage, and the bounds that follow."""

    quantity: Quantity
    design: TestDesign

    @cached_property
    def before(self) -> list[Look]:
        """The looks before this one."""
        looks = self.design.past_looks.get((self.design.criterion, self.quantity.comparison), ())
        return looks_before(looks, self.quantity.groups)

    @cached_property
    def plan(self) -> Look:
        """What was planned at the first look, which may be this one."""
        if self.before:
            return self.before[0]
        return Look(
            comparison=self.quantity.comparison,
            stage="early",
            planned=max(self.design.most_seeds, least_values(self.quantity, self.design)),
            alpha=self.design.false_pass / self.quantity.n_comparisons_met,
            beta=self.design.false_fail / max(self.quantity.n_comparisons_not_met, self.design.may_fail),
            pool_df=pool_class(self.quantity.noise.df),
            paired=self.quantity.other is None,
        )

    @cached_property
    def view(self) -> View:
        """Which look this is."""
        return build_view(self.quantity.groups, self.before, self.plan.planned)

    @cached_property
    def statement(self) -> Statement:
        """What is to be shown, at the rates that were planned."""
        return Statement.of(self.quantity, self.plan.alpha, self.plan.beta)

    def bounds(self, rates_of_error: tuple[float, float]) -> Bounds:
        """What holds at this look; the lower above the upper where two looks contradict one another."""
        seeds, view = seeds_of(self.quantity.groups), self.view
        if view.stage == "early":
            return self._at(seeds, "early", rates_of_error, self.quantity.noise.sd)
        made = view.at_final
        final_sd = made.pool_sd if made is not None else self.quantity.noise.sd
        final = (
            self._at(view.final_seeds, "final", rates_of_error, final_sd)
            if view.final_seeds
            else NOTHING_KNOWN
        )
        if not view.looked_late:
            return final
        return answers.tighter(final, self._at(seeds, "late", rates_of_error, self.quantity.noise.sd))

    def _at(self, seeds: Seeds, stage: Stage, rates_of_error: tuple[float, float], pool_sd: float) -> Bounds:
        quantity, design = self.quantity, Design(self.plan.planned, *rates_of_error)
        if not quantity.rates:
            pool = PooledNoise(pool_sd, self.plan.pool_df)
            return bounds_of(self.moments(seeds), design, pool, stage, quantity.stated)
        values = self._values(seeds)
        if len(values) == 2:
            ours, theirs = values
            if min(*ours, *theirs) < 0:  # theirs less ours: an improvement downwards
                ours, theirs = [-value for value in theirs], [-value for value in ours]
            return rates.difference_of_rates(ours, theirs, design, stage, quantity.flags)
        bounds = rates.mean_bounds if quantity.rates == "rate" else rates.difference_bounds
        return bounds(values[0], design, stage, quantity.flags)

    def _values(self, seeds: Seeds) -> list[list[float]]:
        other = self.quantity.other
        held = [self.quantity.values, *([other.values] if other is not None else [])]
        return [[of_arm[seed] for seed in of_group] for of_arm, of_group in zip(held, seeds, strict=True)]

    def moments(self, seeds: Seeds) -> Moments:
        """What bounds need to know of these seeds: both of them, and those of two sides, rest on the same."""
        if seeds not in self._measured:
            values = self._values(seeds)
            rounding = self.quantity.rounding
            self._measured[seeds] = (
                self._of_two(*values) if len(values) == 2 else moments_of(values[0], rounding)
            )
        return self._measured[seeds]

    def _of_two(self, ours: list[float], theirs: list[float]) -> Moments:
        moments = moments_of_two(ours, theirs)
        if not self.quantity.stated.sd:
            return moments
        return replace(moments, pairs=2 / (1 / len(ours) + 1 / len(theirs)))  # each run has the same noise

    @property
    def log_e(self) -> float:
        """ln E against "the bound is not met", on all seeds there are."""
        if self.quantity.rates is not None:
            return log_e_of_rates(self.quantity)
        moments = self.moments(seeds_of(self.quantity.groups))
        return log_e_of_means(self.quantity, moments, PooledNoise(self.quantity.noise.sd, self.plan.pool_df))

    @cached_property
    def _measured(self) -> dict[Seeds, Moments]:
        return {}


def least_values(quantity: Quantity, design: TestDesign) -> int:
    """How many values bounds need: where the noise is known, as few as were planned."""
    return min(design.most_seeds, LEAST_VALUES) if quantity.stated.sd else LEAST_VALUES


def bounded_answer(quantity: Quantity, design: TestDesign) -> AnswerWithEdges:
    """The answer that bounds give, and the means at which it may change."""
    n, judgement = quantity.n, Judgement(quantity, design)
    if quantity.rates and not quantity.are_shares:
        note = NO_FLAGS if quantity.flags else NO_SHARES
        undecided = replace(point_answer(quantity)[0], outcome="undecided", cause="undecided", note=note)
        return undecided, []
    unknown_noise = quantity.without_variation and not (quantity.noise.sd or quantity.stated.sd)
    if quantity.rates is None and (unknown_noise or (quantity.repeats and len(quantity.operands) > 1)):
        return answer_without_variation(quantity, n), []
    statement, stage = judgement.statement, judgement.view.stage
    mean = quantity.observed
    shown = judgement.bounds(statement.shown)
    outside = judgement.bounds(statement.outside) if statement.outside else shown
    said = statement.answer(mean, shown, outside, stage)
    beside = outside if said == "refuted" else shown
    outcome = _OUTCOMES.get(said, "undecided")
    answer = Answer(
        outcome,
        mean,
        n,
        "bounds",
        _interval(beside),
        quantity.region.margin(mean),
        cause="undecided" if outcome == "undecided" else None,
        note=_note(quantity, said, mean, beside),
        look=_look(judgement, shown),
    )
    return answer, quantity.steps_between if quantity.rates else statement.edges(mean, shown, outside)


def seeds_needed(quantity: Quantity, design: TestDesign) -> int | None:
    """The least number of seeds, more than there are, at which bounds decide; None where none does.

    The mean and the noise are taken as they are seen so far.
    """
    judgement = Judgement(quantity, design)
    if quantity.rates is not None or quantity.n < 2:
        return None
    statement = judgement.statement
    moments = judgement.moments(seeds_of(quantity.groups))
    pool = PooledNoise(quantity.noise.sd, judgement.plan.pool_df)
    final_made = judgement.view.stage != "early"
    planned = judgement.plan.planned

    def decides(n: int) -> bool:
        stage: Stage = "late" if final_made or n > planned else "final" if n == planned else "early"
        expected = projected(moments, n)
        shown, outside = (
            bounds_of(expected, Design(planned, *errors), pool, stage, quantity.stated)
            for errors in (statement.shown, statement.outside or statement.shown)
        )
        return statement.answer(moments.mean, shown, outside, stage) in ("supported", "refuted")

    for n in range(quantity.n + 1, planned + 1):
        if decides(n):
            return n
    return _least_that(decides, max(quantity.n, planned) + 1, answers.MOST_SEEDS)


def _least_that(decides: Callable[[int], bool], least: int, most: int) -> int | None:
    """The least number of seeds in a range at which bounds decide; they narrow with every seed."""
    if least > most or not decides(most):
        return None
    numbers = range(least, most + 1)
    return numbers[bisect_left(numbers, True, key=decides)]


def _interval(bounds: Bounds) -> tuple[float, float] | None:
    """Both bounds; None where one of them is not there, or they contradict one another."""
    both = math.isfinite(bounds.lower) and math.isfinite(bounds.upper) and bounds.lower <= bounds.upper
    return (bounds.lower, bounds.upper) if both else None


def _note(quantity: Quantity, said: answers.Answer, mean: float, bounds: Bounds) -> str:
    if said == "contradictory":
        return SAY_OTHERWISE
    delta = quantity.delta
    if said == "undecided" and delta is not None and bounds.upper < delta and mean > delta / 2:
        return NEARER_TO_THE_EFFECT
    return ""


def _look(judgement: Judgement, bounds: Bounds) -> Look:
    quantity = judgement.quantity
    ends = [end if math.isfinite(end) else None for end in bounds]
    stage = judgement.view.stage
    run_ids = runs_of(quantity.groups)
    log_e = judgement.log_e if judgement.design.weighs_claims else -math.inf
    judged = {"stage": stage, "lower": ends[0], "upper": ends[1], "run_ids": tuple(sorted(run_ids))}
    weighed = {"log_e": log_e if math.isfinite(log_e) else None}
    return judgement.plan.model_copy(update={**judged, **weighed, "pool_sd": quantity.noise.sd})
