"""The default rule for comparisons: Student's sequential probability ratio test with a pooled prior.

Differences are paired by seed, improvement positive; delta is the smallest improvement that matters.
Both errors are bounded: alpha for *supported*, beta for *refuted*. The bounds are calibrated by
simulation, not proven (``knowledge/sources.md``: wald1945, siegmund1985, rushton1950, hajnal1961).
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from planner.statistics import intervals

Answer = Literal["supported", "refuted", "continue"]

LEAST_SEEDS = 3
OVERWHELMING_SHARE = 0.06
"""The share of each error rate that is spent on overwhelming evidence; see :func:`is_overwhelming`."""
SIEGMUND_OVERSHOOT = 0.583
NOISIER = 1.5
"""An arm whose noise is so many times that of all borrows little of theirs."""
_FLOOR = 1e-12
_SURELY = 1 - 1e-6
NOTHING = math.sqrt(_FLOOR)
"""Noise below this share of delta is rounding."""


@dataclass(frozen=True)
class Prior:
    """What the first seeds of all arms say about the noise; frozen before any look.

    Attributes:
        variance: s0 squared, of a paired difference, in squared units of the metric.
        df: d0, the degrees of freedom that it is worth; 0 means that it is not used.
    """

    variance: float = 0.0
    df: float = 0.0


@dataclass(frozen=True)
class _Look:
    """The test statistic after n seeds and the bounds that it is held against."""

    n: int
    log_ratio: float
    overshoot: float
    support_bound: float
    refute_bound: float

    @property
    def answer(self) -> Answer:
        """What the rule says at this look."""
        if self.n < LEAST_SEEDS:
            return "continue"
        if self.log_ratio + self.overshoot >= self.support_bound:
            return "supported"
        if self.log_ratio - self.overshoot <= -self.refute_bound:
            return "refuted"
        return "continue"


SQUARABLE = 1e140
"""Sums of squares of smaller numbers are finite."""


def pooled_prior(table: Sequence[Sequence[float]], arm: int) -> Prior:
    """The pooled prior for one arm, from the first seeds of the baseline and of all K arms.

    It is worth 2 (K - 1) degrees of freedom, 15 at most; but 4 at most where the arm or the baseline shows
    noise of its own that is larger than that of all by half or more (``docs/decisions/0006``).

    Args:
        table: K + 1 rows of the same first seeds, in the metric's unit; the baseline comes first.
        arm: the row of the arm that is judged, 1 to K.

    Returns:
        s0 squared from two-way residuals, and d0; no prior for a single arm, for fewer than the least
        number of seeds, or where nothing varies.
    """
    arms, (unit, squares) = len(table) - 1, _residual_squares(table)
    if arms < 2 or not squares or unit != 1.0:  # of what cannot be squared there is no variance
        return Prior()
    if math.sqrt(math.fsum(squares)) <= intervals.SAME * max(abs(x) for row in table for x in row):
        return Prior()
    own = max(squares[0], squares[arm]) * (arms + 1)
    noisier = own >= NOISIER**2 * math.fsum(squares) > 0
    df = min(15.0, 2.0 * (arms - 1))
    return Prior(variance=math.fsum(squares) / arms, df=min(4.0, df) if noisier else df)


def noise_of_others(table: Sequence[Sequence[float]], arm: int) -> float:
    """The standard deviation of a paired difference among the arms other than the baseline and this one.

    Args:
        table, arm: see :func:`pooled_prior`.

    Returns:
        In the metric's unit; 0 where there are not two others with the least number of seeds.
    """
    others = [row for i, row in enumerate(table) if i not in (0, arm)]
    unit, squares = _residual_squares(others) if len(others) > 1 else (1.0, [])
    return unit * math.sqrt(math.fsum(squares) / (len(others) - 1)) if squares else 0.0


def _residual_squares(table: Sequence[Sequence[float]]) -> tuple[float, list[float]]:
    """Per row, the sum of squared two-way residuals over the first seeds; none where a row has too few.

    Returns:
        (the unit that is squared, the sums): the unit is 1 unless squares in it would be infinite.
    """
    if min((len(row) for row in table), default=0) < LEAST_SEEDS:
        return 1.0, []
    rows = [list(row[:LEAST_SEEDS]) for row in table]
    grand = math.fsum(map(math.fsum, rows)) / (len(rows) * LEAST_SEEDS)
    row_means = [math.fsum(row) / LEAST_SEEDS for row in rows]
    column_means = [math.fsum(row[j] for row in rows) / len(rows) for j in range(LEAST_SEEDS)]
    left = [
        [x - own - column + grand for x, column in zip(row, column_means, strict=True)]
        for row, own in zip(rows, row_means, strict=True)
    ]
    largest = max(abs(x) for row in left for x in row)
    unit = 1.0 if largest < SQUARABLE else largest
    return unit, [math.fsum((x / unit) ** 2 for x in row) for row in left]


def look(
    differences: Sequence[float], delta: float, alpha: float, beta: float, prior: Prior | None = None
) -> _Look:
    """The rule's statistic after these paired differences (in seed order; order does not matter).

    Args:
        differences: improvements of the arm over its baseline, one per seed, in the metric's unit.
        delta: the smallest improvement that matters, same unit, > 0.
        alpha: bound on answering ``supported`` when there is no effect.
        beta: bound on answering ``refuted`` when the effect is delta.
        prior: see :func:`pooled_prior`.
    """
    prior = prior or Prior()
    n, df = len(differences), prior.df
    # Squares beyond these bounds overflow; the statistic does not depend on the unit.
    largest = max([delta, math.sqrt(prior.variance), *map(abs, differences)])
    unit = 1.0 if delta > 1e-140 and largest < 1e140 else largest
    delta, seen = delta / unit, differences if unit == 1.0 else [x / unit for x in differences]
    floor = max(_FLOOR * delta * delta, sys.float_info.min)
    prior_sum = df * max(prior.variance / unit / unit, floor) if df else 0.0
    null = max(prior_sum + math.fsum(x * x for x in seen), floor)
    effect = max(prior_sum + math.fsum((x - delta) ** 2 for x in seen), floor)
    centre = math.fsum(seen) / n if n else 0.0
    around = math.fsum((x - centre) ** 2 for x in seen)
    s2 = max((prior_sum + around) / max(df + n - 1, 1e-12), floor)
    inflation = 1 + 1 / (df + 3)
    return _Look(
        n=n,
        log_ratio=(n + df) / 2 * (math.log(null) - math.log(effect)),
        overshoot=SIEGMUND_OVERSHOOT * min(delta / math.sqrt(s2), 2.0),
        support_bound=inflation * math.log(1 / alpha),
        refute_bound=inflation * math.log(1 / beta),
    )


def first_answer(
    differences: Sequence[float],
    delta: float,
    alpha: float,
    beta: float,
    prior: Prior | None = None,
    rounding: float = 0.0,
) -> tuple[Answer, int]:
    """The first look, in seed order, at which the rule answers; the answer then stands.

    The likelihood ratio asks whether the effect is 0 or delta. Where it is many times delta neither
    fits, and the ratio would stay undecided for ever; there :func:`is_overwhelming` answers.

    Differences that do not vary say nothing of the noise: only a prior can then answer.

    Args:
        rounding: see :func:`planner.statistics.intervals.varies`.

    Returns:
        (answer, number of seeds used); ``continue`` with all seeds used if there is none yet.
    """
    for n in range(LEAST_SEEDS, len(differences) + 1):
        seen = differences[:n]
        noisy = intervals.varies(seen, rounding)
        if not noisy and not (prior and prior.df):
            continue
        answer = look(seen, delta, alpha, beta, prior).answer
        if answer != "continue":
            return answer, n
        if not noisy:
            continue
        above = is_overwhelming(seen, delta, alpha)
        below = is_overwhelming([delta - x for x in seen], delta, beta)
        if above and below:
            # The effect lies between 0 and delta beyond doubt: the nearer of the two.
            twice = 2 * intervals.mean(seen)
            above, below = twice > delta, twice < delta
        if above or below:
            return ("supported" if above else "refuted"), n
    return "continue", len(differences)


def is_overwhelming(differences: Sequence[float], delta: float, error: float) -> bool:
    """Whether a one-sided t test alone shows the mean above 0, at a small share of the error rate.

    The share is halved at each further seed, so that all looks together add at most
    ``OVERWHELMING_SHARE * error`` to the rule's own error (a union bound). Where there is next to no
    noise the mean itself has to reach delta.
    """
    n = len(differences)
    if _is_plainly_noisy(differences, delta, n, error):
        return False
    centre = intervals.mean(differences)
    if centre <= 0 or (noise := intervals.sd_around(centre, differences)) <= NOTHING * delta:
        return centre >= delta
    return is_beyond_doubt(centre, noise, n, error)


def _is_plainly_noisy(differences: Sequence[float], delta: float, n: int, error: float) -> bool:
    """Whether two of the values alone lie too far apart for the mean to be beyond doubt; quick to see.

    The mean is at most the largest value, and the deviation at least range / sqrt(2 (n - 1)). What is that
    near is left to the test itself, so that rounding decides nothing.
    """
    largest = max(differences)
    least = (largest - min(differences)) / math.sqrt(2 * (n - 1)) * _SURELY
    return least > NOTHING * delta and not is_beyond_doubt(largest, least, n, error)


def is_beyond_doubt(centre: float, noise: float, n: int, error: float) -> bool:
    """Whether n values of that mean and standard deviation show a mean above 0 beyond doubt."""
    spent = OVERWHELMING_SHARE * error / 2 ** (n - LEAST_SEEDS + 1)
    return centre * math.sqrt(n) >= intervals.t_quantile(n - 1, 1 - spent) * noise
