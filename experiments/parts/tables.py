"""Labelled rows: the bundled digits or a user's own file, label noise, splits, digest and overlap."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.parts.files import Arrays, read_arrays
from experiments.parts.seeding import derive

Rows = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Table:
    """Rows in the order of their source.

    Attributes:
        name: what a person would call it.
        x: features, (rows, features) float32.
        y: class of each row, (rows,) int64 in 0..classes-1.
        files: the user's files behind it.
    """

    name: str
    x: torch.Tensor
    y: torch.Tensor
    files: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        return int(self.y.max()) + 1


@lru_cache(maxsize=1)
def digits() -> Table:
    """The 1797 bundled 8x8 digits, pixels scaled to [0, 1] (scikit-learn's ``load_digits``)."""
    from sklearn.datasets import load_digits  # most of a second, which users of other data need not wait

    x, y = load_digits(return_X_y=True)
    return Table("digits", _tensor(x / 16.0, np.float32), _tensor(y, np.int64))


def _tensor(array: np.ndarray, dtype: type) -> torch.Tensor:
    return torch.from_numpy(array.astype(dtype))


def load_table(path: str | None) -> Table:
    """The digits, or the rows of a user's own file.

    ``.npz`` and torch files (``.pt``, ``.pth``) hold ``x`` (rows, features) and ``y`` (rows,); a
    ``.parquet`` file holds a column ``y`` and one numeric column per feature. Nothing in a file is
    executed: pickled objects are refused.

    Raises:
        ValueError: the file cannot be used as it is; the message says what to change in it.
    """
    if path is None:
        return digits()
    try:
        held = read_arrays(path, "{'x': ..., 'y': ...}", _from_frame)
        x, y = held["x"], held["y"]
    except KeyError as error:
        raise ValueError(f"{path}: nothing named {error} in it; needed are x and y") from error
    return _checked(Path(path), np.asarray(x), np.asarray(y))


def _from_frame(file: Path, frame: Any) -> Arrays:
    return {"x": frame.drop(columns="y").to_numpy(), "y": frame["y"].to_numpy()}


def _checked(file: Path, x: np.ndarray, y: np.ndarray) -> Table:
    if x.ndim != 2 or y.shape != x.shape[:1] or not len(y):
        raise ValueError(f"{file}: x must be (rows, features) and y (rows,), not {x.shape} and {y.shape}")
    if x.dtype.kind not in "fiub" or not np.isfinite(x).all():
        raise ValueError(f"{file}: x must be numeric and finite")
    if y.dtype.kind not in "iub":
        raise ValueError(f"{file}: y must hold integer classes, not {y.dtype}")
    classes = np.unique(y, return_inverse=True)[1]
    return Table(file.name, _tensor(x, np.float32), _tensor(classes, np.int64), (str(file),))


def with_label_noise(table: Table, share: float, seed: int) -> Table:
    """Replaces each label, with probability ``share``, by a class drawn uniformly from all of them.

    A replaced label is the true one with probability 1/classes. Every split gets the noise: it is a
    property of the population, not a corruption of the training rows.
    """
    draws = np.random.default_rng(derive(seed, "label noise"))
    replaced = draws.random(len(table.y)) < share
    other = draws.integers(0, table.classes, len(table.y))
    y = torch.from_numpy(np.where(replaced, other, table.y.numpy()))
    return Table(table.name, table.x, y, table.files)


def split(table: Table, sizes: Mapping[str, int], rest: str, seed: int) -> dict[str, Rows]:
    """Disjoint random splits of the given sizes, and one named ``rest`` with the other rows.

    Raises:
        ValueError: the sizes leave no row for ``rest``; lower them.
    """
    if sum(sizes.values()) >= len(table.y):
        raise ValueError(
            f"{table.name}: {len(table.y)} rows are too few for {dict(sizes)} and a {rest} split"
        )
    order = torch.from_numpy(np.random.default_rng(derive(seed, "split")).permutation(len(table.y)))
    found, start = {}, 0
    for name, size in (*sizes.items(), (rest, len(table.y) - sum(sizes.values()))):
        rows = order[start : start + size]
        found[name] = (table.x[rows], table.y[rows])
        start += size
    return found


def standardised(splits: Mapping[str, Rows], by: str, device: str) -> dict[str, Rows]:
    """Features less the mean of the split ``by``, over its deviation; on the device."""
    mean, std = splits[by][0].mean(0), splits[by][0].std(0, correction=0)
    # A tenth is added because some border pixels of the digits are nearly constant.
    return {name: (((x - mean) / (std + 0.1)).to(device), y.to(device)) for name, (x, y) in splits.items()}


def digest(splits: Mapping[str, Rows]) -> str:
    """SHA-256 over the name, shape, dtype and bytes of every array, in order."""
    sums = hashlib.sha256()
    for name, rows in splits.items():
        for array in rows:
            held = np.ascontiguousarray(array.numpy())
            sums.update(f"{name} {held.shape} {held.dtype};".encode())
            sums.update(held.tobytes())
    return sums.hexdigest()


def overlap(training: torch.Tensor, evaluation: torch.Tensor) -> float:
    """Share of evaluation rows whose features also occur, byte for byte, in a training row.

    Labels are left out: with label noise a repeated row may carry another label and still leak.
    """
    seen = {row.tobytes() for row in training.numpy()}
    return sum(row.tobytes() in seen for row in evaluation.numpy()) / max(len(evaluation), 1)
