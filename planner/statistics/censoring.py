"""Values that were cut off at a limit: which side of a bound they lie on, where that is certain.

A mean of such values means nothing, and a t test less. What remains is a sign test: in how many of the seeds
a value lies on one side of a bound, and in how many on the other.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

_LARGEST = sys.float_info.max


def possible_values(
    value: float, ours: float, theirs: float | None, sign: float, limit: float
) -> tuple[float, float]:
    """The ends of what a value may have been, had nothing been cut off.

    Args:
        value: ours, or ``sign * (ours - theirs)``.
        theirs: None where there is one arm.
        limit: at and above which a value is only known to be no smaller.
    """
    higher, lower = ours >= limit, theirs is not None and theirs >= limit
    if sign < 0:
        higher, lower = lower, higher
    return (-_LARGEST if lower else value), (_LARGEST if higher else value)


def signs(
    possible: Sequence[tuple[float, float]], holds: Callable[[float], bool], ends: tuple[float, float]
) -> list[float]:
    """1 where a bound is met for certain, -1 where it is missed for certain, 0 where it may be either.

    Args:
        possible: the ends of what each value may have been.
        holds: whether a value meets the bound; what does lies between ``ends``.
        ends: a value that is an end itself counts for neither side.
    """

    def sign(low: float, high: float) -> float:
        if low == high and low in ends:
            return 0.0
        if holds(low) and holds(high):
            return 1.0
        beyond = high <= ends[0] or low >= ends[1]
        return -1.0 if beyond else 0.0

    return [sign(low, high) for low, high in possible]
