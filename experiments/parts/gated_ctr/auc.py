"""Area under the ROC curve, from ranks."""

from __future__ import annotations

import math

import numpy as np


def auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Probability that a positive row scores above a negative one; a tie counts one half.

    Args:
        scores: (rows,) any real numbers; infinite ones are ordered like others.
        labels: (rows,) 0 or 1.

    Returns:
        the Mann-Whitney statistic over (positives * negatives), in [0, 1]; NaN where a score is NaN.

    Raises:
        ValueError: only one class is there, so that there is nothing to order.
    """
    positive = np.asarray(labels) > 0.5
    clicks, rest = int(positive.sum()), int((~positive).sum())
    if not clicks or not rest:
        raise ValueError(f"an AUC needs rows of both classes, not {clicks} positive and {rest} negative")
    scores = np.asarray(scores)
    if np.isnan(scores).any():
        return math.nan
    _, score_index, counts = np.unique(scores, return_inverse=True, return_counts=True)
    # Rows with one score share the mean of the ranks that they take up.
    middle = np.cumsum(counts) - (counts - 1) / 2
    wins = middle[score_index][positive].sum() - clicks * (clicks + 1) / 2
    return float(wins / (clicks * rest))
