"""The pictures of ``docs/statistics.md``: bounds that narrow with looks, and power by planned seeds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from planner.statistics.bounds import Bounds, Design, bounds_of, stage_of
from planner.statistics.moments import moments_of

FOLDER = Path(__file__).parent.parent / "docs" / "statistics"
_SEED, _PLANNED, _EFFECT = 11, 8, 1.0
_SIZE = (6.4, 3.2)


def draw_pictures(results: Mapping[str, Any]) -> None:
    """Writes both."""
    FOLDER.mkdir(exist_ok=True)
    _looks()
    _power(results)


def _looks() -> None:
    """One comparison of an effect as large as its noise, looked at after every seed."""
    from matplotlib import pyplot as plt

    values = np.random.default_rng(_SEED).normal(_EFFECT, 1.0, _PLANNED)
    seeds = range(3, _PLANNED + 1)
    looks = [_bounds(values[:n].tolist()) for n in seeds]
    means = [float(values[:n].mean()) for n in seeds]
    figure, axes = plt.subplots(figsize=_SIZE, layout="constrained")
    below = [mean - bounds.lower for mean, bounds in zip(means, looks, strict=True)]
    above = [bounds.upper - mean for mean, bounds in zip(means, looks, strict=True)]
    axes.errorbar(seeds, means, yerr=[below, above], fmt="o", color="#1f5582", capsize=4)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.axhline(_EFFECT, color="#8a5a00", linestyle="--", linewidth=0.8)
    axes.text(3.1, _EFFECT, "effect asked", va="top", color="#8a5a00")
    axes.set(xlabel="seeds so far (8 planned)", ylabel="gain, with its bounds", xticks=list(seeds))
    figure.savefig(FOLDER / "looks.png", dpi=130)
    plt.close(figure)


def _bounds(values: list[float]) -> Bounds:
    return bounds_of(moments_of(values), Design(_PLANNED, 0.05, 0.10), stage=stage_of(len(values), _PLANNED))


def _power(results: Mapping[str, Any]) -> None:
    from matplotlib import pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=_SIZE, sharey=True, layout="constrained")
    for axes, alpha in zip(both, (0.05, 0.00625), strict=True):
        rows = [row for row in results["power"] if row["alpha"] == alpha]
        for d in sorted({row["d"] for row in rows}):
            points = sorted((row["planned"], row["supported_at_delta"]) for row in rows if row["d"] == d)
            axes.plot(*zip(*points, strict=True), marker="o", label=f"d = {d:g}")
        axes.set(title=f"false_pass {alpha:g}", xlabel="planned seeds", ylim=(0, 1.02))
    both[0].set_ylabel("effect supported")
    both[0].legend(loc="lower right")
    figure.savefig(FOLDER / "power.png", dpi=130)
    plt.close(figure)
