"""Which arm's values move what a criterion observes, and where they must be for it to observe something."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

from planner.criteria.combination import decisive
from planner.evidence.evidence import Evidence
from planner.evidence.perturbation import MovableReadings, moved_metric
from planner.evidence.sample import build_sample
from planner.language.criterion import Blocked, Comparison, Level, Measured, MeasuredCriterion, Order, Spread
from planner.language.metric import FLAG
from planner.language.program import Program
from planner.language.readings import columns_read, improvement_sign
from planner.records.verdict import CriterionResult
from planner.statistics import intervals
from planner.statistics.rates import flipped

Input = tuple[str, str]
"""(arm, metric)."""
Line = tuple[float, float]
"""(factor, rest): what is observed is factor * the arm's value + rest."""


@dataclass(frozen=True)
class Lever:
    """One arm whose values of a criterion's metric can be moved.

    Attributes:
        arm: whose values move.
        other: the arm that it is compared with; None for an arm alone.
        sign: +1 where what is observed grows with the arm's values, -1 where it falls.
        paired: the two are compared seed by seed.
    """

    arm: str
    other: str | None
    sign: float
    paired: bool = True


def inputs_of(program: Program, rule: Measured) -> set[Input]:
    """Every arm and metric that a criterion reads, the parts of derived metrics included."""
    metrics = program.with_parts(metric for metric, _ in columns_read(program, rule))
    return {(arm, metric) for arm in rule.arms_read for metric in metrics}


def levers_of(program: Program, rule: MeasuredCriterion, result: CriterionResult) -> list[Lever]:
    """The arms that can be moved to change a result: of a pair, either; of several arms, the deciding one."""
    index = _deciding(rule, result)
    look = (result.parts[index] if result.parts else result).look
    paired = look is None or look.paired
    sign = improvement_sign(program, rule)
    match rule:
        case Order() | Spread():
            one, other = rule.judged_pairs[index]
            return [Lever(one, other, sign, paired), Lever(other, one, -sign, paired)]
        case Comparison():
            arm = rule.subjects[index]
            return [Lever(arm, rule.versus or arm, sign, paired)]
        case Blocked():  # a mean over blocks moves with no one arm alone
            return []
        case Level():
            return [Lever(rule.subjects[index], None, 1.0)]
        case _:
            assert_never(rule)


def _deciding(rule: MeasuredCriterion, result: CriterionResult) -> int:
    if not result.parts:
        return 0
    every = not (isinstance(rule, Level | Comparison) and rule.any_arm)
    chosen = decisive(result.parts, result.outcome, every)
    return next(i for i, part in enumerate(result.parts) if part is chosen)


@dataclass(frozen=True)
class Perturbation:
    """A lever of a criterion on the evidence as it is, to be pulled to one observed value after another.

    Attributes:
        observed: what the criterion observes now.
    """

    program: Program
    evidence: Evidence
    rule: Measured
    lever: Lever
    observed: float

    def to(self, value: float) -> Evidence | None:
        """The evidence with an arm moved so that the criterion observes this value.

        All seeds move alike, so that a mean keeps its spread; for a deviation they move away from their
        mean. None where no move of that arm's metric can do it.
        """
        if not self._can_move:
            return None
        if self.program.metrics[self.rule.metric].unit == FLAG and not self.rule.over_seeds:
            return self._with_flags_flipped(round((value - self.observed) * len(self._lines)))
        if self._in_logarithms:
            return self._readings.moved(
                {seed: own * value / self.observed for seed, own in self._own.items()}
            )
        if self.rule.of_deviation:
            centre, grown = intervals.mean(list(self._quantity.values())), value / self.observed
            by = {seed: (held - centre) * (grown - 1.0) for seed, held in self._quantity.items()}
        else:
            by = dict.fromkeys(self._quantity, self._sign * (value - self.observed))
        own, lines = self._own, self._lines
        return self._readings.moved({seed: own[seed] + by[seed] / lines[seed][0] for seed in lines})

    def _with_flags_flipped(self, by: int) -> Evidence | None:
        own = {seed: self._own[seed] for seed in self._lines}
        flags = flipped(own, by * round(self.lever.sign))
        return None if flags is None else self._readings.moved(flags)

    @cached_property
    def _own(self) -> Mapping[int, float]:
        return build_sample(self.program, self.evidence, self.lever.arm, self.rule.metric, self.rule).values

    @cached_property
    def _lines(self) -> dict[int, Line]:
        lines = _lines(self.program, self.evidence, self.rule, self.lever)
        return {seed: line for seed, line in lines.items() if seed in self._own}

    @cached_property
    def _quantity(self) -> dict[int, float]:
        return {seed: self._own[seed] * factor + rest for seed, (factor, rest) in self._lines.items()}

    @property
    def _in_logarithms(self) -> bool:
        """A geometric mean, and a ratio of two, moves as the values are multiplied."""
        return self.program.metrics[self.rule.metric].transform is not None and not self.rule.of_deviation

    @cached_property
    def _can_move(self) -> bool:
        movable = bool(self._lines) and all(factor for factor, _ in self._lines.values())
        return movable and not (self.rule.of_deviation and not self.observed)

    @cached_property
    def _sign(self) -> float:
        """Of a spread the size is observed, whichever arm is ahead."""
        return -1.0 if isinstance(self.rule, Spread) and math.fsum(self._quantity.values()) < 0 else 1.0

    @cached_property
    def _readings(self) -> MovableReadings:
        return MovableReadings(self.program, self.evidence, self.lever.arm, self.rule.metric, self.rule)


def _lines(program: Program, evidence: Evidence, rule: Measured, lever: Lever) -> dict[int, Line]:
    """Seed -> what is observed there as the arm's value moves."""
    floor = program.metrics[rule.metric].floor if rule.against_floor else None
    if lever.other is None and not isinstance(floor, str):
        own = build_sample(program, evidence, lever.arm, rule.metric, rule).values
        return dict.fromkeys(own, (1.0, 0.0))
    if isinstance(floor, str):
        plain = rule.model_copy(update={"at": None, "since": None})
        right = build_sample(program, evidence, lever.arm, floor, plain).values
        return {seed: (1.0, -value) for seed, value in right.items()}
    other = rule.other_metric if isinstance(rule, Comparison) else rule.metric
    right = build_sample(program, evidence, lever.other or lever.arm, other, rule).values
    if not lever.paired:
        own = build_sample(program, evidence, lever.arm, rule.metric, rule).values
        return dict.fromkeys(own, (lever.sign, -lever.sign * intervals.mean(list(right.values()))))
    if isinstance(rule, Comparison) and rule.as_ == "ratio":
        return {seed: (1.0 / value if value else 0.0, 0.0) for seed, value in right.items()}
    return {seed: (lever.sign, -lever.sign * value) for seed, value in right.items()}


def moves(program: Program, rule: Measured, lever: Lever) -> Input:
    """The arm and metric whose values a lever moves."""
    return lever.arm, moved_metric(program, rule.metric)
