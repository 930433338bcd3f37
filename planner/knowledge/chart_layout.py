"""Lays out a chart of knowledge: lanes from top to bottom; in each claims, criteria and the verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.knowledge.chart import Arrow, Chart, Lane, Node
from planner.phase_graph.layout import Point, controls

_LINE, _PAD, _BETWEEN, _APART = 0.165, 0.2, 0.14, 0.34
_LETTERS_PER_INCH, _TITLE_LETTERS_PER_INCH = 16.0, 12.0
_BEND = 0.24
WIDTHS = {"claim": 3.3, "criterion": 3.6, "phase": 2.5}
COLUMNS = {"claim": 0.0, "criterion": 4.3, "phase": 8.9}
"""Left edge of each column; all measures are inches."""
RIGHT = COLUMNS["phase"] + WIDTHS["phase"]


@dataclass(frozen=True)
class PlacedNode:
    """A node with its place.

    Attributes:
        corner: lower left.
        lines: its text beneath the title, wrapped.
    """

    node: Node
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
class ChartLayout:
    """A chart with the place of every node and arrow.

    Attributes:
        bands: (bottom, top) of each lane.
        routes: the points of each arrow: its start, two control points, its end.
        width: of all, arcs at the right included.
    """

    placed: Mapping[str, PlacedNode]
    bands: Sequence[tuple[float, float]]
    routes: Mapping[Arrow, list[Point]]
    width: float
    height: float


def build_chart_layout(chart: Chart) -> ChartLayout:
    """Places every node; y grows upwards and the first phase is at the top."""
    wrapped = {node.key: _wrap(node) for lane in chart.lanes for node in _nodes(lane)}
    deep = [_depth(lane, wrapped) for lane in chart.lanes]
    top = height = sum(deep) + _APART * len(deep)
    placed: dict[str, PlacedNode] = {}
    bands = []
    for lane, depth in zip(chart.lanes, deep, strict=True):
        bands.append((top - depth - _APART / 2, top + _APART / 2))
        for column in (lane.claims, lane.criteria, (lane.phase,)):
            placed |= _place_column(column, top - depth / 2, wrapped)
        top -= depth + _APART
    routes = _routes(chart.arrows, placed, [lane.phase.key for lane in chart.lanes])
    width = max([RIGHT, *(x for route in routes.values() for x, _ in route)])
    return ChartLayout(placed, bands, routes, width, height)


def _nodes(lane: Lane) -> tuple[Node, ...]:
    return (*lane.claims, *lane.criteria, lane.phase)


def _wrap(node: Node) -> tuple[str, ...]:
    letters = int(WIDTHS[node.kind] * _LETTERS_PER_INCH)
    return tuple(line for text in node.lines for line in textwrap.wrap(text, letters))


def title_size(node: Node) -> float:
    """The size in points at which a title fits its node."""
    return min(9.0, 9.0 * WIDTHS[node.kind] * _TITLE_LETTERS_PER_INCH / len(node.title))


def _tall(node: Node, wrapped: Mapping[str, tuple[str, ...]]) -> float:
    return _PAD + _LINE * (1 + len(wrapped[node.key]))


def _stack(column: Sequence[Node], wrapped: Mapping[str, tuple[str, ...]]) -> float:
    return sum(_tall(node, wrapped) for node in column) + _BETWEEN * max(len(column) - 1, 0)


def _depth(lane: Lane, wrapped: Mapping[str, tuple[str, ...]]) -> float:
    return max(_stack(column, wrapped) for column in (lane.claims, lane.criteria, (lane.phase,)))


def _place_column(
    column: Sequence[Node], middle: float, wrapped: Mapping[str, tuple[str, ...]]
) -> dict[str, PlacedNode]:
    """The nodes of one column of a lane, around its middle."""
    top = middle + _stack(column, wrapped) / 2
    placed = {}
    for node in column:
        tall = _tall(node, wrapped)
        corner = (COLUMNS[node.kind], top - tall)
        placed[node.key] = PlacedNode(node, corner, (WIDTHS[node.kind], tall), wrapped[node.key])
        top -= tall + _BETWEEN
    return placed


def _routes(
    arrows: Sequence[Arrow], placed: Mapping[str, PlacedNode], phases: Sequence[str]
) -> dict[Arrow, list[Point]]:
    """Arrows between columns, and arcs at the right between phases, longer ones farther out."""
    routes = {}
    for arrow in arrows:
        upper, lower = placed[arrow.upper], placed[arrow.lower]
        if arrow.kind in ("names", "judged"):
            routes[arrow] = [upper.right, *controls(upper.right, lower.left), lower.left]
    arcs = [arrow for arrow in arrows if arrow not in routes]
    for phase in phases:
        for arrow in arcs:
            if arrow.upper == phase:
                start, end = _port(arrow, arcs, placed, arrow.upper), _port(arrow, arcs, placed, arrow.lower)
                lanes_apart = abs(phases.index(arrow.lower) - phases.index(arrow.upper))
                out = RIGHT + 0.5 + _BEND * (2 * lanes_apart + _beside(arrow, arcs))
                routes[arrow] = [start, (out, start[1]), (out, end[1]), end]
    return routes


def _beside(arrow: Arrow, arcs: Sequence[Arrow]) -> int:
    """Which of the arcs between the same two phases this is."""
    same = [other for other in arcs if (other.upper, other.lower) == (arrow.upper, arrow.lower)]
    return same.index(arrow)


def _port(arrow: Arrow, arcs: Sequence[Arrow], placed: Mapping[str, PlacedNode], phase: str) -> Point:
    """Where an arc leaves or reaches a phase: those that go up above those that go down."""
    here = [arc for arc in arcs if phase in (arc.upper, arc.lower)]

    def other_end(arc: Arrow) -> float:
        return placed[arc.lower if arc.upper == phase else arc.upper].left[1]

    x, y = placed[phase].right
    here.sort(key=lambda arc: (other_end(arc) > y, -abs(other_end(arc) - y) if other_end(arc) > y else 0))
    step = min(0.16, placed[phase].size[1] * 0.8 / max(len(here), 1))
    return x, y + (here.index(arrow) - (len(here) - 1) / 2) * step
