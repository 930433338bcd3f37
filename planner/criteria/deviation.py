"""A standard deviation over seeds held against its bound, by a chi-square interval."""

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
