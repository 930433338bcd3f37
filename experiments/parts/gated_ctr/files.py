"""A user's own log of impressions and clicks: read, checked, and never executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.parts.files import Arrays, read_arrays
from experiments.parts.gated_ctr.clicks import ClickLog


def load_clicks(path: str) -> ClickLog:
    """The impressions of a user's own file, in its order, which should be that of time.

    ``.npz`` and torch files (``.pt``, ``.pth``) hold integer arrays ``fields`` (rows, F), ``item``
    (rows,), ``history`` (rows, L) and ``y`` (rows,), and optionally ``category`` (one for each item id
    from 0). A ``.parquet`` file holds columns ``y``, ``item``, ``history_0`` to ``history_<L-1>``,
    optionally ``category`` (that of the row's item); every other column is a static feature. Item ids begin
    at 1, and 0 is padding. Nothing in a file is executed: pickled objects are refused.

    Raises:
        ValueError: the file cannot be used as it is; the message says what to change in it.
    """
    file = Path(path)
    held = read_arrays(path, "{'fields': ..., ...}", _from_frame)
    absent = [name for name in ("fields", "item", "history", "y") if name not in held]
    if absent:
        raise ValueError(f"{path}: nothing named {', '.join(absent)} in it")
    return _checked(file, {name: np.asarray(array) for name, array in held.items()})


def _from_frame(file: Path, frame: Any) -> Arrays:
    past = sorted((c for c in frame if c.startswith("history_")), key=lambda c: int(c.split("_")[1]))
    held = {name: frame[name].to_numpy() for name in ("item", "y") if name in frame}
    if past:
        held["history"] = frame[past].to_numpy()
    named = [c for c in frame if c not in past and c not in ("item", "y")]
    if named:
        held["fields"] = frame[named].to_numpy()
    if {"category", "item"} <= set(frame) and (frame["item"] >= 0).all():
        held["category"] = np.zeros(int(frame[["item", *past]].to_numpy().max()) + 1, np.int64)
        held["category"][frame["item"]] = frame["category"]
    return held


def _checked(file: Path, held: Mapping[str, np.ndarray]) -> ClickLog:
    fields, item, history, y = (held[name] for name in ("fields", "item", "history", "y"))
    if fields.ndim != 2 or history.ndim != 2 or not all(len(a) == len(y) for a in (fields, item, history)):
        shapes = f"{fields.shape}, {item.shape}, {history.shape}, {y.shape}"
        raise ValueError(f"{file}: fields (rows, F), item, history (rows, L) and y have shapes {shapes}")
    items = int(max(item.max(initial=0), history.max(initial=0))) + 1
    category = np.asarray(held.get("category", np.zeros(items, np.int64)))
    for name, array in {"fields": fields, "item": item, "history": history, "category": category}.items():
        if array.dtype.kind not in "iu" or array.min(initial=0) < 0 or array.max(initial=0) >= 2**31:
            raise ValueError(f"{file}: {name} must hold whole numbers from 0, below 2^31")
    if not np.isin(y, (0, 1)).all() or item.min(initial=1) < 1 or category.shape[:1] < (items,):
        raise ValueError(f"{file}: y must be 0 or 1, item at least 1, and category have {items} entries")
    # Padding goes to the end, where a GRU that reads on cannot carry it into anything that counts.
    order = np.argsort(history == 0, axis=1, kind="stable")
    arrays = fields, item, np.take_along_axis(history, order, 1)
    return ClickLog(
        file.name,
        *(torch.from_numpy(a.astype(np.int32)) for a in arrays),
        torch.from_numpy(category.astype(np.int64)),
        torch.from_numpy(y.astype(np.float32)),
        files=(str(file),),
    )
