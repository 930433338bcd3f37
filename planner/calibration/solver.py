"""Means that satisfy constraints: each constraint in turn moves one mean until none is left to move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from planner.calibration.constraints import Cell, Constraint

_SWEEPS = 100
_ONE_SIDED = 40
"""For so many sweeps left means alone are moved, which settles every chain; then right ones too."""
_CLOSE = 1e-9


class Means:
    """Means of cells, found by moving them; a cell that nothing asks for lies at its metric's anchor.

    Args:
        anchors: metric -> where it lies where nothing says more.
    """

    def __init__(self, anchors: Mapping[str, float]) -> None:
        self._anchors = anchors
        self._values: dict[Cell, float] = {}
        self._constraints: list[Constraint] = []

    def of(self, cell: Cell) -> float:
        """The mean of a cell."""
        return self._values.get(cell, self._anchors.get(cell.metric, 1.0))

    @property
    def assigned(self) -> Mapping[Cell, float]:
        """The means that something asked for."""
        return self._values

    def fix(self, cell: Cell, value: float) -> None:
        """Fixes a mean."""
        self._values[cell] = value
        self._constraints.append(Constraint("", cell, target=value))

    def satisfy(self, constraints: Iterable[Constraint]) -> list[str]:
        """Satisfies further constraints beside those satisfied before.

        Returns:
            The criteria whose constraints contradict the others; nothing is changed then.
        """
        kept, before = dict(self._values), list(self._constraints)
        # Levels first, fixed ones before all: a comparison then gives way to them.
        self._constraints = sorted([*before, *constraints], key=lambda c: (not c.pins, c.right is not None))
        pinned = {c.left for c in self._constraints if c.pins}
        for sweep in range(_SWEEPS):
            moved = [
                self._move(constraint, pinned, sweep >= _ONE_SIDED and sweep % 2 == 1)
                for constraint in self._constraints
            ]
            if not any(moved):
                return []
        unmet = list(dict.fromkeys(c.criterion for c in self._constraints if not self._is_met(c)))
        self._values, self._constraints = kept, before
        return unmet

    def _is_met(self, constraint: Constraint) -> bool:
        gap = self._gap(constraint)
        close = _CLOSE * max(abs(constraint.by), abs(self.of(constraint.left)), abs(constraint.target), 1e-9)
        if constraint.sense == 0:
            return abs(gap) <= close
        return constraint.sense * gap >= constraint.by - close

    def _gap(self, constraint: Constraint) -> float:
        right = constraint.scale * self.of(constraint.right) if constraint.right is not None else 0.0
        return self.of(constraint.left) - right - constraint.target

    def _move(self, constraint: Constraint, pinned: set[Cell], other_side: bool) -> bool:
        """Moves one side of a constraint that is not met, or a side not yet assigned; says whether it did.

        What is assigned for the first time meets the constraint exactly, not by more.
        """
        right, free = constraint.right, {constraint.left, constraint.right} - self._values.keys() - {None}
        if not free and self._is_met(constraint):
            return False
        wanted = constraint.sense * constraint.by
        rather_right = (
            constraint.left in pinned or (right in free and constraint.left not in free) or other_side
        )
        if right is not None and rather_right and right not in pinned and constraint.scale != 0:
            self._values.setdefault(constraint.left, self.of(constraint.left))
            self._values[right] = (self.of(constraint.left) - constraint.target - wanted) / constraint.scale
            return True
        base = 0.0
        if right is not None:
            base = constraint.scale * self._values.setdefault(right, self.of(right))
        self._values[constraint.left] = base + constraint.target + wanted
        return True


def named(criteria: Sequence[str]) -> str:
    """Criteria in one phrase."""
    return ", ".join(f"'{name}'" for name in criteria if name) or "a stated mean"
