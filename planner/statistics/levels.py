"""The levels at which one bound is taken before the planned number of values, at it, and after it.

A bound may err at the rate ``error`` over all looks together. Nine tenths are spent by the planned number,
exactly (:mod:`planner.statistics.crossing`), and one tenth is kept for ever after. ``levels.csv`` holds what
:func:`solve_levels` gives for the usual plans (``make levels``), as ln(level / error).
"""

from __future__ import annotations

import csv
import math
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

from planner.statistics.crossing import Chain
from planner.statistics.e_process import EFFECTS, critical_t
from planner.statistics.intervals import t_quantile

LEAST_VALUES = 3
"""Fewer values give no bound."""
LATE_SHARE = 0.1
"""Of the error, what is kept for values beyond the planned number."""
POOL_CLASSES = (0, 2, 4, 8, 15)
"""Degrees of freedom of pooled noise are rounded down to one of these."""
_MOST_EARLY_SHARE, _EARLY_SHARE_PER_DOUBLING = 0.85, 0.25
_MOST_EARLY_LEVEL = 0.9


class Levels(NamedTuple):
    """Where a bound lies.

    Attributes:
        early: before the planned number of values, it is where E is 1/early.
        final: at that number, a Student quantile at this level.
        late: beyond it, where E is 1/late.
    """

    early: float
    final: float
    late: float


def pool_class(df: float) -> int:
    """The class of a pool's degrees of freedom: the largest that is not above them."""
    return max(least for least in POOL_CLASSES if least <= df)


def early_share(planned: int) -> float:
    """The share of what is spent by the planned number that goes to the looks before it."""
    doublings = math.log2(max(planned, LEAST_VALUES) / LEAST_VALUES)
    return min(_MOST_EARLY_SHARE, _EARLY_SHARE_PER_DOUBLING * doublings)


@lru_cache(1024)
def levels(planned: int, error: float, pool_df: int = 0) -> Levels:
    """The levels of one bound: from the table, or solved (which takes seconds) where it has none.

    Args:
        planned: number of values at which the final look is.
        error: how often the bound may err, over all looks together.
        pool_df: one of ``POOL_CLASSES``.
    """
    early, final = _from_table(max(planned, LEAST_VALUES), error, pool_df) or solve_levels(
        max(planned, LEAST_VALUES), error, pool_df
    )
    return Levels(early, final, late_level(max(planned, LEAST_VALUES), error, pool_df, final))


def solve_levels(
    planned: int, error: float, pool_df: int, grid: int = 300, steps: int = 500
) -> tuple[float, float]:
    """(early, final): so that just nine tenths of the error are spent, ``early_share`` of them early."""
    from scipy.optimize import brentq

    spent = (1 - LATE_SHARE) * error
    if planned == LEAST_VALUES:  # one look, by the planned number, and Student's is exact
        return 0.0, spent
    early_spent = early_share(planned) * spent

    def gap(log_level: float) -> float:
        return _crossed(planned, math.exp(log_level), pool_df, grid, steps)[0] - early_spent

    low, high = math.log(early_spent), math.log(_MOST_EARLY_LEVEL)
    early = math.exp(brentq(gap, low, high, xtol=1e-4)) if gap(high) > 0 else _MOST_EARLY_LEVEL
    crossed, chain = _crossed(planned, early, pool_df, grid, steps)
    return early, final_level(chain, spent - crossed, error)


def final_level(chain: Chain, rest: float, error: float) -> float:
    """The level of the t test at a chain's next value that spends the rest of the error."""
    from scipy.optimize import brentq

    arrival, df = chain.next(), chain.n + chain.pool_df

    def gap(log_level: float) -> float:
        over = arrival.angles >= chain.angle_of(-t_quantile(df, math.exp(log_level)))
        return float(arrival.mass[over].sum()) - rest

    return math.exp(brentq(gap, math.log(rest * 0.8), math.log(error), xtol=1e-4))


def late_level(planned: int, error: float, pool_df: int, final: float) -> float:
    """The level of E after the final look.

    The chance that E later reaches 1/L is at most L times E at the final look (Ville), whose mean over the
    samples that did not pass there is the chance not to pass under the mixture of effects.
    """
    from scipy.special import nctdtr

    df = planned - 1 + pool_df
    critical = -t_quantile(df, final)
    chances = [float(nctdtr(df, e * math.sqrt(planned), critical)) for e in EFFECTS]
    # A chance below the least number that there is comes as NaN.
    missed = math.fsum(0.0 if math.isnan(chance) else chance for chance in chances) / len(EFFECTS)
    return min(LATE_SHARE * error / missed, error) if missed else error


def _crossed(planned: int, early: float, pool_df: int, grid: int, steps: int) -> tuple[float, Chain]:
    """How often a bound at this early level is crossed before the planned number, and the chain there."""
    chain = Chain(pool_df, grid, steps)
    crossed = 0.0
    for n in range(1, planned):
        critical = critical_t(n, n - 1 + pool_df, early) if early and n >= LEAST_VALUES else math.inf
        crossed += chain.step(critical)
    return crossed, chain


def _from_table(planned: int, error: float, pool_df: int) -> tuple[float, float] | None:
    """Between two errors of the table, linear in the logarithm."""
    rows = _table().get((planned, pool_df), ())
    for (lower, *at_lower), (upper, *at_upper) in pairwise(rows):
        if lower <= error <= upper:
            share = math.log(error / lower) / math.log(upper / lower)
            early, final = (a + share * (b - a) for a, b in zip(at_lower, at_upper, strict=True))
            return (error * math.exp(early) if planned > LEAST_VALUES else 0.0), error * math.exp(final)
    return None


@lru_cache(1)
def _table() -> dict[tuple[int, int], list[tuple[float, ...]]]:
    """(planned, pool_df) -> (error, ln(early / error), ln(final / error)), least errors first."""
    rows: dict[tuple[int, int], list[tuple[float, ...]]] = {}
    text = files("planner.statistics").joinpath("levels.csv").read_text(encoding="utf-8")
    for row in csv.DictReader(text.splitlines()):
        key = int(row["planned"]), int(row["pool_df"])
        rows.setdefault(key, []).append(
            (float(row["error"]), float(row["log_early"]), float(row["log_final"]))
        )
    return {key: sorted(of_key) for key, of_key in rows.items()}
