"""How one quantity, measured over seeds, is held against one bound.

Everything that a measured criterion asks comes down to this: a value per seed, a region in which it
should lie, and a treatment of uncertainty (point, bounds, interval, sequential or anytime).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from planner.criteria import flip_points as flips
from planner.criteria.answer import (
    Answer,
    AnswerWithEdges,
    FlipPoints,
    answer_without_variation,
    exact_answer,
    point_answer,
)
from planner.criteria.bounded import bounded_answer
from planner.criteria.quantity import Quantity
from planner.criteria.test_design import LEAST_SEEDS, TestDesign
from planner.records.verdict import CriterionOutcome
from planner.statistics import anytime, intervals, sequential

_NUDGE = 1e-6


def judge_quantity(quantity: Quantity, design: TestDesign, with_flip_points: bool = False) -> Answer:
    """Holds a quantity against its bound, falling back to ``point`` where seeds are too few for more.

    A criterion with too few seeds while more can be had is undecided, and so is a deviation over one
    seed: it is none.

    Args:
        with_flip_points: also find the observed values at which the outcome changes; takes most of the time.
    """
    n, in_sequence = len(quantity.values), quantity.in_sequence
    if quantity.spread and n < 2:
        note = "one seed has no deviation"
        return Answer("undecided", None, n, "point", cause="few_seeds", note=note)
    if quantity.deterministic:
        return _answered(quantity, exact_answer, with_flip_points)
    if quantity.treatment == "point" or (design.guards and quantity.without_variation):
        return _answered(quantity, point_answer, with_flip_points)
    bounded = quantity.treatment == "bounds" and not quantity.spread
    planned = LEAST_SEEDS if in_sequence or bounded or design.final else design.looks[0]
    if n < planned and design.final:
        note = f"{n} of at least {LEAST_SEEDS} seeds: the value itself"
        return replace(_answered(quantity, point_answer, with_flip_points), note=note)
    if n < planned:
        note = f"{n} of {design.looks[0]} seeds"
        return replace(point_answer(quantity)[0], outcome="undecided", cause="few_seeds", note=note)
    if bounded:
        return _answered(quantity, lambda moved: bounded_answer(moved, design), with_flip_points)
    if in_sequence:
        return _in_sequence(quantity, design, with_flip_points)
    return _answered(quantity, lambda moved: _interval(moved, design), with_flip_points)


def _answered(
    quantity: Quantity, judge: Callable[[Quantity], AnswerWithEdges], with_flip_points: bool
) -> Answer:
    """The answer; where asked for, with the outcomes beyond the values at which it changes."""
    answer, edges = judge(quantity)
    observed = answer.observed
    if observed is None or not with_flip_points:
        return answer
    values: dict[CriterionOutcome, float] = {}
    for edge in sorted(filter(math.isfinite, edges), key=lambda edge: abs(edge - observed)):
        nudge = _NUDGE * max(abs(edge), abs(edge - observed), 1e-9)
        # A value on its bound flips to one side alone.
        sides = (-1.0, 1.0) if edge == observed else (math.copysign(1.0, edge - observed),)
        for side in sides:
            outcome = judge(_moved(quantity, observed, edge + side * nudge))[0].outcome
            if outcome != answer.outcome:
                values.setdefault(outcome, edge)
    return replace(answer, flip_points=tuple((edge, outcome) for outcome, edge in values.items()))


def _moved(quantity: Quantity, observed: float, to: float) -> Quantity:
    """The quantity with values shifted, or scaled for a deviation, so that ``to`` is observed."""
    if not quantity.spread:
        return replace(quantity, values={s: v + to - observed for s, v in quantity.values.items()})
    centre, factor = intervals.mean(quantity.in_order), to / observed if observed else 1.0
    return replace(quantity, values={s: centre + (v - centre) * factor for s, v in quantity.values.items()})


def _interval(quantity: Quantity, design: TestDesign) -> AnswerWithEdges:
    counted = quantity.in_order[: design.counted(len(quantity.values))]
    observed = intervals.sd(counted) if quantity.spread else intervals.mean(counted)
    if intervals.varies(counted, quantity.rounding):
        build = intervals.sd_interval if quantity.spread else intervals.t_interval
    elif quantity.pool is not None and not quantity.spread:
        build = quantity.pool.interval
    else:
        return answer_without_variation(quantity, len(counted)), []
    levels = (
        design.confidence_level_met(quantity.n_comparisons_met),
        design.confidence_level_not_met(quantity.n_comparisons_not_met),
    )
    met, not_met = (build(counted, level) or (observed, observed) for level in levels)
    outcome: CriterionOutcome = "undecided"
    if quantity.surely_in(met):
        outcome = "met"
    elif quantity.surely_out(not_met):
        outcome = "not_met"
    shown = {"met": met, "not_met": not_met}.get(outcome) or max(met, not_met, key=lambda i: i[1] - i[0])
    cause = "undecided" if outcome == "undecided" else None
    margin = quantity.region.margin(observed)
    answer = Answer(outcome, observed, len(counted), "interval", shown, margin, (), cause)
    return answer, flips.of_interval(quantity, observed, met, not_met)


_OF_SEQUENTIAL: dict[str, CriterionOutcome] = {
    "supported": "met",
    "refuted": "not_met",
    "continue": "undecided",
}


def _in_sequence(quantity: Quantity, design: TestDesign, with_flip_points: bool) -> Answer:
    delta = quantity.delta or 0.0
    values = quantity.in_order[: max(design.most_seeds, LEAST_SEEDS)]
    alpha = design.false_pass / quantity.n_comparisons_met

    def answer(shift: float) -> tuple[str, int]:
        moved = [value + shift for value in values]
        if quantity.treatment == "anytime":
            return anytime.first_answer(
                moved, delta, alpha, design.false_fail, quantity.others, quantity.rounding
            )
        return sequential.first_answer(
            moved, delta, alpha, design.false_fail, quantity.prior, quantity.rounding
        )

    decision, used = answer(0.0)
    if decision == "continue" and not quantity.prior.df and not intervals.varies(values, quantity.rounding):
        return answer_without_variation(quantity, used)
    observed = intervals.mean(values[:used])
    shown = intervals.t_interval(values[:used], 1 - design.false_pass)
    outcome = _OF_SEQUENTIAL[decision]
    flip_points: FlipPoints = ()
    if with_flip_points:
        reach = 8 * delta + abs(observed) + 8 * intervals.sd(values)
        shifts = flips.nearest_shifts(lambda moved: answer(moved)[0], decision, delta / 10, reach)
        flip_points = tuple((observed + shift, _OF_SEQUENTIAL[beyond]) for beyond, shift in shifts)
    cause = "undecided" if outcome == "undecided" else None
    return Answer(outcome, observed, used, quantity.treatment, shown, observed - delta, flip_points, cause)
