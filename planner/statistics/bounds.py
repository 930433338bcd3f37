"""A lower and an upper bound for a mean, off which every answer is read.

A bound is ``mean -/+ c s / sqrt(n)``, and the critical value c depends on the stage of the look
(:mod:`planner.statistics.levels`): before the planned number of values it holds however often one looks, at
that number it is Student's, and after it it holds for ever. A shift of all values shifts both bounds, and no
order enters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from planner.statistics import intervals
from planner.statistics.e_process import critical_t, log_e
from planner.statistics.levels import LEAST_VALUES, POOL_CLASSES, levels, pool_class
from planner.statistics.moments import Moments

Stage = Literal["early", "final", "late"]
NOISIER = 1.5
"""Own noise beyond so many times the pooled: the more careful of both bounds counts."""


class Bounds(NamedTuple):
    """What the mean lies between; infinite where nothing is known."""

    lower: float
    upper: float


NOTHING_KNOWN = Bounds(-math.inf, math.inf)


@dataclass(frozen=True)
class Design:
    """What one comparison was planned with; frozen at its first look.

    Attributes:
        planned: number of values at which the final look is.
        alpha: how often the lower bound may lie above the mean, over all looks together.
        beta: how often the upper bound may lie below it.
    """

    planned: int
    alpha: float
    beta: float


@dataclass(frozen=True)
class PooledNoise:
    """What runs that are in neither arm of a comparison say of its noise.

    Attributes:
        sd: standard deviation of one value (a paired difference), in the metric's unit.
        df: degrees of freedom that it is worth; rounded down to a class.
    """

    sd: float = 0.0
    df: float = 0.0


NO_POOL = PooledNoise()


@dataclass(frozen=True)
class StatedNoise:
    """What is stated of the noise, whatever the values show.

    Attributes:
        sd: standard deviation of one value (a paired difference), known from elsewhere; 0 where it is not.
        least_sd: below which the metric's resolution lets no standard deviation be believed.
        items_variance: what the choice of a finite test set adds to the variance of the mean.
    """

    sd: float = 0.0
    least_sd: float = 0.0
    items_variance: float = 0.0


NOTHING_STATED = StatedNoise()


def log_evidence(
    moments: Moments, least: float, pool: PooledNoise = NO_POOL, stated: StatedNoise = NOTHING_STATED
) -> float:
    """ln E against "the mean is at most ``least``", at any number of values; -inf where nothing is known.

    Args:
        pool: where own noise is much larger, the smaller of the values with and without it counts, as in
            :func:`half_width`.
    """
    if moments.n < LEAST_VALUES:
        return -math.inf
    pool_df = pool_class(pool.df) if pool.sd > 0 else 0
    if stated.sd:
        return _log_evidence(moments, least, math.inf, stated.sd)
    noises = [_noise(moments, pool.sd, pool_df, stated.least_sd)]
    if pool_df and moments.sd > NOISIER * pool.sd:
        noises.append(_noise(moments, 0.0, 0, stated.least_sd))
    return min(_log_evidence(moments, least, df, sd) for df, sd in noises)


def _log_evidence(moments: Moments, least: float, df: float, sd: float) -> float:
    if not df or not sd:
        return -math.inf
    return log_e((moments.mean - least) * math.sqrt(moments.pairs) / sd, moments.pairs, df)


def _noise(moments: Moments, pool_sd: float, pool_df: int, least_sd: float) -> tuple[float, float]:
    """(degrees of freedom, standard deviation); values that do not vary say nothing: only the pool does."""
    df = (moments.df if moments.sd else 0.0) + pool_df
    if not df:
        return 0.0, 0.0
    own = math.sqrt(moments.df / df) * moments.sd
    return df, max(math.hypot(own, math.sqrt(pool_df / df) * pool_sd), least_sd)


def stage_of(n: int, planned: int) -> Stage:
    """The stage of a look at n values, where the final look was not made before."""
    return "final" if n >= planned else "early"


def bounds_of(
    moments: Moments,
    design: Design,
    pool: PooledNoise = NO_POOL,
    stage: Stage | None = None,
    stated: StatedNoise = NOTHING_STATED,
) -> Bounds:
    """The bounds for a mean.

    Args:
        pool: unpaired arms have none.
        stage: of the look; None: by the number of values.
    """
    stage = stage or stage_of(moments.n, design.planned)
    below, above = (
        half_width(moments, design.planned, error, pool, stage, stated)
        for error in (design.alpha, design.beta)
    )
    return Bounds(moments.mean - below, moments.mean + above)


def half_width(
    moments: Moments,
    planned: int,
    error: float,
    pool: PooledNoise = NO_POOL,
    stage: Stage | None = None,
    stated: StatedNoise = NOTHING_STATED,
) -> float:
    """How far a bound lies from the mean, in the metric's unit; infinite where no noise is known."""
    stage = stage or stage_of(moments.n, planned)
    pool_df = pool_class(pool.df) if pool.sd > 0 else 0
    if stated.sd:
        pool_df = POOL_CLASSES[-1]
        t = critical(moments.n, moments.pairs, math.inf, planned, error, pool_df, stage)
        width = t * stated.sd / math.sqrt(moments.pairs)
    else:
        width = _half_width(moments, planned, error, pool.sd, pool_df, stage, stated.least_sd)
        if pool_df and moments.sd > NOISIER * pool.sd:
            width = max(width, _half_width(moments, planned, error, 0.0, 0, stage, stated.least_sd))
    if not stated.items_variance:
        return width
    level = levels(planned, error, pool_df)._asdict()[stage]
    z = intervals.t_quantile(math.inf, 1 - level) if level else math.inf
    return math.hypot(width, z * math.sqrt(stated.items_variance))


def critical(
    n: int, pairs: float, df: float, planned: int, error: float, pool_df: int, stage: Stage
) -> float:
    """The critical value of the t statistic; infinite where no data of that size can give a bound.

    Args:
        n: number of values, fewer than ``LEAST_VALUES`` of which give none, but at a final look where the
            noise is known.
        pairs: see ``Moments``.
        df: degrees of freedom of the noise, own and pooled; infinite where it is known, at whose levels the
            largest pool's spend no more than they may (``docs/statistics.md``).
    """
    if n < LEAST_VALUES and not (stage == "final" and math.isinf(df)):
        return math.inf
    early, final, late = levels(planned, error, pool_df)
    if stage == "final":
        return intervals.t_quantile(df, 1 - final)
    level = early if stage == "early" else late
    return critical_t(pairs, df, level) if level else math.inf


def _half_width(
    moments: Moments, planned: int, error: float, pool_sd: float, pool_df: int, stage: Stage, least_sd: float
) -> float:
    df, sd = _noise(moments, pool_sd, pool_df, least_sd)
    if not df:
        return math.inf
    t = critical(moments.n, moments.pairs, df, planned, error, pool_df, stage)
    return t * sd / math.sqrt(moments.pairs)
