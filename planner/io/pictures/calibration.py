"""The figure of a calibration: how often each gate errs, what it answers, and what that costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from planner.calibration.summary import Calibration, GateRow, Rate, Tally
from planner.errors import UsageError
from planner.io.pictures.memo_figures import new_canvas, save_figure

_BLUE, _RED, _GREEN, _AMBER, _GREY = "#1b6ca8", "#d1495b", "#2f9e6e", "#edae49", "#868e96"
_INK = "#343a40"


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Draws a calibration as PNG or SVG, by the file's ending.

    Raises:
        UsageError: another ending.

    Side effects: creates the folder and the file.
    """
    if path.suffix not in (".png", ".svg"):
        raise UsageError(f"'{path.name}': pictures are written as .png or .svg")
    save_figure(_drawn(calibration), path)


def _drawn(calibration: Calibration) -> Any:
    stated = "stated" in calibration.path
    rows = len(calibration.gates) + (0 if stated else 1)
    canvas, axes = new_canvas(2 if stated else 3, 1.9 + 0.36 * rows)
    canvas.suptitle(
        f"{calibration.program}: {calibration.repetitions} repetitions, {calibration.shape} noise",
        x=0.01,
        ha="left",
        size=12,
    )
    if stated:
        _shares(axes[0], calibration.gates, "stated", "answers under the stated means")
        _runs(axes[1], calibration.gates, (("stated", _BLUE),))
    else:
        _false_passes(axes[0], calibration)
        _shares(axes[1], calibration.gates, "effect", "answers where every criterion is true")
        _runs(axes[2], calibration.gates, (("null", _RED), ("effect", _BLUE)))
    names = [gate.phase for gate in calibration.gates] + ([] if stated else ["any gate on the path"])
    for i, axis in enumerate(axes):
        axis.set_ylim(len(names) - 0.4, -0.6)
        axis.set_yticks(range(len(names)), names if i == 0 else [""] * len(names))
    return canvas


def _false_passes(axis: Any, calibration: Calibration) -> None:
    """Rates with their intervals beside the share that each gate may spend."""
    for row, gate in enumerate(calibration.gates):
        if gate.point:
            rate = gate.null.passed.rate if gate.null else 0.0
            axis.text(0.0, row, f" {rate:.0%} at point value: not covered", size=7.5, color=_INK, va="center")
            continue
        _rate(axis, gate.null.tested if gate.null else None, row - 0.13, _RED)
        _rate(axis, gate.weakest.tested if gate.weakest else None, row + 0.13, _AMBER)
        _bound(axis, gate.share, row)
    _rate(axis, calibration.path["null"].tested, len(calibration.gates), _RED)
    _bound(axis, calibration.false_pass, len(calibration.gates))
    axis.axhline(len(calibration.gates) - 0.5, color=_GREY, linewidth=0.8)
    axis.set_xlim(left=0)
    axis.set_title("false passes (95% interval)", size=10, loc="left")
    marks = [
        ("o", _RED, "nothing true"),
        ("o", _AMBER, "one criterion untrue"),
        ("|", _INK, "share of the budget"),
    ]
    for marker, colour, label in marks:
        axis.plot([], [], marker, color=colour, label=label, markersize=11 if marker == "|" else 5, mew=2)
    _legend(axis)


def _rate(axis: Any, rate: Rate | None, row: float, colour: str) -> None:
    if rate is not None:
        axis.plot([rate.low, rate.high], [row, row], "-", color=colour, linewidth=1.5)
        axis.plot([rate.rate], [row], "o", color=colour, markersize=5, clip_on=False)


def _bound(axis: Any, share: float, row: int) -> None:
    axis.plot([share], [row], "|", color=_INK, markersize=16, mew=2)


def _shares(axis: Any, gates: Sequence[GateRow], world: str, title: str) -> None:
    """Bars of what a gate answers."""
    parts: tuple[tuple[str, str, Callable[[Tally], float]], ...] = (
        ("pass", _GREEN, lambda t: t.tested.rate),
        ("pass at point value", "#9fd4bb", lambda t: t.passed.rate - t.tested.rate),
        ("inconclusive", "#dee2e6", lambda t: t.inconclusive.rate),
        ("invalid", _GREY, lambda t: t.invalid.rate),
        ("fail", _RED, lambda t: t.failed.rate),
    )
    left = [0.0] * len(gates)
    for label, colour, part in parts:
        tallies = [_tally(gate, world) for gate in gates]
        sizes = [part(tally) if tally else 0.0 for tally in tallies]
        if any(sizes):
            axis.barh(range(len(gates)), sizes, left=left, height=0.6, color=colour, label=label)
        left = [a + b for a, b in zip(left, sizes, strict=True)]
    for row, gate in enumerate(gates):
        if _tally(gate, world) is None:
            axis.text(0.01, row, "not simulated", size=7.5, color=_INK, va="center")
    axis.set_xlim(0, 1)
    axis.set_title(title, size=10, loc="left")
    _legend(axis)


def _runs(axis: Any, gates: Sequence[GateRow], worlds: Sequence[tuple[str, str]]) -> None:
    """Mean runs, with a line to the 90% quantile."""
    names = {"null": "nothing true", "effect": "everything true", "stated": "as stated"}
    for i, (world, colour) in enumerate(worlds):
        for row, gate in enumerate(gates):
            tally = _tally(gate, world)
            if tally is not None:
                height = row + (i - (len(worlds) - 1) / 2) * 0.26
                axis.plot([tally.runs, tally.runs_90], [height, height], "-", color=colour, linewidth=1.5)
                axis.plot([tally.runs], [height], "o", color=colour, markersize=5)
        axis.plot([], [], "o-", color=colour, markersize=5, label=names[world])
    axis.set_xlim(left=0)
    axis.set_title("runs needed (mean to 90% quantile)", size=10, loc="left")
    _legend(axis)


def _legend(axis: Any) -> None:
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=3, frameon=False, fontsize=7.5)


def _tally(gate: GateRow, world: str) -> Tally | None:
    return {"null": gate.null, "effect": gate.effect, "stated": gate.stated}[world]
