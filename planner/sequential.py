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

from planner import intervals

Answer = Literal["supported", "refuted", "continue"]

LEAST_SEEDS = 3
OVERWHELMING_SHARE = 0.06
"""The share of each error rate that is spent on overwhelming evidence; see :func:`is_overwhelming`."""
SIEGMUND_OVERSHOOT = 0.583
_FLOOR = 1e-12


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
class Look:
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


def pooled_prior(table: Sequence[Sequence[float]], unequal_noise: bool = True) -> Prior:
    """The pooled prior from the first seeds of the baseline and K arms.

    Args:
        table: K + 1 rows (arms) of the same first seeds, in the metric's unit.
        unequal_noise: arms may differ in noise by half or more; the prior is then worth at most 4.

    Returns:
        s0 squared from two-way residuals, and d0; no prior for a single arm or for fewer than the
        least number of seeds.
    """
    arms, seeds = len(table) - 1, min((len(row) for row in table), default=0)
    if arms < 2 or seeds < LEAST_SEEDS:
        return Prior()
    rows = [list(row[:LEAST_SEEDS]) for row in table]
    grand = math.fsum(map(math.fsum, rows)) / (len(rows) * LEAST_SEEDS)
    row_means = [math.fsum(row) / LEAST_SEEDS for row in rows]
    column_means = [math.fsum(row[j] for row in rows) / len(rows) for j in range(LEAST_SEEDS)]
    squares = math.fsum(
        (rows[i][j] - row_means[i] - column_means[j] + grand) ** 2
        for i in range(len(rows))
        for j in range(LEAST_SEEDS)
    )
    df = min(15.0, 2.0 * (arms - 1))
    return Prior(variance=2 * squares / (2 * arms), df=min(4.0, df) if unequal_noise else df)


def look(
    differences: Sequence[float], delta: float, alpha: float, beta: float, prior: Prior | None = None
) -> Look:
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
    delta, seen = delta / unit, [x / unit for x in differences]
    floor = max(_FLOOR * delta * delta, sys.float_info.min)
    prior_sum = df * max(prior.variance / unit / unit, floor) if df else 0.0
    null = max(prior_sum + math.fsum(x * x for x in seen), floor)
    effect = max(prior_sum + math.fsum((x - delta) ** 2 for x in seen), floor)
    centre = math.fsum(seen) / n if n else 0.0
    around = math.fsum((x - centre) ** 2 for x in seen)
    s2 = max((prior_sum + around) / max(df + n - 1, 1e-12), floor)
    inflation = 1 + 1 / (df + 3)
    return Look(
        n=n,
        log_ratio=(n + df) / 2 * (math.log(null) - math.log(effect)),
        overshoot=SIEGMUND_OVERSHOOT * min(delta / math.sqrt(s2), 2.0),
        support_bound=inflation * math.log(1 / alpha),
        refute_bound=inflation * math.log(1 / beta),
    )


def first_answer(
    differences: Sequence[float], delta: float, alpha: float, beta: float, prior: Prior | None = None
) -> tuple[Answer, int]:
    """The first look, in seed order, at which the rule answers; the answer then stands.

    The likelihood ratio asks whether the effect is 0 or delta. Where it is many times delta neither
    fits, and the ratio would stay undecided for ever; there :func:`is_overwhelming` answers.

    Returns:
        (answer, number of seeds used); ``continue`` with all seeds used if there is none yet.
    """
    for n in range(LEAST_SEEDS, len(differences) + 1):
        seen = differences[:n]
        answer = look(seen, delta, alpha, beta, prior).answer
        if answer != "continue":
            return answer, n
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
    ``OVERWHELMING_SHARE * error`` to the rule's own error (a union bound). Where there is no noise, or
    none beyond rounding, the mean itself has to reach delta.
    """
    n = len(differences)
    centre, noise = intervals.mean(differences), intervals.sd(differences)
    if centre <= 0 or noise <= math.sqrt(_FLOOR) * delta:
        return centre >= delta
    spent = OVERWHELMING_SHARE * error / 2 ** (n - LEAST_SEEDS + 1)
    return centre * math.sqrt(n) >= intervals.t_quantile(n - 1, 1 - spent) * noise
