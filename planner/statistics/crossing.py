"""How often a rule errs that looks after every value: exact, no simulation.

Without an effect and under normal noise the statistic r = sum x / sqrt(S0 + sum x^2) goes from one value to
the next as r cos(a) + sin(a), where a is independent of the past and has the density ~ cos(a)^(n + d0 - 2),
S0 being the pooled sum of squares on d0 degrees of freedom: a chain in one dimension, followed on a grid of
the angle whose sine is r / sqrt(n).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

GRID, STEPS = 600, 1000
_NOTHING = 1e-14
"""Less probability than this is not followed."""


class Arrival(NamedTuple):
    """Where the statistic may be after one more value: angles, and the probability of each."""

    angles: Any
    mass: Any


class Chain:
    """The distribution of the statistic after each value, of what has crossed no bound yet.

    Args:
        pool_df: degrees of freedom of the pooled noise, d0.
        grid: points at which the distribution is held.
        steps: points at which that of one step is.

    Attributes:
        n: values so far.
        pool_df: see above.
    """

    def __init__(self, pool_df: int, grid: int = GRID, steps: int = STEPS) -> None:
        import numpy as np

        self.n = 0
        self.pool_df = pool_df
        self._grid = np.linspace(-np.pi / 2, np.pi / 2, grid)
        self._steps = (np.arange(steps) + 0.5) / steps * np.pi - np.pi / 2
        self._held = Arrival(np.zeros(1), np.ones(1))

    def next(self) -> Arrival:
        """Where it may be after one more value; nothing is taken note of."""
        import numpy as np

        n, df = self.n + 1, self.n + self.pool_df
        if df == 0:
            return Arrival(np.array([-np.pi / 2, np.pi / 2]), np.array([0.5, 0.5]))
        weights = np.cos(self._steps) ** (df - 1)
        kept = self._held.mass > _NOTHING
        r = np.sin(self._held.angles[kept]) * math.sqrt(self.n)
        moved = (r[:, None] * np.cos(self._steps) + np.sin(self._steps)) / math.sqrt(n)
        mass = self._held.mass[kept, None] * (weights / weights.sum())
        return Arrival(np.arcsin(np.clip(moved, -1, 1)).ravel(), mass.ravel())

    def angle_of(self, critical_t: float) -> float:
        """The angle at which the next value's t statistic is so large; beyond all where it is infinite."""
        df = self.n + self.pool_df
        if not math.isfinite(critical_t) or df == 0:
            return math.inf
        return math.asin(critical_t / math.sqrt(df + critical_t * critical_t))

    def step(self, critical_t: float, arrival: Arrival | None = None) -> float:
        """Takes one more value: the probability that its t statistic reaches ``critical_t``.

        What reaches it is not followed any further.

        Args:
            arrival: what ``next`` gave, where it was called already.
        """
        angles, mass = arrival or self.next()
        over = angles >= self.angle_of(critical_t)
        self._hold(angles[~over], mass[~over])
        self.n += 1
        return float(mass[over].sum())

    def _hold(self, angles: Any, mass: Any) -> None:
        """Puts what has crossed nothing on the grid, each bit on the two points beside it."""
        import numpy as np

        points = len(self._grid)
        at = (angles + np.pi / 2) / (self._grid[1] - self._grid[0])
        left = np.minimum(at.astype(int), points - 2)
        held = np.bincount(left, mass * (1 - at + left), points)
        held += np.bincount(left + 1, mass * (at - left), points)
        self._held = Arrival(self._grid, held)


def crossing_chances(
    critical_ts: Sequence[float], pool_df: int, grid: int = GRID, steps: int = STEPS
) -> list[float]:
    """The probability that value n is the first whose t statistic reaches ``critical_ts[n - 1]``.

    Args:
        critical_ts: one per number of values, infinite where nobody looks.
        pool_df: degrees of freedom of the pooled noise.
    """
    chain = Chain(pool_df, grid, steps)
    return [chain.step(critical) for critical in critical_ts]
