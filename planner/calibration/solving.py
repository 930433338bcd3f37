"""Means that meet demands: each demand in turn moves one mean until none is left to move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from planner.calibration.placing import Demand, Spot

_SWEEPS = 60
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
        # Fixed levels first: a comparison then gives way to them.
        self._demands = sorted([*before, *demands], key=lambda d: not d.pins)
        pinned = {d.left for d in self._demands if d.pins}
        for sweep in range(_SWEEPS):
            moved = [self._move(demand, pinned, sweep % 2 == 1) for demand in self._demands]
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
        """Moves one side of a demand that is not met; says whether it was not met."""
        if self._is_met(demand):
            self._values.setdefault(demand.left, self.of(demand.left))
            if demand.right is not None:
                self._values.setdefault(demand.right, self.of(demand.right))
            return False
        wanted = demand.sense * demand.by
        right = demand.right
        can_move_right = right is not None and right not in pinned and demand.scale != 0
        if right is not None and can_move_right and (other_side or demand.left in pinned):
            self._values[right] = (self.of(demand.left) - demand.target - wanted) / demand.scale
        else:
            base = demand.scale * self.of(right) if right is not None else 0.0
            self._values[demand.left] = base + demand.target + wanted
        return True


def named(criteria: Sequence[str]) -> str:
    """Criteria in one phrase."""
    return ", ".join(f"'{name}'" for name in criteria if name) or "a stated mean"
