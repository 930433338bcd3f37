"""Where the boxes of a web go: lanes from top to bottom; in each claims, criteria and the verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.knowledge.chart import Box, Lane, Tie, Web
from planner.phase_graph.layout import Point, controls

_LINE, _PAD, _BETWEEN, _APART = 0.165, 0.2, 0.14, 0.34
_LETTERS_PER_INCH, _TITLE_LETTERS_PER_INCH = 16.0, 12.0
_BEND = 0.24
WIDTHS = {"claim": 3.3, "criterion": 3.6, "phase": 2.5}
COLUMNS = {"claim": 0.0, "criterion": 4.3, "phase": 8.9}
"""Left edge of each column; all measures are inches."""
RIGHT = COLUMNS["phase"] + WIDTHS["phase"]


@dataclass(frozen=True)
class Placed:
    """A box with its place.

    Attributes:
        corner: lower left.
        lines: its text beneath the title, wrapped.
    """

    box: Box
    corner: Point
    size: Point
    lines: tuple[str, ...]

    @property
    def left(self) -> Point:
        return self.corner[0], self.corner[1] + self.size[1] / 2

    @property
    def right(self) -> Point:
        return self.corner[0] + self.size[0], self.left[1]


@dataclass(frozen=True)
class Chart:
    """A web with places.

    Attributes:
        bands: (bottom, top) of each lane.
        ways: the points of each arrow: its start, two control points, its end.
        width: of all, arcs at the right included.
    """

    placed: Mapping[str, Placed]
    bands: Sequence[tuple[float, float]]
    ways: Mapping[Tie, list[Point]]
    width: float
    height: float


def build_chart(web: Web) -> Chart:
    """Places every box; y grows upwards and the first phase is at the top."""
    wrapped = {box.key: _wrap(box) for lane in web.lanes for box in _boxes(lane)}
    deep = [_depth(lane, wrapped) for lane in web.lanes]
    top = height = sum(deep) + _APART * len(deep)
    placed: dict[str, Placed] = {}
    bands = []
    for lane, depth in zip(web.lanes, deep, strict=True):
        bands.append((top - depth - _APART / 2, top + _APART / 2))
        for column in (lane.claims, lane.criteria, (lane.phase,)):
            placed |= _place(column, top - depth / 2, wrapped)
        top -= depth + _APART
    ways = _ways(web.ties, placed, [lane.phase.key for lane in web.lanes])
    width = max([RIGHT, *(x for way in ways.values() for x, _ in way)])
    return Chart(placed, bands, ways, width, height)


def _boxes(lane: Lane) -> tuple[Box, ...]:
    return (*lane.claims, *lane.criteria, lane.phase)


def _wrap(box: Box) -> tuple[str, ...]:
    letters = int(WIDTHS[box.kind] * _LETTERS_PER_INCH)
    return tuple(line for told in box.lines for line in textwrap.wrap(told, letters))


def title_size(box: Box) -> float:
    """The size in points at which a title fits its box."""
    return min(9.0, 9.0 * WIDTHS[box.kind] * _TITLE_LETTERS_PER_INCH / len(box.title))


def _tall(box: Box, wrapped: Mapping[str, tuple[str, ...]]) -> float:
    return _PAD + _LINE * (1 + len(wrapped[box.key]))


def _stack(column: Sequence[Box], wrapped: Mapping[str, tuple[str, ...]]) -> float:
    return sum(_tall(box, wrapped) for box in column) + _BETWEEN * max(len(column) - 1, 0)


def _depth(lane: Lane, wrapped: Mapping[str, tuple[str, ...]]) -> float:
    return max(_stack(column, wrapped) for column in (lane.claims, lane.criteria, (lane.phase,)))


def _place(column: Sequence[Box], middle: float, wrapped: Mapping[str, tuple[str, ...]]) -> dict[str, Placed]:
    """The boxes of one column of a lane, around its middle."""
    top = middle + _stack(column, wrapped) / 2
    found = {}
    for box in column:
        tall = _tall(box, wrapped)
        corner = (COLUMNS[box.kind], top - tall)
        found[box.key] = Placed(box, corner, (WIDTHS[box.kind], tall), wrapped[box.key])
        top -= tall + _BETWEEN
    return found


def _ways(ties: Sequence[Tie], placed: Mapping[str, Placed], phases: Sequence[str]) -> dict[Tie, list[Point]]:
    """Arrows between columns, and arcs at the right between phases, longer ones farther out."""
    ways = {}
    for tie in ties:
        upper, lower = placed[tie.upper], placed[tie.lower]
        if tie.kind in ("names", "judged"):
            ways[tie] = [upper.right, *controls(upper.right, lower.left), lower.left]
    arcs = [tie for tie in ties if tie not in ways]
    for phase in phases:
        for tie in arcs:
            if tie.upper == phase:
                start, end = _port(tie, arcs, placed, tie.upper), _port(tie, arcs, placed, tie.lower)
                lanes_apart = abs(phases.index(tie.lower) - phases.index(tie.upper))
                out = RIGHT + 0.5 + _BEND * (2 * lanes_apart + _beside(tie, arcs))
                ways[tie] = [start, (out, start[1]), (out, end[1]), end]
    return ways


def _beside(tie: Tie, arcs: Sequence[Tie]) -> int:
    """Which of the arcs between the same two phases this is."""
    same = [other for other in arcs if (other.upper, other.lower) == (tie.upper, tie.lower)]
    return same.index(tie)


def _port(tie: Tie, arcs: Sequence[Tie], placed: Mapping[str, Placed], at: str) -> Point:
    """Where an arc leaves or reaches a phase: those that go up above those that go down."""
    here = [arc for arc in arcs if at in (arc.upper, arc.lower)]

    def other_end(arc: Tie) -> float:
        return placed[arc.lower if arc.upper == at else arc.upper].left[1]

    x, y = placed[at].right
    here.sort(key=lambda arc: (other_end(arc) > y, -abs(other_end(arc) - y) if other_end(arc) > y else 0))
    step = min(0.16, placed[at].size[1] * 0.8 / max(len(here), 1))
    return x, y + (here.index(tie) - (len(here) - 1) / 2) * step
