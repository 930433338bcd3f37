"""Which values a criterion's quantities can take, and what it may answer at each.

Quantities are values of one arm, or differences, ratios and deviations; those of different arms are free of
each other. Absent evidence is no value: what is missing, not finite or over too few seeds answers neither
met nor not met, and then no row is chosen and no gate passes (``planner.judging``).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from planner.language.criterion import Blocked, Comparison, Criterion, Level, Measured, Order, Spread
from planner.language.program import Program
from planner.language.readings import improvement_sign, which_value

_SPANS = {
    **dict.fromkeys(("fraction", "probability", "share", "flag", "share of rows"), (0.0, 1.0)),
    **dict.fromkeys(("cosine", "correlation"), (-1.0, 1.0)),
}


class Range(NamedTuple):
    """The values between two ends, each of which may be part of it."""

    low: float
    with_low: bool
    high: float
    with_high: bool

    def holds(self, value: float) -> bool:
        """Whether a value lies in it."""
        above = self.low < value or (self.with_low and value == self.low)
        return above and (value < self.high or (self.with_high and value == self.high))

    @property
    def mirrored(self) -> Range:
        """The same of the negated quantity."""
        return Range(-self.high, self.with_high, -self.low, self.with_low)

    @property
    def edges(self) -> list[float]:
        """Its finite ends."""
        return [edge for edge in (self.low, self.high) if math.isfinite(edge)]


ALL = Range(-math.inf, False, math.inf, False)


class Variable(NamedTuple):
    """One quantity: what is read of which arm, and what it is compared with."""

    phase: str
    name: str
    """In words: ``new.auc``, ``new.auc - old.auc (max)``."""
    kind: str
    limits: tuple[float, float]
    """What the unit allows, told generously: a metric in a bounded unit may be a difference of two."""
    usual: tuple[float, float]
    """What the unit allows if the metric is no difference."""


@dataclass(frozen=True)
class Part:
    """A variable, the values at which it may meet a bound, and those at which it may not.

    They overlap for ``better_by`` alone: what lies between nothing and the smallest difference that
    matters may be answered either way. ``negated``: the variable is the negative of what the criterion reads.
    """

    variable: Variable
    met: Range
    not_met: Range | None = None
    negated: bool = False

    def answers(self, value: float) -> set[bool]:
        """What may be answered at a value."""
        met = self.met.holds(value)
        not_met = not met if self.not_met is None else self.not_met.holds(value)
        return {answer for answer, may in ((True, met), (False, not_met)) if may}


@dataclass(frozen=True)
class Requirement:
    """A criterion as its parts; ``some``: one that is met suffices."""

    parts: tuple[Part, ...]
    some: bool = False

    def answers(self, values: Mapping[Variable, float]) -> set[bool]:
        """What may be answered where the variables have these values."""
        of_parts = [part.answers(values[part.variable]) for part in self.parts]
        one, every = self.some, not self.some  # one part settles it this way, all of them the other
        either = {one} if any(one in answers for answers in of_parts) else set()
        return either | ({every} if all(every in answers for answers in of_parts) else set())


def requirement_of(program: Program, phase: str, rule: Criterion) -> Requirement | None:
    """A measured criterion as values of its variables; None for a combined one or one without arms."""
    if isinstance(rule, Level):
        parts = [_level(program, phase, rule, arm) for arm in rule.subjects]
        return Requirement(tuple(parts), bool(rule.any_arm)) if parts else None
    if isinstance(rule, Comparison):
        parts = [_compared(program, phase, rule, arm) for arm in rule.subjects]
        return Requirement(tuple(parts), bool(rule.any_arm)) if parts else None
    if isinstance(rule, Blocked):
        return Requirement(tuple(_blocked(program, phase, rule)))
    if isinstance(rule, Order):
        ahead = Range(0.0, False, math.inf, False)
        signed = ahead.mirrored if program.metrics[rule.metric].better == "lower" else ahead
        pairs = rule.judged_pairs
        return Requirement(tuple(_difference(program, phase, rule, a, b, signed) for a, b in pairs))
    if isinstance(rule, Spread):
        bound = float(rule.threshold) if isinstance(rule.threshold, int | float) else 0.0
        flat = Range(-bound, True, bound, True)
        return Requirement(tuple(_difference(program, phase, rule, a, b, flat) for a, b in rule.judged_pairs))
    return None


def range_of(program: Program, rule: Level | Comparison | Blocked) -> Range:
    """The values that meet a threshold; those of an improvement for ``better_by``."""
    bound, value = rule.threshold_key or "", rule.threshold
    if rule.against_floor:
        floor = program.metrics[rule.metric].floor
        value = floor if isinstance(floor, int | float) else 0.0
    if isinstance(value, tuple):
        return Range(value[0], True, value[1], True)
    if bound == "within":
        middle = 1.0 if rule.as_ == "ratio" else 0.0
        return Range(middle - value, True, middle + value, True)
    return {
        "above": Range(value, False, math.inf, False),
        "at_least": Range(value, True, math.inf, False),
        "below": Range(-math.inf, False, value, False),
        "at_most": Range(-math.inf, False, value, True),
        "better_by": Range(0.0, False, math.inf, False),
    }[bound]


def _level(program: Program, phase: str, rule: Level, arm: str) -> Part:
    floor = program.metrics[rule.metric].floor if rule.against_floor else None
    beyond = f" - {arm}.{floor}" if isinstance(floor, str) else ""
    kind = "difference" if beyond else _kind(rule)
    return Part(
        _variable(program, phase, rule, f"{arm}.{rule.metric}{beyond}", kind), range_of(program, rule)
    )


def _compared(program: Program, phase: str, rule: Comparison, arm: str) -> Part:
    met, not_met = range_of(program, rule), None
    if rule.better_by is not None:
        not_met = Range(-math.inf, False, rule.better_by, False)
        if program.metrics[rule.metric].better == "lower":
            met, not_met = met.mirrored, not_met.mirrored
    plain = rule.as_ == "difference" and rule.over_seeds is None
    if plain and rule.versus is not None and rule.other_metric == rule.metric:
        return _difference(program, phase, rule, arm, rule.versus, met, not_met)
    sign = "/" if rule.as_ == "ratio" else "-"
    name = f"{arm}.{rule.metric} {sign} {rule.versus or arm}.{rule.other_metric}"
    kind = "ratio" if rule.as_ == "ratio" else "difference"
    return Part(_variable(program, phase, rule, name, _kind(rule, kind)), met, not_met)


def _blocked(program: Program, phase: str, rule: Blocked) -> Iterator[Part]:
    """Of every block its difference; else what is taken over all of them, which no other criterion reads."""
    met = range_of(program, rule)
    not_met = Range(-math.inf, False, rule.better_by, False) if rule.better_by is not None else None
    if rule.over_blocks == "each":
        if improvement_sign(program, rule) < 0:
            met, not_met = met.mirrored, not_met.mirrored if not_met else None
        yield from (_difference(program, phase, rule, *pair, met, not_met) for pair in rule.judged_pairs)
        return
    name = f"{rule.over_blocks} over {rule.blocks} of {rule.subjects[0]}.{rule.metric} and so on"
    yield Part(_variable(program, phase, rule, name, "difference"), met, not_met)


def _difference(
    program: Program,
    phase: str,
    rule: Measured,
    one: str,
    other: str,
    met: Range,
    not_met: Range | None = None,
) -> Part:
    """What is asked of one arm minus another, always the same way round."""
    negated = other < one
    if negated:
        one, other, met, not_met = other, one, met.mirrored, not_met.mirrored if not_met else None
    name = f"{one}.{rule.metric} - {other}.{rule.metric}"
    return Part(_variable(program, phase, rule, name, "difference"), met, not_met, negated)


def _kind(rule: Measured, kind: str = "value") -> str:
    """What is read: value, difference, ratio, deviation or slope."""
    if rule.of_deviation:
        return "deviation"
    if rule.at == "slope" and rule.since is None:
        return "slope"
    if rule.since is not None and kind == "value":
        return "ratio" if rule.as_ == "ratio" else "difference"
    return kind


def _variable(program: Program, phase: str, rule: Measured, name: str, kind: str) -> Variable:
    limits, usual = limits_of(program.metrics[rule.metric].unit, kind)
    label = f"{name}{which_value(rule)}"
    label = f"sd over seeds of {label}" if kind == "deviation" else label
    return Variable(phase, label, kind, limits, usual)


def limits_of(unit: str, kind: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """What a quantity in a unit can be: if the metric is itself a difference, and if it is none."""
    free = (-math.inf, math.inf)
    if kind == "deviation":
        free = (0.0, math.inf)
    bounded = _SPANS.get(unit)
    if bounded is None or kind == "slope":
        return free, free
    low, high = bounded
    span = high - low
    if kind == "value":
        return (-span, span), bounded
    if kind == "difference":
        return (-span, span), (-span, span)
    if kind == "ratio":
        return free, (0.0, math.inf) if low >= 0 else free
    # The deviation of two values as far apart as can be; more values have less.
    return (0.0, math.inf), (0.0, span / math.sqrt(2))
