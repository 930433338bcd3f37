"""Logs of impressions and clicks: a synthetic one, or a user's own file; splits, digest and overlap."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.parts import tables
from experiments.parts.files import Arrays, read_arrays
from experiments.parts.seeding import derive

HOURS, WEEKDAYS, CATEGORIES, TASTES = 24, 7, 60, 6
ITEM_POWER, USER_POWER = 1.0, 0.8
"""Exponents of the power laws: the k-th most frequent one has weight k^-power."""
SHORTEST_HISTORY = 2
LOGIT_DEVIATION = 0.75
"""Of the true logits: for rare clicks the best possible AUC is about Phi(0.75 / sqrt 2) = 0.70."""
VARIANCE_SHARES = {"user": 0.10, "item": 0.15, "category": 0.20, "hour": 0.10, "taste": 0.20, "history": 0.25}
"""What the true logits are made of."""


@dataclass(frozen=True)
class ClickLog:
    """Impressions in order of time.

    Attributes:
        name: what a person would call it.
        fields: static features, (rows, F) int32; column f holds ids in 0..cardinalities[f]-1.
        item: the item shown, (rows,) int32 in 1..items-1.
        history: items clicked before, earliest first, (rows, L) int32; 0 is padding, at the end.
        category: category of each item id, (items,) int64; 0 for the padding.
        y: 1 where the impression was clicked, (rows,) float32.
        true_logit: (rows,) float64, for a log that was generated.
        files: the user's files behind it.
    """

    name: str
    fields: torch.Tensor
    item: torch.Tensor
    history: torch.Tensor
    category: torch.Tensor
    y: torch.Tensor
    true_logit: torch.Tensor | None = None
    files: tuple[str, ...] = ()

    @property
    def cardinalities(self) -> tuple[int, ...]:
        """Number of ids of each static feature, over all rows."""
        return tuple((self.fields.amax(0) + 1).tolist())

    @property
    def x(self) -> torch.Tensor:
        """Fields, item and history side by side, (rows, F + 1 + L) int32."""
        return torch.cat([self.fields, self.item[:, None], self.history], 1)


# --- a generated log ---------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def synthetic(
    rows: int, seed: int, users: int = 8000, items: int = 6000, length: int = 12, click_rate: float = 0.04
) -> ClickLog:
    """A log with power-law users and items whose true click probabilities are known.

    A click's logit is a sum of independent parts, each standardised over the rows: user, item and
    category effects, hour of day, taste of the user for the category, and the share of the history in
    the item's category (see ``VARIANCE_SHARES``). Histories follow the user's taste, then popularity.

    Args:
        rows: impressions.
        seed: of the data; no training seed.
        length: most items in a history.
        click_rate: mean of the true click probabilities over the rows.
    """
    draws = np.random.default_rng(derive(seed, "clicks"))
    category = np.concatenate([[0], 1 + draws.integers(0, CATEGORIES, items)])
    taste, flavour = draws.normal(size=(users, TASTES)), draws.normal(size=(CATEGORIES + 1, TASTES))
    popularity = _power_law(items, ITEM_POWER)
    user = draws.choice(users, rows, p=_power_law(users, USER_POWER))
    item = 1 + draws.choice(items, rows, p=popularity)
    hour, weekday = draws.integers(0, HOURS, rows), draws.integers(0, WEEKDAYS, rows)
    history = _histories(draws, user, taste @ flavour[1:].T, category[1:], popularity, length)
    parts = {
        "user": draws.normal(size=users)[user],
        "item": draws.normal(size=items + 1)[item],
        "category": draws.normal(size=CATEGORIES + 1)[category[item]],
        "hour": np.sin(2 * np.pi * hour / HOURS),
        "taste": (taste[user] * flavour[category[item]]).sum(1),
        "history": _share_in_category(history, category, category[item]),
    }
    signal = _standard(sum(share**0.5 * _standard(parts[k]) for k, share in VARIANCE_SHARES.items()))
    logit = LOGIT_DEVIATION * signal
    logit += _shift_for(logit, click_rate)
    clicked = draws.random(rows) < _sigmoid(logit)
    fields = np.stack([user, item, category[item], hour, weekday], 1)
    return ClickLog(
        f"synthetic clicks ({users} users, {items} items)",
        *(torch.from_numpy(a.astype(np.int32)) for a in (fields, item, history)),
        torch.from_numpy(category.astype(np.int64)),
        torch.from_numpy(clicked.astype(np.float32)),
        torch.from_numpy(logit),
    )


def _power_law(size: int, power: float) -> np.ndarray:
    weights = np.arange(1, size + 1) ** -power
    return weights / weights.sum()


def _histories(
    draws: np.random.Generator,
    user: np.ndarray,
    liking: np.ndarray,
    category: np.ndarray,
    popularity: np.ndarray,
    length: int,
) -> np.ndarray:
    """Items of each impression's history (ids from 1), (rows, length); padding 0 at the end."""
    shape = len(user), length
    weights = np.exp(liking / TASTES**0.5)
    # No item of a category, no history in it; one row of weights per user, laid end to end and summed up,
    # turns a draw in a user's row into one search.
    weights *= np.bincount(category - 1, minlength=CATEGORIES) > 0
    ends = np.cumsum(weights / weights.sum(1, keepdims=True), 1) + np.arange(len(weights))[:, None]
    ends[:, -1] = np.arange(1, len(weights) + 1)
    chosen = np.searchsorted(ends.ravel(), user[:, None] + draws.random(shape), "right") % CATEGORIES
    by_category = np.argsort(category, kind="stable")
    upto = np.cumsum(popularity[by_category])
    sizes = np.bincount(category - 1, popularity, CATEGORIES)
    low = np.cumsum(sizes) - sizes
    place = np.searchsorted(upto, low[chosen] + draws.random(shape) * sizes[chosen], "right")
    found = by_category[place.clip(max=len(by_category) - 1)] + 1
    lengths = draws.integers(min(SHORTEST_HISTORY, length), length + 1, len(user))
    return np.where(np.arange(length) < lengths[:, None], found, 0)


def _share_in_category(history: np.ndarray, category: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    held = history > 0
    same = (category[history] == wanted[:, None]) & held
    return same.sum(1) / held.sum(1).clip(1)


def _standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / max(values.std(), 1e-12)


def _sigmoid(logit: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-logit))


def _shift_for(logit: np.ndarray, rate: float) -> float:
    """The constant that gives the logits a mean probability of ``rate``, by bisection."""
    low, high = -30.0, 30.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _sigmoid(logit + middle).mean() < rate else (low, middle)
    return low


# --- a user's own log --------------------------------------------------------------------------------


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


# --- splits ------------------------------------------------------------------------------------------


def split(log: ClickLog, train: int, validation: int, test: int) -> dict[str, slice]:
    """Rows by time: the last ``test`` rows, ``validation`` rows before them, ``train`` rows before those.

    Raises:
        ValueError: there are fewer rows, or a part has no click or nothing but clicks.
    """
    rows = len(log.y)
    if train + validation + test > rows:
        raise ValueError(f"{log.name}: {rows} rows are too few for {train} + {validation} + {test}")
    ends = {"test": rows, "validation": rows - test, "train": rows - test - validation}
    sizes = {"train": train, "validation": validation, "test": test}
    parts = {name: slice(ends[name] - size, ends[name]) for name, size in sizes.items()}
    for name, part in parts.items():
        if not 0 < log.y[part].mean() < 1:
            raise ValueError(f"{log.name}: the {name} rows need both clicks and others")
    return parts


def digest(log: ClickLog, parts: Mapping[str, slice]) -> str:
    """SHA-256 over everything that training and evaluation see."""
    seen = {name: (log.x[part], log.y[part]) for name, part in parts.items()}
    # Rows outside the parts count too: the sizes of the embedding tables follow from the ids of all rows.
    ids = {"cardinalities": (torch.tensor(log.cardinalities),), "category": (log.category,)}
    return tables.digest({**seen, **ids})


def overlap(log: ClickLog, parts: Mapping[str, slice]) -> float:
    """Share of validation and test impressions whose features also occur, byte for byte, in training."""
    evaluation = torch.cat([log.x[parts["validation"]], log.x[parts["test"]]])
    return tables.overlap(log.x[parts["train"]], evaluation)
