"""A bound that every seed has to meet by itself: judged on the seeds there are, without an error rate."""

from __future__ import annotations

from planner.criteria.answer import Answer, AnswerWithEdges, answer_without_variation
from planner.criteria.quantity import Quantity
from planner.criteria.test_design import TestDesign
from planner.records.verdict import CriterionOutcome


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
