"""Rules that guess from prices alone whether a bar lies in an expansion; a grid of their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from experiments.parts.span_multitask.windows import Windows

FEATURES = ("momentum_3", "direction_streak", "cum_return_5", "volatility")
VOLATILITY_BARS = 10


@dataclass(frozen=True)
class Formula:
    """probability = clip((return * w_r + streak * w_s) / (volatility + epsilon), 0, 1).

    With ``unsigned_return`` a fall counts as much as a rise.
    """

    return_weight: float
    streak_weight: float
    vol_epsilon: float
    unsigned_return: bool = False

    def probability(self, features: dict[str, np.ndarray]) -> np.ndarray:
        """The guess for each bar, shaped as the features are."""
        moved = features["cum_return_5"]
        score = (np.abs(moved) if self.unsigned_return else moved) * self.return_weight
        score = score + features["direction_streak"] * self.streak_weight
        return np.clip(score / (features["volatility"] + self.vol_epsilon), 0.0, 1.0)


def grid(
    return_weight: Sequence[float],
    streak_weight: Sequence[float],
    vol_epsilon: Sequence[float],
    unsigned_return: bool = False,
) -> list[Formula]:
    """Every combination, in the order of the lists."""
    points = product(return_weight, streak_weight, vol_epsilon)
    return [Formula(*point, unsigned_return) for point in points]


def proxy_features(windows: Windows) -> dict[str, np.ndarray]:
    """The four features of each bar, (windows, steps) float64, from that bar's past alone.

    ``momentum_3`` and ``cum_return_5`` are changes of the close over 3 and 5 bars, ``direction_streak`` the
    number of bars in a row that moved the same way, ``volatility`` the standard deviation of ten returns.

    Raises:
        ValueError: the windows come without prices; add ``prices`` to the file.
    """
    if windows.prices is None:
        raise ValueError("proxies need the prices (open, high, low, close) of every bar: add 'prices'")
    prices = windows.prices.double().numpy()
    close = np.concatenate([prices[:, :1, 0], prices[:, :, 3]], 1)  # what the first bar opened at, too
    returns = np.diff(close, axis=1)
    return {
        "momentum_3": _change(close, 3),
        "direction_streak": _streak(np.sign(returns)),
        "cum_return_5": _change(close, 5),
        "volatility": np.stack(
            [returns[:, max(0, t + 1 - VOLATILITY_BARS) : t + 1].std(1) for t in range(returns.shape[1])], 1
        ),
    }


def _change(close: np.ndarray, bars: int) -> np.ndarray:
    padded = np.concatenate([np.repeat(close[:, :1], bars - 1, 1), close], 1)
    return padded[:, bars:] - padded[:, :-bars]


def _streak(signs: np.ndarray) -> np.ndarray:
    lengths = np.ones(signs.shape)
    for bar in range(1, signs.shape[1]):
        lengths[:, bar] = np.where(signs[:, bar] == signs[:, bar - 1], lengths[:, bar - 1] + 1, 1)
    return lengths


def correlation(guess: np.ndarray, mask: np.ndarray) -> float:
    """Pearson's r over all bars; 0 where either does not vary."""
    one, other = guess - guess.mean(), mask - mask.mean()
    scale = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / scale) if scale > 0 else 0.0


def span_statistics(windows: Windows, features: dict[str, np.ndarray]) -> list[dict[str, float]]:
    """Of each window: where its span is, how long, and the mean of each feature in it."""
    statistics = []
    for row, (start, length) in enumerate(zip(windows.start.tolist(), windows.length.tolist(), strict=True)):
        means = {name: float(values[row, start : start + length].mean()) for name, values in features.items()}
        statistics.append({"window": row, "start": start, "length": length, **means})
    return statistics
