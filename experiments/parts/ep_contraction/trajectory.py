"""One seed's way through a training: what was measured at each look, what follows from it, and its files."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch

from experiments.contract import MetricLog
from experiments.parts.ep_contraction import training
from experiments.parts.ep_contraction.training import CAP, Training

BLOW_UP = 2.0  # times the lowest loss so far: the factor that the source's criteria ask for
OF_STAR = ("rho_star", "rho_star_max", "rho_angle")


class Trajectory:
    """The looks at one network in training.

    A checkpoint holds them all, so that a run which goes on logs every metric again.

    Attributes:
        state: what the training goes on from; None at its beginning.
        history: what was measured, look by look, with ``step``.
    """

    def __init__(self, seed: int, log: MetricLog, key: str) -> None:
        self.seed, self.log, self._key = seed, log, key
        self.state, self.history = training.load(self._file, key)
        self._blown_up_at = 0.0

    @property
    def _file(self) -> Path:
        return self.log.checkpoint / "training.pt"

    def add(self, measured: dict[str, float], trainer: Training, index: int, last: int) -> None:
        """Records a new look and saves the training there.

        Args:
            index: of this seed in the training.
            last: the last update, of which residual_late takes the second half.
        """
        self.history.append(measured)
        self.record(measured, last)
        training.save(self._file, self._key, trainer.state(index), self.history)

    def record(self, measured: Mapping[str, float], last: int) -> None:
        """Logs one look, with what follows from those before it."""
        step = int(measured["step"])
        lowest = min([past["ce"] for past in self.history if past["step"] < step], default=CAP)
        if not self._blown_up_at and measured["ce"] >= BLOW_UP * lowest:
            self._blown_up_at = step
        hidden = ("step", *OF_STAR) if self._blown_up_at else ("step",)
        shown = {name: value for name, value in measured.items() if name not in hidden}
        shown["update"] = step
        shown["val_ce_best"] = min(lowest, measured["ce"])
        shown["diverged"] = float(bool(self._blown_up_at))
        shown["steps_survived"] = self._blown_up_at or step
        if self._blown_up_at:
            shown["diverged_at"] = self._blown_up_at
        if 2 * step > last:
            shown["residual_late"] = measured["residual"]
        self.log.metrics(shown, step)


def per_seed(measured: Mapping[str, torch.Tensor]) -> list[dict[str, float]]:
    """Values seed by seed, within the cap; a cosine of nothing is left out."""
    columns = {name: value.double().tolist() for name, value in measured.items()}
    seeds = len(next(iter(columns.values())))
    return [
        {
            name: _capped(values[seed])
            for name, values in columns.items()
            if not (name.startswith("cos_") and math.isnan(values[seed]))
        }
        for seed in range(seeds)
    ]


def _capped(value: float) -> float:
    return CAP if math.isnan(value) else max(-CAP, min(CAP, value))


def write_csv(log: MetricLog, name: str, rows: Sequence[Mapping[str, float]]) -> None:
    """Writes an artifact with a column for everything that any row holds."""
    header = list(dict.fromkeys(key for row in rows for key in row))
    with log.artifact(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
