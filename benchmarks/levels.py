"""Writes ``planner/statistics/levels.csv``: the levels of bounds for the usual plans (``make levels``).

For one class of pooled noise, one chain per early level gives the chance of a crossing before every planned
number, and the tail of the final test there. Both are interpolated in the logarithm of the early level; a
test holds the table against the exact chain.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.optimize import brentq
from scipy.special import stdtrit

from planner.statistics.crossing import Chain
from planner.statistics.e_process import critical_t
from planner.statistics.levels import LATE_SHARE, LEAST_VALUES, POOL_CLASSES, early_share

MOST_PLANNED = 64
ERRORS = tuple(0.2 / 2**k for k in range(14))
LOG_EARLY = np.linspace(math.log(1e-6), math.log(0.9), 90)
LOG_FINAL = np.linspace(math.log(1.5e-6), math.log(0.25), 80)
GRID, STEPS = 400, 700
FILE = Path(__file__).resolve().parents[1] / "planner" / "statistics" / "levels.csv"


class Chances(NamedTuple):
    """Of one planned number, at each early level.

    Attributes:
        early: of a crossing before it.
        final: the logarithm of that of the final test at each level of ``LOG_FINAL``; a row per early level.
    """

    early: np.ndarray
    final: np.ndarray


class Row(NamedTuple):
    """A row of the table."""

    planned: int
    pool_df: int
    error: str
    log_early: str
    log_final: str


def followed(early: float, pool_df: int) -> list[tuple[float, np.ndarray]]:
    """Per number of values, from 1: the chance of a crossing before it, and of the final test at it."""
    chain, crossed = Chain(pool_df, GRID, STEPS), 0.0
    chances = []
    for n in range(1, MOST_PLANNED + 1):
        arrival, df = chain.next(), n - 1 + pool_df
        levels = np.exp(LOG_FINAL[::-1]) if df else ()
        thresholds = [chain.angle_of(-float(stdtrit(df, level))) for level in levels]
        counts, _ = np.histogram(arrival.angles, [-4.0, *thresholds, 4.0], weights=arrival.mass)
        chances.append((crossed, np.cumsum(counts[:0:-1])))
        critical = critical_t(n, df, early) if n >= LEAST_VALUES else math.inf
        crossed += chain.step(critical, arrival)
    return chances


def rows_of(pool_df: int) -> list[Row]:
    """The rows of one class of pooled noise."""
    every = [followed(math.exp(log_early), pool_df) for log_early in LOG_EARLY]
    rows: list[Row] = []
    for planned in range(LEAST_VALUES, MOST_PLANNED + 1):
        at = [chances[planned - 1] for chances in every]
        tails = np.log(np.maximum([tail for _, tail in at], 1e-12))
        rows += _rows(planned, pool_df, Chances(np.array([early for early, _ in at]), tails))
    return rows


def _rows(planned: int, pool_df: int, chances: Chances) -> Iterator[Row]:
    for error in ERRORS:
        spent = (1 - LATE_SHARE) * error
        log_early, used = _early(chances.early, early_share(planned) * spent)
        tail = [_at(LOG_EARLY, column, log_early) for column in chances.final.T]
        log_final = _where(LOG_FINAL, tail, math.log(spent - used))
        log_error = math.log(error)
        shares = f"{log_early - log_error:.5f}" if used else "0", f"{log_final - log_error:.5f}"
        yield Row(planned, pool_df, f"{error:.8g}", *shares)


def _early(chances: np.ndarray, wanted: float) -> tuple[float, float]:
    """(the logarithm of the early level at which so much is spent early, what is)."""
    if not wanted:
        return float(LOG_EARLY[0]), 0.0
    log_early = float(LOG_EARLY[-1]) if chances[-1] <= wanted else _where(LOG_EARLY, chances, wanted)
    return log_early, _at(LOG_EARLY, chances, log_early)


def _at(x: np.ndarray, y: Sequence[float], at: float) -> float:
    return float(PchipInterpolator(x, y)(at))


def _where(x: np.ndarray, y: Sequence[float], wanted: float) -> float:
    """Where an increasing function has a value."""
    curve = PchipInterpolator(x, y)
    return float(brentq(lambda at: float(curve(at)) - wanted, x[0], x[-1]))


def main() -> None:
    """Writes the table."""
    with ProcessPoolExecutor(2) as pool, FILE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Row._fields)
        for rows in pool.map(rows_of, POOL_CLASSES):
            writer.writerows(rows)


if __name__ == "__main__":
    main()
