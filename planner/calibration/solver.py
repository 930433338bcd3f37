"""Means that meet demands: each demand in turn moves one mean until none is left to move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from planner.calibration.constraints import Demand, Spot

_SWEEPS = 100
_ONE_SIDED = 40
"""For so many sweeps left means alone are moved, which settles every chain; then right ones too."""
_CLOSE = 1e-9


class Means:
    """Means of spots, found by moving them; a spot that nothing asks for lies at its metric's anchor.

    Args:
        anchors: metric -> where it lies where nothing says more.
    """

    def __init__(self, anchors: Mapping[str, float]) -> None:
        self._anchors = anchors
        self._values: dict[Spot, float] = {}
        self._demands: list[Demand] = []

    def of(self, spot: Spot) -> float:
        """The mean at a spot."""
        return self._values.get(spot, self._anchors.get(spot.metric, 1.0))

    @property
    def placed(self) -> Mapping[Spot, float]:
        """The means that something asked for."""
        return self._values

    def put(self, spot: Spot, value: float) -> None:
        """Fixes a mean."""
        self._values[spot] = value
        self._demands.append(Demand("", spot, target=value))

    def meet(self, demands: Iterable[Demand]) -> list[str]:
        """Meets further demands beside those met before.

        Returns:
            The criteria whose demands contradict the others; nothing is changed then.
        """
        kept, before = dict(self._values), list(self._demands)
        # Levels first, fixed ones before all: a comparison then gives way to them.
        self._demands = sorted([*before, *demands], key=lambda d: (not d.pins, d.right is not None))
        pinned = {d.left for d in self._demands if d.pins}
        for sweep in range(_SWEEPS):
            moved = [
                self._move(demand, pinned, sweep >= _ONE_SIDED and sweep % 2 == 1) for demand in self._demands
            ]
            if not any(moved):
                return []
        unmet = list(dict.fromkeys(d.criterion for d in self._demands if not self._is_met(d)))
        self._values, self._demands = kept, before
        return unmet

    def _is_met(self, demand: Demand) -> bool:
        gap = self._gap(demand)
        close = _CLOSE * max(abs(demand.by), abs(self.of(demand.left)), abs(demand.target), 1e-9)
        if demand.sense == 0:
            return abs(gap) <= close
        return demand.sense * gap >= demand.by - close

    def _gap(self, demand: Demand) -> float:
        right = demand.scale * self.of(demand.right) if demand.right is not None else 0.0
        return self.of(demand.left) - right - demand.target

    def _move(self, demand: Demand, pinned: set[Spot], other_side: bool) -> bool:
        """Moves one side of a demand that is not met, or a side that nothing has placed; says whether it did.

        What is placed for the first time meets the demand exactly, not by more.
        """
        right, free = demand.right, {demand.left, demand.right} - self._values.keys() - {None}
        if not free and self._is_met(demand):
            return False
        wanted = demand.sense * demand.by
        rather_right = demand.left in pinned or (right in free and demand.left not in free) or other_side
        if right is not None and rather_right and right not in pinned and demand.scale != 0:
            self._values.setdefault(demand.left, self.of(demand.left))
            self._values[right] = (self.of(demand.left) - demand.target - wanted) / demand.scale
            return True
        base = 0.0
        if right is not None:
            base = demand.scale * self._values.setdefault(right, self.of(right))
        self._values[demand.left] = base + demand.target + wanted
        return True


def named(criteria: Sequence[str]) -> str:
    """Criteria in one phrase."""
    return ", ".join(f"'{name}'" for name in criteria if name) or "a stated mean"
