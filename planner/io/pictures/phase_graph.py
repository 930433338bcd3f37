"""Draws the phase graph as a picture: columns of boxes from left to right."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from planner.errors import UsageError
from planner.language.program import Program
from planner.language.transitions import Edge, edges
from planner.phase_graph.layout import Layout, Point, Size, build_labels, build_layout, controls
from planner.phase_graph.render import UNKNOWN, PhaseState, States, colour_of, label_of

FORMATS = (".svg", ".png")
_SIZE = Size()
_MARGIN, _LINE_HEIGHT = 0.4, 0.165
_FILL = {
    "locked": ("#f3f4f6", "#9ca3af"),
    "ready": ("#dbeafe", "#2563eb"),
    "running": ("#fef3c7", "#d97706"),
    "waiting": ("#ffedd5", "#ea580c"),
    "blocked": ("#e7e5e4", "#44403c"),
    "judged": ("#ede9fe", "#7c3aed"),
    "pass": ("#dcfce7", "#16a34a"),
    "fail": ("#fee2e2", "#dc2626"),
}
_DASHES: dict[str, Any] = {"next": "-", "default": "-", "triage": (0, (4, 2)), "diagnose": (0, (1, 1.5))}
_INK = {"next": "#374151", "default": "#374151", "triage": "#7c3aed", "diagnose": "#0f766e"}
_GREY = "#4b5563"


def write_graph(program: Program, states: States, path: Path) -> None:
    """Writes the graph as SVG or PNG, by the file's ending; the same input gives the same bytes.

    Raises:
        UsageError: another ending.

    Side effects: writes the file, aside first, then in its place.
    """
    write_picture(path, lambda figure: _draw(figure, program, states))


def write_picture(path: Path, draw: Callable[[Any], None]) -> None:
    """Writes what ``draw`` draws on an empty figure, as :func:`write_graph` does."""
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise UsageError(f"'{path.name}': pictures are written as {' or '.join(FORMATS)}")
    import matplotlib  # 300 ms: only where something is drawn
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "phasegate", "font.family": "DejaVu Sans"}):
        matplotlib.rcParams["text.parse_math"] = False  # a dollar sign is no formula
        figure = Figure(dpi=120, facecolor="white")
        draw(figure)
        aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        metadata = {"Date": None} if ending == ".svg" else {"Software": None}
        try:
            figure.savefig(aside, format=ending[1:], metadata=metadata)
            aside.replace(path)
        finally:
            aside.unlink(missing_ok=True)


def draw_box(axes: Any, corner: Point, size: Point, colours: tuple[str, str], dashed: bool) -> None:
    """A box with round corners; ``corner`` is its lower left one, ``colours`` are (fill, border)."""
    from matplotlib.patches import FancyBboxPatch

    style, dashes = "round,pad=0,rounding_size=0.09", "--" if dashed else "-"
    fill, edge = colours
    axes.add_patch(FancyBboxPatch(corner, *size, style, fc=fill, ec=edge, lw=1.5, ls=dashes, zorder=3))


def draw_arrow(axes: Any, points: list[Point], heads: str, colour: str, dashes: Any) -> None:
    """An arrow along cubic Bezier curves.

    Args:
        points: where it begins, then for each curve two control points and its end.
        heads: ``-|>`` with its head at the end, ``<|-`` at the beginning, ``<|-|>`` at both.
    """
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Curve

    axes.add_patch(
        FancyArrowPatch(
            path=Curve(points, [Curve.MOVETO] + [Curve.CURVE4] * (len(points) - 1)),
            arrowstyle=f"{heads},head_length=5,head_width=2.5",
            color=colour,
            ls=dashes,
            lw=1.2,
            zorder=2,
        )
    )


def _draw(figure: Any, program: Program, states: States) -> None:
    lines = {name: _lines(program, name, states.get(name, UNKNOWN)) for name in program.phases}
    heights = {name: 0.3 + _LINE_HEIGHT * (1 + len(texts)) for name, texts in lines.items()}
    layout = build_layout(program, heights, _SIZE)
    width = max(layout.width, 6.5) + 2 * _MARGIN
    question = textwrap.wrap(program.question, int(width * 13))
    above, below = 0.55 + 0.2 * len(question), 0.35
    height = layout.height + above + below + _MARGIN
    figure.set_size_inches(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    left = (width - layout.width) / 2
    axes.set_xlim(-left, width - left)
    axes.set_ylim(-below - _MARGIN / 2, height - below - _MARGIN / 2)
    axes.axis("off")
    axes.text(
        _MARGIN - left, layout.height + above - 0.3, program.program, size=14, weight="bold", va="center"
    )
    text = "\n".join(question)
    axes.text(_MARGIN - left, layout.height + above - 0.47, text, size=9, color=_GREY, va="top")
    _draw_legend(axes, list(layout.routes), _MARGIN - left)
    for edge, corners in layout.routes.items():
        _draw_arrow(axes, edge, corners, edge in layout.backward)
    _draw_labels(axes, layout)
    for name, middle in layout.middles.items():
        _draw_box(axes, name, middle, layout.heights[name], lines[name], states.get(name, UNKNOWN))


def _lines(program: Program, name: str, state: PhaseState) -> list[str]:
    """What is written in a box beneath the name: state or answer, what it is worth, and where it ends."""
    texts = [state.summary, *state.remarks]
    here = [edge for edge in edges(program) if edge.source == name]
    ends = [f"{label_of(edge)}: {edge.target}" for edge in here if edge.target in ("stop", "wait")]
    ends += [f"{', '.join(edge.answers)}: once more" for edge in here if edge.target == name]
    texts += [" · ".join(ends)] if ends else []
    return [line for part in texts for line in textwrap.wrap(part, 38)]


def _draw_box(
    axes: Any, name: str, middle: Point, height: float, texts: list[str], state: PhaseState
) -> None:
    corner = (middle[0] - _SIZE.width / 2, middle[1] - height / 2)
    dashed = state.stale or bool(state.superseded_by)
    draw_box(axes, corner, (_SIZE.width, height), _FILL[colour_of(state)], dashed)
    top = middle[1] + (len(texts) * _LINE_HEIGHT) / 2
    size = min(10.0, 10.0 * 26 / len(name))
    axes.text(middle[0], top, name, size=size, weight="bold", ha="center", va="center", zorder=4)
    for i, line in enumerate(texts):
        y = top - (i + 1) * _LINE_HEIGHT - 0.02
        axes.text(middle[0], y, line, size=7.5, color=_GREY, ha="center", va="center", zorder=4)


def _draw_arrow(axes: Any, edge: Edge, corners: list[Point], backward: bool) -> None:
    points = [corners[0]]
    for start, end in pairwise(corners):
        points += [*controls(start, end), end]
    heads = "<|-|>" if edge.returns else "<|-" if backward else "-|>"
    draw_arrow(axes, points, heads, _INK[edge.kind], _DASHES[edge.kind])


def _draw_labels(axes: Any, layout: Layout) -> None:
    shown = {e: "\n".join(textwrap.wrap(label_of(e), 22, break_long_words=False)) for e in layout.routes}
    shown = {edge: text for edge, text in shown.items() if text}
    box = {"boxstyle": "round,pad=0.12", "fc": "white", "ec": "none"}
    for edge, (x, y) in build_labels(layout, shown, _SIZE).items():
        ink = _INK[edge.kind]
        axes.text(x, y, shown[edge], size=7.5, color=ink, ha="center", va="center", bbox=box, zorder=5)


def _draw_legend(axes: Any, drawn: list[Edge], left: float) -> None:
    kinds = {edge.kind for edge in drawn}
    entries = [("next", "an answer leads here")]
    entries += [("triage", "triage may open it")] if "triage" in kinds else []
    entries += [("diagnose", "judged before triage")] if "diagnose" in kinds else []
    if any(edge.returns for edge in drawn):
        entries.append(("", "two heads: it leads back"))
    x, y = left, -0.2
    for kind, text in entries:
        if kind:
            axes.plot([x, x + 0.4], [y, y], color=_INK[kind], ls=_DASHES[kind], lw=1.2)
        axes.text(x + (0.5 if kind else 0), y, text, size=7.5, color=_GREY, va="center")
        x += 0.8 + 0.075 * len(text)
