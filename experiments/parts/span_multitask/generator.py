"""Windows of made-up prices with one expansion each: a drift in the span, and a hint before it."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import torch

from experiments.parts.seeding import derive
from experiments.parts.span_multitask.windows import Windows

Placement = Literal["centres", "uniform"]
STEPS = 105
BEFORE = 12  # bars before a span that show its type
CENTRES = (15, 40, 63, 90)  # where people tend to mark spans; within some 6 bars of these
SPAN_SCALE, SPAN_RANGE = 3.6, (2, 40)  # of a gamma distribution with shape 2: about 7 bars
FIRST_TYPE = 0.58  # share of spans that a consolidation precedes; a retracement precedes the others


@lru_cache(maxsize=4)
def generate(count: int, snr: float, placement: Placement, seed: int) -> Windows:
    """Windows of ``STEPS`` bars and 12 features, three of which are pure noise.

    Args:
        count: how many.
        snr: mean return of a bar in the span, over the volatility of its window.
        placement: spans start near one of four bars, or anywhere.
        seed: of everything.
    """
    draws = np.random.default_rng(derive(seed, "windows"))
    kind = (draws.random(count) < 1 - FIRST_TYPE).astype(np.int64)
    length = np.clip(draws.gamma(2.0, SPAN_SCALE, count), *SPAN_RANGE).astype(np.int64)
    start = np.clip(_starts(draws, count, placement), 0, STEPS - length - 1)
    volatility = np.exp(0.3 * draws.standard_normal((count, 1)))
    direction = draws.choice([-1.0, 1.0], (count, 1))
    strength = snr * (1 + 0.3 * draws.random((count, 1)))

    bar = np.arange(STEPS)
    inside = (bar >= start[:, None]) & (bar < (start + length)[:, None])
    before = (bar >= start[:, None] - BEFORE) & (bar < start[:, None])
    returns = 0.5 * volatility * draws.standard_normal((count, STEPS))
    returns[before & (kind == 0)[:, None]] *= 0.6
    returns -= 0.15 * volatility * direction * (before & (kind == 1)[:, None])
    returns += strength * volatility * direction * inside

    prices = _prices(returns, volatility, draws)
    x = _features(prices, 0.3 * draws.standard_normal((count, STEPS, 3)))
    labels = (torch.from_numpy(array) for array in (start, length, kind))
    return Windows(_float32(x), *labels, _float32(prices))


def _starts(draws: np.random.Generator, count: int, placement: Placement) -> np.ndarray:
    if placement == "uniform":
        return draws.integers(0, STEPS, count)
    return (draws.choice(CENTRES, count) + 6 * draws.standard_normal(count)).astype(np.int64)


def _prices(returns: np.ndarray, volatility: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """Open, high, low, close: each bar opens where the last one closed."""
    close = returns.cumsum(1)
    opens = np.concatenate([np.zeros_like(close[:, :1]), close[:, :-1]], 1)
    up, down = (0.3 * volatility * np.abs(draws.standard_normal(close.shape)) for _ in range(2))
    return np.stack([opens, np.maximum(opens, close) + up, np.minimum(opens, close) - down, close], 2)


def _features(prices: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Shape of each bar, its range against the usual one, momentum, noise, and signed range."""
    opens, high, low, close = np.moveaxis(prices, 2, 0)
    size = high - low + 1e-6
    usual = size.copy()
    for bar in range(1, STEPS):
        usual[:, bar] = 0.9 * usual[:, bar - 1] + 0.1 * size[:, bar]
    body, wide = (close - opens) / size, np.clip(size / usual, 0, 3)
    shape = [(opens - low) / size, (close - low) / size, body]
    wicks = [(high - np.maximum(opens, close)) / size, (np.minimum(opens, close) - low) / size]
    signed = np.clip(size / usual * body, -2, 2)
    columns = [
        *shape,
        *wicks,
        wide,
        _momentum(high, low, close),
        *np.moveaxis(noise, 2, 0),
        signed,
        abs(body),
    ]
    return np.stack(columns, 2)


def _momentum(high: np.ndarray, low: np.ndarray, close: np.ndarray) -> np.ndarray:
    """Change of the close over three bars, over the range of the four bars."""

    def last_four(array: np.ndarray) -> np.ndarray:
        padded = np.concatenate([np.repeat(array[:, :1], 3, 1), array], 1)
        return np.lib.stride_tricks.sliding_window_view(padded, 4, axis=1)

    reach = last_four(high).max(2) - last_four(low).min(2) + 1e-6
    return (close - last_four(close)[:, :, 0]) / reach


def _float32(array: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(array.astype(np.float32))
