"""A made-up log of impressions whose true click probabilities are known."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch

from experiments.parts.gated_ctr.clicks import ClickLog
from experiments.parts.seeding import derive

HOURS, WEEKDAYS, CATEGORIES, TASTES = 24, 7, 60, 6
ITEM_POWER, USER_POWER = 1.0, 0.8
"""Exponents of the power laws: the k-th most frequent one has weight k^-power."""
SHORTEST_HISTORY = 2
LOGIT_DEVIATION = 0.75
"""Of the true logits: for rare clicks the best possible AUC is about Phi(0.75 / sqrt 2) = 0.70."""
VARIANCE_SHARES = {"user": 0.10, "item": 0.15, "category": 0.20, "hour": 0.10, "taste": 0.20, "history": 0.25}
"""What the true logits are made of."""


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
    position = np.searchsorted(upto, low[chosen] + draws.random(shape) * sizes[chosen], "right")
    items = by_category[position.clip(max=len(by_category) - 1)] + 1
    lengths = draws.integers(min(SHORTEST_HISTORY, length), length + 1, len(user))
    return np.where(np.arange(length) < lengths[:, None], items, 0)


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
