"""Arms against a baseline as a forest plot."""

from __future__ import annotations

from pathlib import Path

from planner.history.judged import JudgedHistory

_MOST = 60
_COLOURS = {"better": "#1a7f37", "worse": "#b42318", "equivalent": "#2563eb"}


def write_judged_arms(judged: JudgedHistory, path: Path) -> None:
    """Draws each arm's difference from the baseline with its interval, the best on top.

    Side effects: writes the file.
    """
    from matplotlib.figure import Figure

    arms = [arm for arm in judged.arms if arm.comparison and arm.comparison.difference is not None][:_MOST]
    figure = Figure(figsize=(8, 1.2 + 0.32 * max(len(arms), 1)), layout="constrained")
    axes = figure.add_subplot()
    axes.axvline(0, color="#57606a", linewidth=1)
    for row, arm in enumerate(arms):
        compared = arm.comparison
        if compared is None or compared.difference is None:
            continue
        colour = _COLOURS.get(compared.answer, "#57606a")
        if compared.interval:
            axes.plot(compared.interval, (row, row), color=colour, linewidth=2)
        axes.plot(compared.difference, row, "o", color=colour, markersize=5)
        axes.annotate(
            compared.answer, (1.01, row), xycoords=("axes fraction", "data"), va="center", color=colour
        )
    axes.set_yticks(range(len(arms)), [arm.name[:60] for arm in arms])
    axes.invert_yaxis()
    axes.set_xlabel(
        f"difference in {judged.question.metric} from {judged.baseline} ({judged.better} is better)"
    )
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    figure.savefig(path, dpi=150)
