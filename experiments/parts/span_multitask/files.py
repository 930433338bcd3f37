"""A user's own windows: read, checked, and never executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.parts.files import Arrays, read_arrays
from experiments.parts.span_multitask.windows import Windows

NEEDED = ("x", "start", "length", "kind")
PRICES = ("open", "high", "low", "close")


def read_windows(path: str) -> Windows:
    """The windows of a file.

    ``.npz`` and torch files (``.pt``, ``.pth``) hold ``x`` (windows, steps, features), ``start``,
    ``length`` and ``kind`` (windows,), and ``prices`` (windows, steps, 4: open, high, low, close) if
    proxies are wanted. A ``.parquet`` file has one row per bar, in order, with the columns ``window``,
    ``in_span`` (0 or 1) and ``kind``, the prices ``open``, ``high``, ``low``, ``close`` if there are any,
    and one numeric column per feature. Pickled objects are refused.

    Raises:
        ValueError: the file cannot be used as it is; the message says what to change in it.
    """
    file = Path(path)
    try:
        held = read_arrays(path, "{'x': ..., ...}", _from_frame)
    except KeyError as error:
        raise ValueError(f"{path}: nothing named {error} in it") from error
    missing = [name for name in NEEDED if name not in held]
    if missing:
        raise ValueError(f"{path}: nothing named {', '.join(missing)} in it; needed are {', '.join(NEEDED)}")
    return _checked(file, {name: np.asarray(held[name]) for name in (*NEEDED, "prices") if name in held})


def _from_frame(file: Path, frame: Any) -> Arrays:
    windows, order = frame["window"].to_numpy(), frame.groupby("window", sort=False).size()
    steps = int(order.iloc[0]) if len(order) else 0
    if not steps or (order != steps).any() or (windows.reshape(-1, steps) != windows[::steps, None]).any():
        raise ValueError(f"{file}: every window needs equally many rows, next to each other")
    inside = frame["in_span"].to_numpy().astype(bool).reshape(-1, steps)
    start, length = inside.argmax(1), inside.sum(1)
    offset = np.arange(steps)[None] - start[:, None]
    if (inside != ((offset >= 0) & (offset < length[:, None]))).any():
        raise ValueError(f"{file}: in_span must mark one unbroken span in each window")
    rest = frame.drop(columns=["window", "in_span", "kind"])
    held = {"start": start, "length": length, "kind": frame["kind"].to_numpy()[::steps]}
    if set(PRICES) <= set(rest.columns):
        held["prices"] = rest[list(PRICES)].to_numpy().reshape(len(start), steps, 4)
        rest = rest.drop(columns=list(PRICES))
    return {**held, "x": rest.to_numpy().reshape(len(start), steps, -1)}


def _checked(file: Path, held: Mapping[str, np.ndarray]) -> Windows:
    x, labels = held["x"], [held[name] for name in NEEDED[1:]]
    if x.ndim != 3 or not len(x) or any(label.shape != x.shape[:1] for label in labels):
        raise ValueError(f"{file}: x must be (windows, steps, features) and the labels (windows,)")
    if x.dtype.kind not in "fiub" or not np.isfinite(x).all():
        raise ValueError(f"{file}: x must be numeric and finite")
    if any(label.dtype.kind not in "iub" for label in labels):
        raise ValueError(f"{file}: start, length and kind must hold integers")
    start, length, kind = (label.astype(np.int64) for label in labels)
    if (start < 0).any() or (length < 1).any() or (start + length > x.shape[1]).any():
        raise ValueError(f"{file}: every span must lie in its window and have at least one bar")
    prices = held.get("prices")
    if prices is not None and (prices.shape != (*x.shape[:2], 4) or not np.isfinite(prices).all()):
        raise ValueError(f"{file}: prices must be (windows, steps, 4) and finite")
    kinds = np.unique(kind, return_inverse=True)[1]
    tensors = (torch.from_numpy(array) for array in (start, length, kinds))
    return Windows(_float32(x), *tensors, None if prices is None else _float32(prices))


def _float32(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32))
