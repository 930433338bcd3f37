"""The files that a run leaves: tables by epoch, and what the search for proxies found."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.parts.csv_files import write_csv
from experiments.parts.span_multitask.proxies import Formula

TABLES: Mapping[str, tuple[str, ...]] = {
    "loss_components.csv": ("loss_", "val_loss"),
    "uncertainty_params.csv": ("sigma_",),
    "probability_stats.csv": ("prob_", "best_threshold", "average_precision", "span_base_rate"),
    "feature_stats.csv": ("feature/",),
    "gradient_stats.csv": ("gradient_", "layer/"),
    "epoch_metrics.csv": ("val_loss", "best_epoch", "span_", "average_precision", "countdown_mae"),
}


def write_tables(history: Sequence[Mapping[str, float]], path: Callable[[str], Path]) -> None:
    """One row per epoch; each table has the columns whose names begin as ``TABLES`` says."""
    for name, beginnings in TABLES.items():
        columns = [c for c in history[0] if c.startswith(beginnings)]
        header = ["epoch", *(c.partition("/")[2] or c for c in columns)]
        rows = ([i, *(row[c] for c in columns)] for i, row in enumerate(history, 1))
        write_csv(path(name), header, rows)


def write_json(file: Path, held: Mapping[str, Any]) -> None:
    """Readable by people and by programs."""
    file.write_text(json.dumps(held, indent=2) + "\n", encoding="utf-8")


def write_expansions(file: Path, rows: Sequence[Mapping[str, float]]) -> None:
    """One row per span."""
    write_csv(file, list(rows[0]), (row.values() for row in rows))


def draw_proxy(file: Path, formula: Formula, guess: np.ndarray, mask: np.ndarray, r: float) -> None:
    """How the guess is distributed in and out of spans, and how often a bar of each guess is in one."""
    from matplotlib.figure import Figure  # costs a third of a second, and only this arm draws

    figure = Figure(figsize=(9, 3.5), layout="constrained")
    spread, calibration = figure.subplots(1, 2)
    inside = mask.astype(bool)
    for chosen, label in ((~inside, "outside"), (inside, "in span")):
        spread.hist(guess[chosen], bins=25, range=(0, 1), density=True, alpha=0.6, label=label)
    spread.set(xlabel="proxy", ylabel="density", title=f"correlation with the label {r:.3f}")
    spread.legend()
    edges = np.linspace(0, 1, 11)
    bin_index = np.clip(np.digitize(guess, edges) - 1, 0, 9)
    shares = [(edges[i] + 0.05, inside[bin_index == i].mean()) for i in range(10) if (bin_index == i).any()]
    calibration.scatter(*zip(*shares, strict=True))
    calibration.axhline(inside.mean(), linestyle="--", color="grey", label="base rate")
    calibration.set(
        xlabel="proxy", ylabel="share of bars in a span", xlim=(0, 1), title=_formula_text(formula)
    )
    calibration.legend()
    figure.savefig(file, dpi=110)


def _formula_text(formula: Formula) -> str:
    given = formula.return_weight, formula.streak_weight, formula.vol_epsilon
    return "return {:g}, streak {:g}, epsilon {:g}".format(*given)
