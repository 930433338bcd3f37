"""Flip points: the observed value at which an outcome changes, the spread over seeds held fixed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

from planner.criteria.quantity import Quantity

Interval = tuple[float, float]


def of_point(quantity: Quantity, observed: float) -> float | None:
    """The nearest value at which the outcome of a point estimate changes."""
    edges = [quantity.region.low, quantity.region.high]
    if quantity.delta is not None:  # not met up to 0, undecided up to delta, met from there on
        edges = [0.0] if observed <= 0 else [quantity.delta, *([0.0] if observed < quantity.delta else [])]
    return _nearest(edges, observed)


def of_interval(
    quantity: Quantity, observed: float, met: Interval, lost: Interval, outcome: str
) -> float | None:
    """The nearest observed value at which the outcome changes.

    The ends of an interval keep their distance from a mean, and their ratio to a deviation.

    Args:
        met, lost: the intervals that decide whether the bound is met, and whether it is not.
    """
    if quantity.spread and observed <= 0:
        return None
    place = _ratio_placed if quantity.spread else _difference_placed
    region = quantity.region
    low, high, refuted = region.low, region.high, region.low
    if quantity.delta is not None:
        low, high, refuted = 0.0, math.inf, quantity.delta
    met_low, met_high = place(observed, met[0], low), place(observed, met[1], high)
    lost_low, lost_high = place(observed, lost[1], refuted), place(observed, lost[0], high)
    if outcome == "met":
        return _nearest([met_low, met_high], observed)
    can_be_met = met_low <= met_high
    if outcome == "not_met":
        # A bound that is met at less than what refutes it has no undecided values between.
        early = [met_low] if quantity.delta is not None else []
        return _nearest([min([lost_low, *early]), lost_high], observed)
    return _nearest([lost_low, lost_high, *([met_low, met_high] if can_be_met else [])], observed)


def _difference_placed(observed: float, end: float, edge: float) -> float:
    """The observed value at which an interval's end lies on an edge."""
    return edge + (observed - end)


def _ratio_placed(observed: float, end: float, edge: float) -> float:
    return edge * (observed / end) if edge > 0 else -math.inf


def _nearest(edges: Iterable[float], observed: float) -> float | None:
    finite = [edge for edge in edges if math.isfinite(edge)]
    return min(finite, key=lambda edge: abs(edge - observed)) if finite else None


_HALVINGS = 40
_EVEN_STEPS = 80
_GROWTH = 1.15
_MOST_STEPS = 300


def nearest_shift(answer: Callable[[float], str], now: str, step: float, reach: float) -> float | None:
    """The smallest shift of all values that changes a sequential answer; None where none was found.

    Looks down from ``supported``, up from ``refuted`` and to both sides otherwise: in even steps, then in
    growing ones; then halves the step around the first change.

    Args:
        answer: what the rule says after a shift.
        now: what it says without one.
        reach: how far to look at least.
    """
    found: list[float] = []
    for sign in {"supported": (-1.0,), "refuted": (1.0,)}.get(now, (1.0, -1.0)):
        near = 0.0
        for far in _distances(step, reach):
            if answer(sign * far) != now:
                found.append(sign * _bisected(answer, now, sign, near, far))
                break
            near = far
    return min(found, key=abs) if found else None


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
