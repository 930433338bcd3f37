"""Where boxes and arrows go in a picture of the phase graph: columns from left to right."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from itertools import pairwise

from planner.language.program import Program
from planner.language.transitions import Edge, edges
from planner.phase_graph.graph import build_layers

Place = tuple[float, float]
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
        ways: edge -> points from left to right.
        backward: edges that point from right to left.
    """

    width: float
    height: float
    middles: dict[str, Place]
    heights: dict[str, float]
    ways: dict[Edge, list[Place]]
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
    ways = _ways(stops, middles, full, size)
    return Layout(width, height, {name: middles[name] for name in column}, full, ways, backward)


def _needed(name: str, stops: Mapping[Edge, list[str]]) -> float:
    """The height that the arrows at a box need."""
    leaving, arriving = (sum(stop[end] == name for stop in stops.values()) for end in (0, -1))
    return _PORT * (max(leaving, arriving) + 1)


def _lane(edge: Edge, column: int) -> str:
    return f"{edge.source}\0{edge.target}\0{edge.kind}\0{column}"


def _order(columns: list[list[str]], links: list[tuple[str, str]]) -> None:
    """Sorts each column by the mean place of its neighbours, forth and back, so that few arrows cross."""
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        for index in range(1, len(columns)) if forth else range(len(columns) - 2, -1, -1):
            fixed = {name: i for i, name in enumerate(columns[index - 1 if forth else index + 1])}
            columns[index].sort(key=_mean_place(columns[index], fixed, links))


def _mean_place(
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
) -> tuple[dict[str, Place], float]:
    """The middle of every box and lane; columns are centred."""
    height = max(sum(tall[name] for name in layer) for layer in columns)
    middles: dict[str, Place] = {}
    for index, layer in enumerate(columns):
        top = height / 2 + sum(tall[name] for name in layer) / 2
        for name in layer:
            middles[name] = (size.width / 2 + index * (size.width + size.gap), top - tall[name] / 2)
            top -= tall[name]
    return middles, height


def _ways(
    stops: Mapping[Edge, list[str]], middles: Mapping[str, Place], heights: Mapping[str, float], size: Size
) -> dict[Edge, list[Place]]:
    """Arrows as points; those that share a side of a box leave and arrive side by side."""
    half = size.width / 2
    out, into = _ports(stops, 0, middles, heights), _ports(stops, -1, middles, heights)
    ways = {}
    for edge, stop in stops.items():
        (x1, y1), (x2, y2) = middles[stop[0]], middles[stop[-1]]
        way = [(x1 + half, y1 + out[edge])]
        for name in stop[1:-1]:
            x, y = middles[name]
            way += [(x - half, y), (x + half, y)]
        ways[edge] = [*way, (x2 - half, y2 + into[edge])]
    return ways


def _ports(
    stops: Mapping[Edge, list[str]], end: int, middles: Mapping[str, Place], heights: Mapping[str, float]
) -> dict[Edge, float]:
    """How far above a box's middle each arrow at one of its sides is, ordered by where it goes."""
    found: dict[Edge, float] = {}
    beside = 1 if end == 0 else -2
    for name in dict.fromkeys(stop[end] for stop in stops.values()):
        here = [edge for edge, stop in stops.items() if stop[end] == name]
        here.sort(key=lambda edge: middles[stops[edge][beside]][1])
        step = min(0.34, heights[name] * 0.8 / max(len(here), 1))
        for i, edge in enumerate(here):
            found[edge] = (i - (len(here) - 1) / 2) * step
    return found


# --- labels ------------------------------------------------------------------------------------

_TRIED = (0.66, 0.34, 0.5, 0.8, 0.2, 0.74, 0.26)
_LETTER, _LABEL_LINE = 0.066, 0.16


def build_labels(layout: Layout, texts: Mapping[Edge, str], size: Size) -> dict[Edge, Place]:
    """The middle of each label: on or beside its arrow, clear of labels, boxes and, if it can be, arrows."""
    curves = {
        edge: [point for bend in _bends(way) for point in _samples(*bend)]
        for edge, way in layout.ways.items()
    }
    placed: dict[Edge, Place] = {}
    for edge, text in sorted(texts.items(), key=lambda item: -max(map(len, item[1].split("\n")))):
        away = [p for other, points in curves.items() if other != edge for p in points]
        boxes = [(placed[other], _extent(texts[other])) for other in placed]
        boxes += [
            (middle, (size.width / 2, layout.heights[name] / 2)) for name, middle in layout.middles.items()
        ]
        on = _candidates(layout, edge)
        beside = _extent(text)[1] + 0.05
        places = [*on, *((x, y + up) for x, y in on for up in (beside, -beside))]
        costs = [_cost(place, _extent(text), boxes, away) for place in places]
        placed[edge] = places[costs.index(min(costs))]
    return placed


def _candidates(layout: Layout, edge: Edge) -> list[Place]:
    """Places on an arrow, those first that lie at the end which it shares with fewer others."""
    leaving = sum(e.source == edge.source for e in layout.ways)
    arriving = sum(e.target == edge.target for e in layout.ways)
    bends = _bends(layout.ways[edge])
    ends = [bends[-1], bends[0]] if leaving >= arriving else [bends[0], bends[-1]]
    tried = _TRIED if leaving >= arriving else [1 - t for t in _TRIED]
    return [bend_at(*pair, t) for pair in ends for t in tried]


def _cost(place: Place, extent: Place, boxes: list[tuple[Place, Place]], away: list[Place]) -> int:
    hidden = sum(_inside(point, place, extent) for point in away)
    hit = sum(_inside(other, place, (extent[0] + its[0], extent[1] + its[1])) for other, its in boxes)
    return 1000 * hit + hidden


def _extent(text: str) -> Place:
    """Half the width and half the height of a label."""
    rows = text.split("\n")
    return max(map(len, rows)) * _LETTER / 2 + 0.04, len(rows) * _LABEL_LINE / 2 + 0.02


def _inside(point: Place, middle: Place, extent: Place) -> bool:
    return abs(point[0] - middle[0]) < extent[0] and abs(point[1] - middle[1]) < extent[1]


def _bends(way: list[Place]) -> list[tuple[Place, Place]]:
    """The pieces of an arrow between columns; those that pass a column are straight."""
    return list(pairwise(way))[::2]


def _samples(start: Place, end: Place) -> list[Place]:
    return [bend_at(start, end, i / 24) for i in range(25)]


def controls(start: Place, end: Place) -> tuple[Place, Place]:
    """The control points of the curve between two points: level at both ends."""
    reach = (end[0] - start[0]) / 2
    return (start[0] + reach, start[1]), (end[0] - reach, end[1])


def bend_at(start: Place, end: Place, t: float) -> Place:
    """The point of that curve at ``t`` between 0 and 1 (a cubic Bezier curve)."""
    one, two = controls(start, end)
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    points = (start, one, two, end)
    return (
        sum(w * p[0] for w, p in zip(weights, points, strict=True)),
        sum(w * p[1] for w, p in zip(weights, points, strict=True)),
    )
