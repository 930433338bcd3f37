"""Draws what rests on what as a picture: a lane per phase with its claims, criteria and verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from planner.errors import UsageError
from planner.io.pictures.phase_graph import draw_arrow, draw_box, write_picture
from planner.knowledge.build import Knowledge
from planner.knowledge.chart import COLOURS, Chart, build_chart
from planner.knowledge.chart_layout import COLUMNS, ChartLayout, PlacedNode, build_chart_layout, title_size
from planner.text.numbers import words

_MARGIN, _ABOVE, _BELOW, _LINE = 0.4, 1.0, 0.75, 0.165
_GREY, _BAND = "#4b5563", "#f8fafc"
_INK: dict[str, tuple[str, Any]] = {
    "names": ("#374151", "-"),
    "judged": ("#9ca3af", "-"),
    "opened": ("#7c3aed", (0, (4, 2))),
    "criterion": ("#0f766e", "-"),
    "runs": ("#b45309", "-"),
    "supersedes": ("#dc2626", (0, (1, 1.5))),
}
_LEGEND = {
    "names": "the claim names the criterion",
    "judged": "judged in the phase",
    "opened": "opened by",
    "criterion": "uses a criterion of",
    "runs": "uses the runs of",
    "supersedes": "supersedes",
}


def write_charts(programs: Sequence[Knowledge], ending: str, out: Path | None) -> list[Path]:
    """Writes one picture per program: ``PROGRAM.knowledge.ENDING``, or ``out`` where there is one program.

    Raises:
        UsageError: one file for several programs.

    Side effects: writes the files.
    """
    if out is not None and len(programs) > 1:
        raise UsageError("--out takes the picture of one program; name the program, or leave --out away")
    paths = []
    for one in programs:
        path = out or Path(f"{one.state.program.program}.knowledge.{ending}")
        path = path if path.suffix == f".{ending}" else path.with_suffix(f".{ending}")
        chart = build_chart(one)
        write_picture(path, lambda figure, chart=chart: _draw(figure, chart))  # type: ignore[misc]
        paths.append(path)
    return paths


def _draw(figure: Any, chart: Chart) -> None:
    layout = build_chart_layout(chart)
    width, height = layout.width + 2 * _MARGIN, layout.height + _ABOVE + _BELOW
    figure.set_size_inches(width, height)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-_MARGIN, width - _MARGIN)
    axes.set_ylim(-_BELOW, height - _BELOW)
    axes.axis("off")
    _draw_heading(axes, chart, layout)
    for i, (bottom, top) in enumerate(layout.bands):
        colour = _BAND if i % 2 == 0 else "white"
        axes.axhspan(bottom, top, color=colour, zorder=0)
    for arrow, corners in layout.routes.items():
        draw_arrow(axes, corners, "-|>", *_INK[arrow.kind])
    for placed in layout.placed.values():
        _draw_box(axes, placed)
    _draw_legends(axes, chart)


def _draw_heading(axes: Any, chart: Chart, layout: ChartLayout) -> None:
    top = layout.height + _ABOVE
    axes.text(0, top - 0.22, chart.program, size=14, weight="bold", va="center")
    question = textwrap.shorten(chart.question, int(layout.width * 13), placeholder=" ...")
    axes.text(0, top - 0.47, question, size=9, color=_GREY, va="center")
    for kind, text in (("claim", "claims"), ("criterion", "rest on criteria"), ("phase", "and on verdicts")):
        axes.text(COLUMNS[kind], layout.height + 0.23, text, size=8, style="italic", color=_GREY, va="center")


def _draw_box(axes: Any, placed: PlacedNode) -> None:
    draw_box(axes, placed.corner, placed.size, COLOURS[placed.node.status], placed.node.dashed)
    x, y = placed.corner[0] + 0.1, placed.left[1] + len(placed.lines) * _LINE / 2
    size = title_size(placed.node)
    axes.text(x, y, placed.node.title, size=size, weight="bold", va="center", zorder=4)
    for i, line in enumerate(placed.lines):
        axes.text(x, y - (i + 1) * _LINE - 0.01, line, size=7, color=_GREY, va="center", zorder=4)


def _draw_legends(axes: Any, chart: Chart) -> None:
    """What the arrows mean and, below, the colours of claims."""
    x = 0.0
    for kind in dict.fromkeys(arrow.kind for arrow in chart.arrows):
        colour, dashes = _INK[kind]
        axes.plot([x, x + 0.4], [-0.25, -0.25], color=colour, ls=dashes, lw=1.2)
        axes.text(x + 0.48, -0.25, _LEGEND[kind], size=7.5, color=_GREY, va="center")
        x += 0.8 + 0.075 * len(_LEGEND[kind])
    x = 0.0
    for status in dict.fromkeys(node.status for lane in chart.lanes for node in lane.claims):
        draw_box(
            axes, (x, -0.6), (0.25, 0.16), COLOURS[status], status in ("superseded", "stale", "proposed")
        )
        axes.text(x + 0.33, -0.52, words(status), size=7.5, color=_GREY, va="center")
        x += 0.65 + 0.075 * len(status)
