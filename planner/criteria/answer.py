"""What one quantity says, and the answers for which its values are taken as they are."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from planner.criteria.quantity import Quantity
from planner.records.look import Look
from planner.records.verdict import CriterionOutcome
from planner.statistics import intervals

NO_VARIATION = "no_variation"
"""The cause where values do not vary, so that nothing is known of their noise."""

FlipPoints = tuple[tuple[float, CriterionOutcome], ...]


@dataclass(frozen=True)
class Answer:
    """What one quantity says; the fields are those of a CriterionResult.

    Attributes:
        flip_points: (observed value, outcome just beyond it) for every other outcome, nearest first.
        projected_n: with how many seeds there would be an answer, if further ones were like these.
        look: what the judgements after this one go on from; None where nothing does.
        caveats: what is against relying on it.
        by_signs: what is said in place of a mean where values were cut off; empty for any other answer.
    """

    outcome: CriterionOutcome
    observed: float | None
    n: int
    treatment: str
    interval: tuple[float, float] | None = None
    margin: float | None = None
    flip_points: FlipPoints = ()
    cause: str | None = None
    note: str = ""
    projected_n: int | None = None
    look: Look | None = None
    caveats: tuple[str, ...] = ()
    by_signs: str = ""

    @property
    def flips_at(self) -> float | None:
        """The nearest observed value at which the outcome changes."""
        return self.flip_points[0][0] if self.flip_points else None

    @property
    def flips_to(self) -> CriterionOutcome | None:
        """The outcome just beyond that value."""
        return self.flip_points[0][1] if self.flip_points else None


AnswerWithEdges = tuple[Answer, list[float]]
"""An answer, and the observed values at which it may change."""


def point_answer(quantity: Quantity) -> AnswerWithEdges:
    observed = quantity.observed
    outcome: CriterionOutcome = "met" if quantity.region.holds(observed) else "not_met"
    if quantity.delta is not None and 0 < observed < quantity.delta:
        outcome = "undecided"
    margin = quantity.region.margin(observed)
    cause = "undecided" if outcome == "undecided" else None
    note = "above 0, short of the smallest difference that matters" if outcome == "undecided" else ""
    answer = Answer(outcome, observed, quantity.n, "point", None, margin, (), cause, note)
    if quantity.delta is not None:  # not met up to 0, undecided up to delta, met from there on
        return answer, [0.0, quantity.delta]
    return answer, [quantity.region.low, quantity.region.high]


def exact_answer(quantity: Quantity) -> AnswerWithEdges:
    """Values that the program states are deterministic: there is no noise, so the value itself decides."""
    region, observed = quantity.region, quantity.observed
    ends = [abs(end) for end in (region.low, region.high, observed) if math.isfinite(end)]
    outcome: CriterionOutcome = "not_met"
    if region.holds(observed, max(intervals.SAME * max(ends), quantity.rounding)):
        outcome = "met"
    note = f"the program states that {quantity.deterministic}"
    margin = region.margin(observed)
    answer = Answer(outcome, observed, quantity.n, "deterministic", None, margin, note=note)
    return answer, [region.low, region.high]


def answer_without_variation(quantity: Quantity, n: int) -> Answer:
    """There is no answer where values do not vary: that they are equal says nothing of the noise.

    Where each arm repeats one value, all its seeds count as one.
    """
    note = f"no variation over {n} seeds: nothing is known of the noise"
    if quantity.repeats:
        n, note = 1, f"the seed had no effect: one value at {n} seeds counts once"
    answer, _ = point_answer(quantity)
    return replace(
        answer, outcome="undecided", cause=NO_VARIATION, n=n, treatment=quantity.treatment, note=note
    )
