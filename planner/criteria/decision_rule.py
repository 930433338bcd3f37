"""How one quantity, measured over seeds, is held against one bound.

Everything that a measured criterion asks comes down to this: a value per seed, a region in which it
should lie, and a treatment of uncertainty (bounds, or the values as they are).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from planner.criteria.answer import (
    Answer,
    AnswerWithEdges,
    exact_answer,
    point_answer,
)
from planner.criteria.bounded import bounded_answer, least_values, seeds_needed
from planner.criteria.over_seeds import deviation_answer, every_seed_answer
from planner.criteria.quantity import Quantity
from planner.criteria.test_design import LEAST_SEEDS, TestDesign
from planner.records.verdict import CriterionOutcome
from planner.statistics import intervals
from planner.statistics.rates import flipped

_NUDGE = 1e-6


def judge_quantity(quantity: Quantity, design: TestDesign, with_flip_points: bool = False) -> Answer:
    """Holds a quantity against its bound; where there is no answer yet, says how many seeds would give one.

    Where seeds are too few for bounds and no more can be had, the values count as they are (``point``);
    where more can be had the answer is undecided. A deviation over one seed is none.

    Args:
        with_flip_points: also find the observed values at which the outcome changes; takes most of the time.
    """
    answer = _judge(quantity, design, with_flip_points)
    if answer.outcome != "undecided" or quantity.spread or quantity.extreme:
        return answer
    return replace(answer, projected_n=seeds_needed(quantity, design))


def _judge(quantity: Quantity, design: TestDesign, with_flip_points: bool) -> Answer:
    n = quantity.n
    if quantity.spread and n < 2:
        note = "one seed has no deviation"
        return Answer("undecided", None, n, "point", cause="few_seeds", note=note)
    if quantity.extreme and quantity.treatment != "point":
        return _answered(quantity, lambda moved: every_seed_answer(moved, design), with_flip_points)
    if quantity.deterministic:
        return _answered(quantity, exact_answer, with_flip_points)
    if quantity.treatment == "point" or (design.guards and quantity.without_variation):
        return _answered(quantity, point_answer, with_flip_points)
    if n < _least(quantity, design) and design.final:
        note = f"{n} of at least {LEAST_SEEDS} seeds: the value itself"
        return replace(_answered(quantity, point_answer, with_flip_points), note=note)
    if n < _least(quantity, design):
        note = f"{n} of {design.looks[0]} seeds"
        return replace(point_answer(quantity)[0], outcome="undecided", cause="few_seeds", note=note)
    judge = deviation_answer if quantity.spread else bounded_answer
    return _answered(quantity, lambda moved: judge(moved, design), with_flip_points)


def _least(quantity: Quantity, design: TestDesign) -> int:
    """The seeds below which there is nothing to say yet; a deviation is looked at where that was planned."""
    return design.looks[0] if quantity.spread and not design.final else least_values(quantity, design)


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
            moved = _moved(quantity, observed, edge + side * nudge)
            outcome = judge(moved)[0].outcome if moved is not None else answer.outcome
            if outcome != answer.outcome:
                values.setdefault(outcome, edge)
    return replace(answer, flip_points=tuple((edge, outcome) for outcome, edge in values.items()))


def _moved(quantity: Quantity, observed: float, to: float) -> Quantity | None:
    """The quantity with values shifted, or scaled for a deviation, so that ``to`` is observed.

    Flags are flipped, those of the first seeds; None where there are too few.
    """
    if quantity.steps_between:
        return _with_flags_flipped(quantity, round((to - observed) * len(quantity.values)))
    if not quantity.spread:
        return replace(quantity, values={s: v + to - observed for s, v in quantity.values.items()})
    centre, factor = intervals.mean(quantity.in_order), to / observed if observed else 1.0
    return replace(quantity, values={s: centre + (v - centre) * factor for s, v in quantity.values.items()})


def _with_flags_flipped(quantity: Quantity, by: int) -> Quantity | None:
    seeds, ours = sorted(quantity.values), quantity.operands[0]
    theirs = quantity.operands[1] if len(quantity.operands) == 2 else (0.0,) * len(ours)
    upwards = all(v == a - b for v, a, b in zip(quantity.in_order, ours, theirs, strict=True))
    sign = 1 if upwards else -1
    flags = flipped(dict(zip(seeds, ours, strict=True)), sign * by)
    if flags is None:
        return None
    values = {seed: sign * (flags[seed] - other) for seed, other in zip(seeds, theirs, strict=True)}
    return replace(quantity, values=values)
