"""A geometric line search that goes on until its best point is bracketed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

FACTOR = 2.0  # ratio of neighbouring step sizes
TIE = 1e-6  # values this close (nats) are equal; float32 losses resolve no better


@dataclass(frozen=True)
class Search(Generic[T]):
    """What a search found.

    Attributes:
        etas: step sizes, increasing.
        results: what was measured at each.
        best: index of the best; of equal ones, the smallest step.
        interior: whether there is a step size on both sides of the best.
    """

    etas: list[float]
    results: list[T]
    best: int

    @property
    def interior(self) -> bool:
        return 0 < self.best < len(self.etas) - 1


def search(
    measure: Callable[[float], T], score: Callable[[T], float], low: int, high: int, lowest: int, highest: int
) -> Search[T]:
    """Measures at FACTOR**low..FACTOR**high, and beyond an end as long as the best point lies there.

    Args:
        measure: called once with each step size.
        score: what is minimised.
        low, high: first grid, as exponents of FACTOR.
        lowest, highest: exponents beyond which the grid is not extended.
    """
    measured = {power: measure(FACTOR**power) for power in range(low, high + 1)}
    while True:
        powers = sorted(measured)
        least = min(score(measured[power]) for power in powers)
        best = next(i for i, power in enumerate(powers) if score(measured[power]) <= least + TIE)
        if best == 0 and powers[0] > lowest:
            measured[powers[0] - 1] = measure(FACTOR ** (powers[0] - 1))
        elif best == len(powers) - 1 and powers[-1] < highest:
            measured[powers[-1] + 1] = measure(FACTOR ** (powers[-1] + 1))
        else:
            return Search([FACTOR**power for power in powers], [measured[power] for power in powers], best)
