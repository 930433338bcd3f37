"""Flip points: the observed value at which an outcome changes, the spread over seeds held fixed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from planner.criteria.quantity import Quantity

Interval = tuple[float, float]


def of_point(quantity: Quantity) -> list[float]:
    """The values at which the outcome of a point estimate may change."""
    if quantity.delta is not None:  # not met up to 0, undecided up to delta, met from there on
        return [0.0, quantity.delta]
    return [quantity.region.low, quantity.region.high]


def of_interval(quantity: Quantity, observed: float, met: Interval, not_met: Interval) -> list[float]:
    """The observed values at which the outcome of an interval may change.

    The ends of an interval keep their distance from a mean, and their ratio to a deviation.

    Args:
        met, not_met: the intervals that decide whether the bound is met, and whether it is not.
    """
    if quantity.spread and observed <= 0:
        return []
    moved = _scaled_to if quantity.spread else _shifted_to
    region = quantity.region
    low, high, refuted = region.low, region.high, region.low
    if quantity.delta is not None:
        low, high, refuted = 0.0, math.inf, quantity.delta
    return [
        moved(observed, met[0], low),
        moved(observed, met[1], high),
        moved(observed, not_met[1], refuted),
        moved(observed, not_met[0], high),
    ]


def _shifted_to(observed: float, end: float, edge: float) -> float:
    """The observed value at which an interval's end lies on an edge."""
    return edge + (observed - end)


def _scaled_to(observed: float, end: float, edge: float) -> float:
    return edge * (observed / end) if edge > 0 else -math.inf


_HALVINGS = 40
_EVEN_STEPS = 80
_GROWTH = 1.15
_MOST_STEPS = 300
_MOST_CHANGES = 4
"""So often an answer changes within one step at most; rounding may make it waver."""


def nearest_shifts(
    answer: Callable[[float], str], now: str, step: float, reach: float
) -> list[tuple[str, float]]:
    """(another answer, the smallest shift of all values that gives it), nearest first.

    Looks down from ``supported``, up from ``refuted`` and to both sides otherwise: in even steps, then in
    growing ones; then halves the step around each change.

    Args:
        answer: what a sequential rule says after a shift.
        now: what it says without one.
        reach: how far to look at least.
    """
    shifts: dict[str, float] = {}
    for sign in {"supported": (-1.0,), "refuted": (1.0,)}.get(now, (1.0, -1.0)):
        for changed, shift in _changes(answer, now, sign, step, reach):
            if changed != now and abs(shift) < abs(shifts.get(changed, math.inf)):
                shifts[changed] = shift
    return sorted(shifts.items(), key=lambda item: abs(item[1]))


def _changes(
    answer: Callable[[float], str], now: str, sign: float, step: float, reach: float
) -> Iterator[tuple[str, float]]:
    """Every change of the answer in one direction, up to the one beyond which there is no other."""
    last, near = "supported" if sign > 0 else "refuted", 0.0
    for far in _distances(step, reach):
        far_answer = answer(sign * far)
        for _ in range(_MOST_CHANGES):
            if now == far_answer:
                break
            near = _bisected(answer, now, sign, near, far)
            now = answer(sign * near)
            yield now, sign * near
        if now == last:
            return
        near = far


def _distances(step: float, reach: float) -> Iterator[float]:
    distance = 0.0
    for k in range(1, _MOST_STEPS):
        distance = k * step if k <= _EVEN_STEPS else distance * _GROWTH
        yield distance
        if k >= _EVEN_STEPS and distance > reach:
            return


def _bisected(answer: Callable[[float], str], now: str, sign: float, near: float, far: float) -> float:
    """The end on the changed side of a narrow bracket around the change."""
    for _ in range(_HALVINGS):
        middle = (near + far) / 2
        near, far = (near, middle) if answer(sign * middle) != now else (middle, far)
    return far
