"""Scripted values that differ a little from seed to seed, as those of networks trained from a seed do.

Values that repeat at every seed are no evidence (decision 0018). Stories state one value for each metric;
what varies it is far below any margin of theirs, so that verdicts follow from what they state.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

from planner.language.program import Program

VARIATION = 1e-5
"""By how much a value differs at most from the one that a story states."""
COUNTED = frozenset({"flag", "epoch", "epochs", "updates", "batches", "places"})
"""The units of metrics that are whole numbers."""


def vary(value: float, unit: str, *labels: object, by: float = VARIATION) -> float:
    """A value at one seed.

    Whole numbers stay whole. A share of nothing or of everything stays so, as it does in runs: a leak of 0
    is none at any seed. A cosine of 1 is exact but for rounding, and never above 1.

    Args:
        labels: what it is a value of, its seed included; the same labels give the same variation.
    """
    if unit in COUNTED or (unit != "cosine" and value in (0.0, 1.0)):
        return value
    varied = value + by * random.Random(" ".join(map(str, labels))).uniform(-1.0, 1.0)
    return min(varied, 2.0 - varied) if unit == "cosine" else varied


def varied(
    program: Program, values: Mapping[str, float], arm: str, seed: int, by: float = VARIATION
) -> dict[str, float]:
    """The metrics of one run; each varies by itself, so that differences of two metrics vary too."""
    return {
        name: vary(value, program.metrics[name].unit, name, arm, seed, by=by)
        for name, value in values.items()
    }
