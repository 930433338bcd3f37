"""A quantity held against its bound by what its mean lies between (:mod:`planner.statistics.bounds`)."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from planner.criteria.answer import Answer, AnswerWithEdges, answer_without_variation, point_answer
from planner.criteria.looks import View, build_view, looks_before
from planner.criteria.quantity import Quantity
from planner.criteria.test_design import TestDesign
from planner.records.look import Look
from planner.records.verdict import CriterionOutcome
from planner.statistics import answers, intervals, rates
from planner.statistics.bounds import (
    NOTHING_KNOWN,
    Bounds,
    Design,
    Moments,
    PooledNoise,
    Stage,
    bounds_of,
    moments_of,
)
from planner.statistics.levels import LEAST_VALUES, pool_class

_OUTCOMES: dict[answers.Answer, CriterionOutcome] = {"supported": "met", "refuted": "not_met"}
SAY_OTHERWISE = "the seeds added after the planned ones say otherwise"
NO_FLAGS = "a flag is 0 or 1, or a share of both"
NO_SHARES = "noise: bounded is for values from 0 to 1"
NEARER_TO_THE_EFFECT = "below the effect asked, and nearer to it than to none"


@dataclass(frozen=True)
class Statement:
    """What is said of a mean, and how often each bound that is held against it may err.

    Attributes:
        shown: the rates of the bounds that have to show it, of which one may have to refute it, too.
        outside: those of the bounds that refute what has two sides; None for what has one.
    """

    quantity: Quantity
    shown: tuple[float, float]
    outside: tuple[float, float] | None = None

    @staticmethod
    def of(quantity: Quantity, alpha: float, beta: float) -> Statement:
        """The statement that a quantity meets its bound; ``alpha`` errs for it, ``beta`` against it."""
        low, high = quantity.region.low, quantity.region.high
        if quantity.delta is None and math.isfinite(low) and math.isfinite(high):
            return Statement(quantity, (alpha, alpha), (beta / 2, beta / 2))
        downwards = quantity.delta is None and not math.isfinite(low)
        return Statement(quantity, (beta, alpha) if downwards else (alpha, beta))

    def answer(self, mean: float, shown: Bounds, outside: Bounds, stage: Stage) -> answers.Answer:
        """What bounds at these rates say."""
        quantity, low, high = self.quantity, self.quantity.region.low, self.quantity.region.high
        if quantity.delta is not None:
            return answers.better_by(mean, shown, quantity.delta, stage, quantity.rounding)
        if self.outside is None:
            one_sided = answers.at_least if math.isfinite(low) else answers.at_most
            return one_sided(shown, low if math.isfinite(low) else high, quantity.rounding)
        centre = (low + high) / 2
        inside, beyond = (Bounds(b.lower - centre, b.upper - centre) for b in (shown, outside))
        return answers.within(inside, beyond, (high - low) / 2, quantity.rounding)

    def edges(self, mean: float, shown: Bounds, outside: Bounds) -> list[float]:
        """The means at which the answer may change where the distance of the bounds from it stays."""
        low, high, delta = self.quantity.region.low, self.quantity.region.high, self.quantity.delta
        if delta is not None:
            return [mean - shown.lower, mean - shown.upper + delta, delta / 2]
        ends = [mean - shown.lower + low, mean - shown.upper + low] if math.isfinite(low) else []
        ends += [mean - shown.lower + high, mean - shown.upper + high] if math.isfinite(high) else []
        return ends + [mean - outside.lower + high, mean - outside.upper + low]


@dataclass(frozen=True)
class Judgement:
    """One look at a quantity: its plan, its stage, and the bounds that follow."""

    quantity: Quantity
    design: TestDesign

    @cached_property
    def before(self) -> list[Look]:
        """The looks before this one."""
        looks = self.design.past_looks.get((self.design.criterion, self.quantity.comparison), ())
        return looks_before(looks, self.quantity.runs)

    @cached_property
    def plan(self) -> Look:
        """What was planned at the first look, which may be this one."""
        if self.before:
            return self.before[0]
        return Look(
            comparison=self.quantity.comparison,
            stage="early",
            planned=max(self.design.most_seeds, LEAST_VALUES),
            alpha=self.design.false_pass / self.quantity.n_comparisons_met,
            beta=self.design.false_fail / max(self.quantity.n_comparisons_not_met, self.design.may_fail),
            pool_df=pool_class(self.quantity.noise.df),
        )

    @cached_property
    def view(self) -> View:
        """Which look this is."""
        return build_view(self.quantity.runs, self.before, self.plan.planned)

    @cached_property
    def statement(self) -> Statement:
        """What is to be shown, at the rates that were planned."""
        return Statement.of(self.quantity, self.plan.alpha, self.plan.beta)

    def bounds(self, rates_of_error: tuple[float, float]) -> Bounds:
        """What holds at this look; the lower above the upper where two looks contradict one another."""
        seeds, view = tuple(self.quantity.runs), self.view
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

    def _at(
        self, seeds: tuple[int, ...], stage: Stage, rates_of_error: tuple[float, float], pool_sd: float
    ) -> Bounds:
        quantity = self.quantity
        design = Design(self.plan.planned, *rates_of_error)
        if not quantity.rates:
            pool = PooledNoise(pool_sd, self.plan.pool_df)
            return bounds_of(self._moments(seeds), design, pool, stage, quantity.stated)
        values = [quantity.values[seed] for seed in seeds]
        if quantity.rates == "rate":
            return rates.mean_bounds(values, design, stage, quantity.flags)
        return rates.difference_bounds(values, design, stage, quantity.flags)

    def _moments(self, seeds: tuple[int, ...]) -> Moments:
        """Both bounds, and those of what has two sides, rest on the same."""
        if seeds not in self._measured:
            values = [self.quantity.values[seed] for seed in seeds]
            varies = intervals.varies(values, self.quantity.rounding)
            sd = intervals.sd(values) if varies else 0.0
            self._measured[seeds] = Moments(
                len(values), intervals.mean(values), sd, len(values), len(values) - 1
            )
        return self._measured[seeds]

    @cached_property
    def _measured(self) -> dict[tuple[int, ...], Moments]:
        return {}


def bounded_answer(quantity: Quantity, design: TestDesign) -> AnswerWithEdges:
    """The answer that bounds give, and the means at which it may change."""
    n, judgement = len(quantity.values), Judgement(quantity, design)
    if quantity.rates and not quantity.are_shares:
        note = NO_FLAGS if quantity.flags else NO_SHARES
        undecided = replace(point_answer(quantity)[0], outcome="undecided", cause="undecided", note=note)
        return undecided, []
    unknown_noise = quantity.without_variation and not (quantity.noise.sd or quantity.stated.sd)
    if quantity.rates is None and (unknown_noise or (quantity.repeats and len(quantity.operands) > 1)):
        return answer_without_variation(quantity, n), []
    statement, stage = judgement.statement, judgement.view.stage
    mean = intervals.mean(quantity.in_order)
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
    return answer, [] if quantity.rates else statement.edges(mean, shown, outside)


def seeds_needed(quantity: Quantity, design: TestDesign) -> int | None:
    """The least number of seeds, more than there are, at which bounds decide; None where none does.

    The mean and the noise are taken as they are seen so far.
    """
    judgement = Judgement(quantity, design)
    if quantity.rates is not None or len(quantity.values) < 2:
        return None
    statement, values = judgement.statement, quantity.in_order
    moments = moments_of(values)
    pool = PooledNoise(quantity.noise.sd, judgement.plan.pool_df)
    final_made = judgement.view.stage != "early"
    planned = judgement.plan.planned

    def decides(n: int) -> bool:
        stage: Stage = "late" if final_made or n > planned else "final" if n == planned else "early"
        expected = Moments(n, moments.mean, moments.sd, n, n - 1)
        shown, outside = (
            bounds_of(expected, Design(planned, *errors), pool, stage, quantity.stated)
            for errors in (statement.shown, statement.outside or statement.shown)
        )
        return statement.answer(moments.mean, shown, outside, stage) in ("supported", "refuted")

    for n in range(len(values) + 1, planned + 1):
        if decides(n):
            return n
    return _least_that(decides, max(len(values), planned) + 1, answers.MOST_SEEDS)


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
    stage, run_ids = judgement.view.stage, frozenset().union(*quantity.runs.values())
    judged = {"stage": stage, "lower": ends[0], "upper": ends[1], "run_ids": tuple(sorted(run_ids))}
    return judgement.plan.model_copy(update={**judged, "pool_sd": quantity.noise.sd})
