"""The figures of a memo, and what other figures share.

With ``pictures``, the only module that imports matplotlib.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from planner.evidence.evidence import Evidence
from planner.evidence.values import is_finite
from planner.language.program import Figure, Program
from planner.records.verdict import TableRow, Verdict
from planner.text.numbers import words
from planner.text.terminal import plain

_COLOURS = ("#1b6ca8", "#d1495b", "#2f9e6e", "#edae49", "#6f4a8e", "#5c677d", "#00798c", "#b56576")
_LINES = ("o-", "s--")
_DPI = 110


class DrawnFigure(NamedTuple):
    """A figure of a memo, drawn by matplotlib; its name is that of its file."""

    name: str
    title: str
    drawn: Any


def figures_of(program: Program, verdict: Verdict, evidence: Evidence) -> list[DrawnFigure]:
    """The figures that this phase's runs have the metrics for.

    A figure declared in the program is drawn where its metrics are there; without any, the metrics
    of the gate are shown by arm.
    """
    figures = []
    for name, rule in program.figures.items():
        drawn = _curves(program, rule, evidence) if rule.against else _points(program, rule.shows, verdict)
        if drawn is not None:
            figures.append(DrawnFigure(name, rule.title or words(name), drawn))
    if not any(rule.against is None for rule in program.figures.values()):
        metrics = list(dict.fromkeys(r.metric for r in verdict.table))[:4]
        drawn = _points(program, metrics, verdict)
        if drawn is not None:
            figures.append(DrawnFigure("results", "results by arm", drawn))
    return figures


def save_figure(figure: Any, path: Path) -> None:
    """Writes a figure as PNG or SVG, by the file's ending: aside, then in its place.

    Side effects: creates the folder and the file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    import matplotlib

    aside = path.with_suffix(f".part{path.suffix}")
    metadata = {"Date": None} if path.suffix == ".svg" else {"Software": None}
    with matplotlib.rc_context({"svg.hashsalt": "phasegate"}):
        figure.savefig(aside, dpi=_DPI, metadata=metadata)
    aside.replace(path)


def new_canvas(panels: int, height: float) -> tuple[Any, Sequence[Any]]:
    """A figure with so many panels side by side, without frames.

    Args:
        height: in inches.
    """
    from matplotlib.figure import Figure as Canvas

    canvas = Canvas(figsize=(4.6 * panels, height), layout="constrained")
    axes = canvas.subplots(1, panels, squeeze=False)[0]
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(True, color="#e9ecef", linewidth=0.8)
        axis.set_axisbelow(True)
    return canvas, axes


def _points(program: Program, metrics: Sequence[str], verdict: Verdict) -> Any | None:
    """One point per arm and seed, with the mean and its interval, a panel for each metric."""
    shown = [m for m in metrics if any(r.metric == m for r in verdict.table)]
    arms = [a for a in program.phases[verdict.phase].arms if any(r.arm == a for r in verdict.table)]
    if not shown or not arms:
        return None
    canvas, axes = new_canvas(len(shown), 0.9 + 0.34 * len(arms))
    for axis, metric in zip(axes, shown, strict=True):
        rows = {r.arm: r for r in verdict.table if r.metric == metric}
        for index, arm in enumerate(arms):
            if arm in rows:
                _one_arm(axis, rows[arm], len(arms) - 1 - index, _COLOURS[index % len(_COLOURS)])
        axis.axvline(0, color="#868e96", linewidth=0.8)
        axis.set_yticks(range(len(arms)), reversed(arms))
        axis.set_xlabel(f"{metric} ({_unit(program, metric)})")
    return canvas


def _one_arm(axis: Any, row: TableRow, index: int, colour: str) -> None:
    values = [value for _, value in row.estimate.values]
    axis.plot(values, [index] * len(values), "o", color=colour, alpha=0.45, markersize=5)
    axis.plot([row.estimate.value], [index], "D", color=colour, markersize=6)
    if row.estimate.interval is not None:
        axis.plot(row.estimate.interval, [index, index], "-", color=colour, linewidth=2)


def _curves(program: Program, rule: Figure, evidence: Evidence) -> Any | None:
    """Each metric against another, step by step: a line per arm through the mean of its seeds."""
    against = rule.against or ""
    arms = [a for a in evidence.runs if any(against in r.series for r in evidence.of(a).values())]
    if not arms:
        return None
    canvas, axes = new_canvas(len(rule.shows), 3.6)
    for axis, metric in zip(axes, rule.shows, strict=True):
        drawn: list[float] = []
        for index, arm in enumerate(arms):
            groups = _by_place(evidence, arm, against, metric)
            if not groups:
                continue
            xs = sorted(groups)
            colour, means = _COLOURS[index % len(_COLOURS)], [_mean(groups[x]) for x in xs]
            drawn += means
            axis.plot(xs, means, _LINES[index // len(_COLOURS) % 2], color=colour, label=arm, markersize=3.5)
            axis.fill_between(
                xs, [min(groups[x]) for x in xs], [max(groups[x]) for x in xs], color=colour, alpha=0.12
            )
        if min(drawn, default=0.0) <= 0 <= max(drawn, default=0.0):  # elsewhere it would squeeze the curves
            axis.axhline(0, color="#868e96", linewidth=0.8)
        if rule.scale == "log":
            axis.set_xscale("log")
        _tame(axis, drawn)
        axis.set_xlabel(f"{against} ({_unit(program, against)})")
        axis.set_ylabel(f"{metric} ({_unit(program, metric)})")
    canvas.legend(*axes[0].get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=8)
    return canvas


def _by_place(evidence: Evidence, arm: str, against: str, metric: str) -> dict[float, list[float]]:
    groups: dict[float, list[float]] = {}
    for run in evidence.of(arm).values():
        across = dict(run.series.get(against, ()))
        for step, value in run.series.get(metric, ()):
            position = across.get(step)
            if position is not None and is_finite(position) and is_finite(value):
                groups.setdefault(float(f"{position:.6g}"), []).append(value)
    return groups


def _tame(axis: Any, values: Sequence[float]) -> None:
    """Keeps one diverging curve from flattening all others: a scale that is linear around zero only."""
    sizes = sorted(abs(v) for v in values if v)
    if sizes and sizes[-1] > 20 * sizes[len(sizes) // 2]:
        axis.set_yscale("symlog", linthresh=sizes[len(sizes) * 2 // 3])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _unit(program: Program, metric: str) -> str:
    unit = program.metrics[metric].unit if metric in program.metrics else "-"
    return plain(unit).replace("$", r"\$")  # a dollar sign is no formula
