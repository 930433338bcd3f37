"""The quantity of two arms: seed by seed where they share enough seeds, else the difference of means."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from planner.criteria.quantity import OtherArm, Quantity
from planner.criteria.results import Question, Unavailable, operands, paired, unavailable
from planner.evidence.sample import Sample
from planner.evidence.shared_seeds import are_paired
from planner.language.criterion import Measured
from planner.statistics.bounds import NO_POOL

LEAST_UNPAIRED = 2
"""Values of an arm below which nothing is known of its noise."""


@dataclass(frozen=True)
class TwoArms:
    """What two arms measured, and how they are compared.

    Attributes:
        values: seed -> difference or ratio; of arms that are not paired, our values, improvements counted up.
        other: the other arm's values, where the two are not paired.
        pairs: seed -> both values, of the seeds that both have.
        remark: what is to be said of how they are compared, behind what was observed.
    """

    values: Mapping[int, float]
    run_ids: Mapping[int, frozenset[str]]
    operands: tuple[tuple[float, ...], ...]
    other: OtherArm | None
    pairs: Mapping[int, tuple[float, float]]
    remark: str = ""

    def put_into(self, quantity: Quantity, **more: Any) -> Quantity:
        """What is asked, with these values, to be judged."""
        if self.other is not None:  # what pairs show of the noise is no part of two means
            more = {**more, "noise": NO_POOL}
        return replace(
            quantity,
            values=self.values,
            run_ids=self.run_ids,
            operands=self.operands,
            other=self.other,
            **more,
        )


@dataclass(frozen=True)
class ArmsCompared:
    """Which two arms a criterion compares, under the name of its looks.

    Attributes:
        comparison: the name of the looks.
        names: how the two are named where nothing can be compared.
        sign: -1 where the other arm's value less ours is what is judged.
        ratio: of two values at a seed; arms that are not paired have none.
    """

    one: str
    other: str
    comparison: str
    names: str
    sign: float = 1.0
    ratio: Callable[[float, float], float] | None = None


def compare(
    question: Question, rule: Measured, arms: ArmsCompared, left: Sample, right: Sample
) -> TwoArms | Unavailable:
    """Both arms' values as they are to be judged, or why they cannot be.

    How they are compared is part of the plan: as at the first look, whatever seeds came since.
    """
    trouble = unavailable(question, [left, right])
    if trouble is not None:
        return trouble
    pairs = paired(left, right)
    if _are_paired(question, rule, arms, left, right) or (arms.ratio is not None and pairs):
        if not pairs:
            return question.absent(f"{arms.names} share no seed")
        difference = arms.ratio or (lambda a, b: arms.sign * (a - b))
        values = {seed: difference(a, b) for seed, (a, b) in pairs.items()}
        return TwoArms(values, question.run_ids(arms.one, arms.other), operands(pairs), None, pairs)
    return _unpaired(question, arms, left, right, pairs)


def _unpaired(
    question: Question,
    arms: ArmsCompared,
    left: Sample,
    right: Sample,
    pairs: Mapping[int, tuple[float, float]],
) -> TwoArms | Unavailable:
    if arms.ratio is not None or min(len(left.values), len(right.values)) < LEAST_UNPAIRED:
        return question.absent(f"{arms.names} share no seed")
    ours, theirs = ({s: arms.sign * v for s, v in sample.values.items()} for sample in (left, right))
    sizes = f"{len(ours)} seeds of {arms.one}, {len(theirs)} of {arms.other}"
    return TwoArms(
        values=ours,
        run_ids=question.run_ids(arms.one),
        operands=(tuple(left.values.values()), tuple(right.values.values())),
        other=OtherArm(theirs, question.run_ids(arms.other)),
        pairs=pairs,
        remark=f"; not paired: {sizes}, {len(pairs) or 'none'} in common",
    )


def _are_paired(question: Question, rule: Measured, arms: ArmsCompared, left: Sample, right: Sample) -> bool:
    if rule.over_seeds or arms.one == arms.other:
        return True
    there = set(left.run_ids) | set(right.run_ids)
    looks = question.design.past_looks.get((question.name, arms.comparison), ())
    first = next((look for look in looks if there & set(look.run_ids)), None)
    if first is not None:
        return first.paired
    phase = question.program.phases[question.evidence.phase]
    return are_paired(left.values.keys(), right.values.keys(), rule.pair or phase.pair)
