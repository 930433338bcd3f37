"""What ``over_seeds`` asks: a deviation, by a chi-square interval, or that every seed meets a bound."""

from __future__ import annotations

import math

from planner.criteria.answer import Answer, AnswerWithEdges, answer_without_variation
from planner.criteria.quantity import Quantity
from planner.criteria.test_design import TestDesign
from planner.records.verdict import CriterionOutcome
from planner.statistics import intervals


def deviation_answer(quantity: Quantity, design: TestDesign) -> AnswerWithEdges:
    """The answer of an interval for the deviation, and the deviations at which it may change.

    Its error rate is split over the numbers of seeds at which it is looked at (``TestDesign.looks``).
    """
    counted = quantity.in_order[: design.counted(len(quantity.values))]
    if not intervals.varies(counted, quantity.rounding):
        return answer_without_variation(quantity, len(counted)), []
    observed = intervals.sd(counted)
    met = _interval(counted, design.confidence_level_met(quantity.n_comparisons_met))
    not_met = _interval(counted, design.confidence_level_not_met(quantity.n_comparisons_not_met))
    region = quantity.region
    outcome: CriterionOutcome = "undecided"
    if region.holds(met[0]) and region.holds(met[1]):
        outcome = "met"
    elif region.excludes(*not_met):
        outcome = "not_met"
    answer = Answer(
        outcome,
        observed,
        len(counted),
        "interval",
        not_met if outcome == "not_met" else met,
        region.margin(observed),
        cause="undecided" if outcome == "undecided" else None,
    )
    # The ends of an interval keep their ratio to the deviation.
    ends = (met[0], region.low), (met[1], region.high), (not_met[1], region.low), (not_met[0], region.high)
    return answer, [observed * edge / end for end, edge in ends if math.isfinite(edge) and edge > 0]


def _interval(values: list[float], level: float) -> tuple[float, float]:
    interval = intervals.sd_interval(values, level)
    assert interval is not None  # two values or more have one
    return interval


def every_seed_answer(quantity: Quantity, design: TestDesign) -> AnswerWithEdges:
    """One seed that misses the bound answers for all; that none does is an answer at the planned number.

    Where fewer were made and no more can be had, it counts as far as it goes (``point``).
    """
    if quantity.repeats and not quantity.deterministic and len(quantity.values) > 1:
        return answer_without_variation(quantity, len(quantity.values)), []
    values, region, observed = quantity.in_order, quantity.region, quantity.observed
    n, planned = len(values), design.most_seeds
    outcome: CriterionOutcome = "met" if region.holds(observed, quantity.rounding) else "not_met"
    whole = outcome == "not_met" or n >= planned
    if not whole and not design.final:
        outcome = "undecided"
    missed = sum(not region.holds(value, quantity.rounding) for value in values)
    note = f"{missed} of {n} seeds miss it" if missed else f"met by each of {n} seeds"
    answer = Answer(
        outcome,
        observed,
        n,
        "every_seed" if whole or outcome == "undecided" else "point",
        margin=region.margin(observed),
        cause="undecided" if outcome == "undecided" else None,
        note=note if whole else f"{note}, of {planned} planned",
        projected_n=planned if outcome == "undecided" else None,
    )
    return answer, [region.low, region.high]
