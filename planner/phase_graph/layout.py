"""Where boxes and arrows go in a picture of the phase graph: columns from left to right."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from itertools import pairwise

from planner.language.program import Program
from planner.language.transitions import Edge, edges
from planner.phase_graph.graph import build_layers

Point = tuple[float, float]
_SWEEPS = 6
_PORT = 0.17


@dataclasses.dataclass(frozen=True)
class Size:
    """Measures in inches."""

    width: float = 2.6
    gap: float = 1.9
    between: float = 0.42
    lane: float = 0.5
    """Height of an arrow that passes a column."""


@dataclasses.dataclass(frozen=True)
class Layout:
    """Middles of boxes, arrows as the points they pass, and the size of the whole.

    Attributes:
        routes: edge -> points from left to right.
        backward: edges that point from right to left.
    """

    width: float
    height: float
    middles: dict[str, Point]
    heights: dict[str, float]
    routes: dict[Edge, list[Point]]
    backward: frozenset[Edge]


def build_layout(program: Program, heights: Mapping[str, float], size: Size) -> Layout:
    """Places every phase behind those that lead to it, arrows that skip a column in lanes of their own.

    Args:
        heights: what the text of each box needs; one where many arrows meet becomes taller.
    """
    columns = build_layers(program)
    column = {name: i for i, layer in enumerate(columns) for name in layer}
    inside = [e for e in edges(program) if e.target in column and e.target != e.source]
    # An arrow that closes a circle is placed as if it pointed forward, and drawn with its head on the left.
    backward = frozenset(e for e in inside if column[e.target] < column[e.source])
    stops: dict[Edge, list[str]] = {}
    for edge in inside:
        left, right = (edge.target, edge.source) if edge in backward else (edge.source, edge.target)
        lanes = {i: _lane(edge, i) for i in range(column[left] + 1, column[right])}
        for i, lane in lanes.items():
            columns[i].append(lane)
        stops[edge] = [left, *lanes.values(), right]
    _order(columns, [pair for stop in stops.values() for pair in pairwise(stop)])
    full = {name: max(height, _needed(name, stops)) for name, height in heights.items()}
    tall = {name: full.get(name, size.lane) + size.between for layer in columns for name in layer}
    middles, height = _middles(columns, tall, size)
    width = len(columns) * (size.width + size.gap) - size.gap
    routes = _routes(stops, middles, full, size)
    return Layout(width, height, {name: middles[name] for name in column}, full, routes, backward)


def _needed(name: str, stops: Mapping[Edge, list[str]]) -> float:
    """The height that the arrows at a box need."""
    leaving, arriving = (sum(stop[end] == name for stop in stops.values()) for end in (0, -1))
    return _PORT * (max(leaving, arriving) + 1)


def _lane(edge: Edge, column: int) -> str:
    return f"{edge.source}\0{edge.target}\0{edge.kind}\0{column}"


def _order(columns: list[list[str]], links: list[tuple[str, str]]) -> None:
    """Sorts each column by the mean position of its neighbours, forth and back, so that few arrows cross."""
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        for index in range(1, len(columns)) if forth else range(len(columns) - 2, -1, -1):
            fixed = {name: i for i, name in enumerate(columns[index - 1 if forth else index + 1])}
            columns[index].sort(key=_barycentres(columns[index], fixed, links))


def _barycentres(
    names: list[str], fixed: dict[str, int], links: list[tuple[str, str]]
) -> Callable[[str], float]:
    means = {}
    for i, name in enumerate(names):
        near = [fixed[a] for a, b in links if b == name and a in fixed]
        near += [fixed[b] for a, b in links if a == name and b in fixed]
        means[name] = sum(near) / len(near) if near else float(i)
    return means.__getitem__


def _middles(
    columns: list[list[str]], tall: Mapping[str, float], size: Size
) -> tuple[dict[str, Point], float]:
    """The middle of every box and lane; columns are centred."""
    height = max(sum(tall[name] for name in layer) for layer in columns)
    middles: dict[str, Point] = {}
    for index, layer in enumerate(columns):
        top = height / 2 + sum(tall[name] for name in layer) / 2
        for name in layer:
            middles[name] = (size.width / 2 + index * (size.width + size.gap), top - tall[name] / 2)
            top -= tall[name]
    return middles, height


def _routes(
    stops: Mapping[Edge, list[str]], middles: Mapping[str, Point], heights: Mapping[str, float], size: Size
) -> dict[Edge, list[Point]]:
    """Arrows as points; those that share a side of a box leave and arrive side by side."""
    half = size.width / 2
    out, into = _ports(stops, 0, middles, heights), _ports(stops, -1, middles, heights)
    routes = {}
    for edge, stop in stops.items():
        (x1, y1), (x2, y2) = middles[stop[0]], middles[stop[-1]]
        route = [(x1 + half, y1 + out[edge])]
        for name in stop[1:-1]:
            x, y = middles[name]
            route += [(x - half, y), (x + half, y)]
        routes[edge] = [*route, (x2 - half, y2 + into[edge])]
    return routes


def _ports(
    stops: Mapping[Edge, list[str]], end: int, middles: Mapping[str, Point], heights: Mapping[str, float]
) -> dict[Edge, float]:
    """How far above a box's middle each arrow at one of its sides is, ordered by where it goes."""
    offsets: dict[Edge, float] = {}
    beside = 1 if end == 0 else -2
    for name in dict.fromkeys(stop[end] for stop in stops.values()):
        sharing = [edge for edge, stop in stops.items() if stop[end] == name]
        sharing.sort(key=lambda edge: middles[stops[edge][beside]][1])
        step = min(0.34, heights[name] * 0.8 / max(len(sharing), 1))
        for i, edge in enumerate(sharing):
            offsets[edge] = (i - (len(sharing) - 1) / 2) * step
    return offsets


# --- labels ------------------------------------------------------------------------------------

_TRIED = (0.66, 0.34, 0.5, 0.8, 0.2, 0.74, 0.26)
_LETTER, _LABEL_LINE = 0.066, 0.16


def build_labels(layout: Layout, texts: Mapping[Edge, str], size: Size) -> dict[Edge, Point]:
    """The middle of each label: on or beside its arrow, clear of labels, boxes and, if it can be, arrows."""
    curves = {
        edge: [point for bend in _bends(route) for point in _samples(*bend)]
        for edge, route in layout.routes.items()
    }
    positions: dict[Edge, Point] = {}
    for edge, text in sorted(texts.items(), key=lambda item: -max(map(len, item[1].split("\n")))):
        away = [p for other, points in curves.items() if other != edge for p in points]
        boxes = [(positions[other], _extent(texts[other])) for other in positions]
        boxes += [
            (middle, (size.width / 2, layout.heights[name] / 2)) for name, middle in layout.middles.items()
        ]
        on_route = _candidates(layout, edge)
        beside = _extent(text)[1] + 0.05
        candidates = [*on_route, *((x, y + up) for x, y in on_route for up in (beside, -beside))]
        costs = [_cost(candidate, _extent(text), boxes, away) for candidate in candidates]
        positions[edge] = candidates[costs.index(min(costs))]
    return positions


def _candidates(layout: Layout, edge: Edge) -> list[Point]:
    """Places on an arrow, those first that lie at the end which it shares with fewer others."""
    leaving = sum(e.source == edge.source for e in layout.routes)
    arriving = sum(e.target == edge.target for e in layout.routes)
    bends = _bends(layout.routes[edge])
    ends = [bends[-1], bends[0]] if leaving >= arriving else [bends[0], bends[-1]]
    tried = _TRIED if leaving >= arriving else [1 - t for t in _TRIED]
    return [bend_at(*pair, t) for pair in ends for t in tried]


def _cost(middle: Point, extent: Point, boxes: list[tuple[Point, Point]], away: list[Point]) -> int:
    hidden = sum(_inside(point, middle, extent) for point in away)
    hit = sum(_inside(other, middle, (extent[0] + its[0], extent[1] + its[1])) for other, its in boxes)
    return 1000 * hit + hidden


def _extent(text: str) -> Point:
    """Half the width and half the height of a label."""
    rows = text.split("\n")
    return max(map(len, rows)) * _LETTER / 2 + 0.04, len(rows) * _LABEL_LINE / 2 + 0.02


def _inside(point: Point, middle: Point, extent: Point) -> bool:
    return abs(point[0] - middle[0]) < extent[0] and abs(point[1] - middle[1]) < extent[1]


def _bends(route: list[Point]) -> list[tuple[Point, Point]]:
    """The pieces of an arrow between columns; those that pass a column are straight."""
    return list(pairwise(route))[::2]


def _samples(start: Point, end: Point) -> list[Point]:
    return [bend_at(start, end, i / 24) for i in range(25)]


def controls(start: Point, end: Point) -> tuple[Point, Point]:
    """The control points of the curve between two points: level at both ends."""
    reach = (end[0] - start[0]) / 2
    return (start[0] + reach, start[1]), (end[0] - reach, end[1])


def bend_at(start: Point, end: Point, t: float) -> Point:
    """The point of that curve at ``t`` between 0 and 1 (a cubic Bezier curve)."""
    one, two = controls(start, end)
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    points = (start, one, two, end)
    return (
        sum(w * p[0] for w, p in zip(weights, points, strict=True)),
        sum(w * p[1] for w, p in zip(weights, points, strict=True)),
    )
