"""Bounds for rates of 0/1 and for differences of two: bets before and after the planned number, exact at it.

No calibration, no normality, and any order: the chance of 1 may be any law's whose mean it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from planner.statistics.bounds import Bounds, Design, Stage, stage_of
from planner.statistics.levels import LATE_SHARE, early_share

_FRACTIONS = 20
"""Of the stake, evenly spread: E is the mean over bets of so many."""
_LEAST, _MOST = 1e-9, 1 - 1e-9
_WORST_OF = 201
"""Points at which the worst share of pairs that differ is looked for."""


def flipped(flags: Mapping[int, float], by: int) -> dict[int, float] | None:
    """Seed -> flag with so many more ones (fewer, below 0), first seeds first; None if there are too few."""
    held = 0.0 if by > 0 else 1.0
    turned = [seed for seed, flag in sorted(flags.items()) if flag == held][: abs(by)]
    return {**flags, **dict.fromkeys(turned, 1.0 - held)} if len(turned) == abs(by) else None


def log_bet(values: Sequence[float], threshold: float) -> float:
    """ln E against "the mean is at most ``threshold``", for values in [0, 1] and a threshold above 0.

    E is the mean over fractions f of the product of 1 - f + f y / threshold: what a player wins who stakes f
    of what he has at odds that are fair where the mean is the threshold (Waudby-Smith and Ramdas 2024).
    """
    import numpy as np

    fractions = (np.arange(_FRACTIONS) + 0.5) / _FRACTIONS
    y = np.asarray(values, float)
    each = np.log1p(fractions[:, None] * (y / threshold - 1)).sum(axis=1)
    top = float(each.max())
    return top + math.log(float(np.exp(each - top).sum()) / _FRACTIONS)


def mean_bounds(
    values: Sequence[float], design: Design, stage: Stage | None = None, flags: bool = True
) -> Bounds:
    """Bounds for the mean of values in [0, 1].

    Args:
        flags: no value between is possible; where none was seen, the bounds at the final look are exact.
    """
    mirrored = [1 - value for value in values]
    return Bounds(
        _mean_lower(values, design.planned, design.alpha, stage, flags),
        1 - _mean_lower(mirrored, design.planned, design.beta, stage, flags),
    )


def difference_bounds(
    differences: Sequence[float], design: Design, stage: Stage | None = None, flags: bool = True
) -> Bounds:
    """Bounds for the mean of paired differences in [-1, 1].

    Args:
        flags: see :func:`mean_bounds`.
    """
    mirrored = [-difference for difference in differences]
    return Bounds(
        _difference_lower(differences, design.planned, design.alpha, stage, flags),
        -_difference_lower(mirrored, design.planned, design.beta, stage, flags),
    )


def difference_of_rates(
    ours: Sequence[float], theirs: Sequence[float], design: Design, stage: Stage | None, flags: bool = True
) -> Bounds:
    """Bounds for the difference of two means in [0, 1] whose values are not paired.

    Each of the two may be wrong at half the rate: the difference of their bounds is then wrong at the whole.
    """
    alpha, beta = design.alpha / 2, design.beta / 2
    our = mean_bounds(ours, Design(design.planned, alpha, beta), stage, flags)
    their = mean_bounds(theirs, Design(design.planned, beta, alpha), stage, flags)
    return Bounds(our.lower - their.upper, our.upper - their.lower)


def _mean_lower(
    values: Sequence[float], planned: int, error: float, stage: Stage | None, flags: bool
) -> float:
    stage = stage or stage_of(len(values), planned)
    if flags and stage == "final" and all(value in (0.0, 1.0) for value in values):
        return _clopper_pearson(round(math.fsum(values)), len(values), _level("final", planned, error))
    return _bet_bound(values, _level(stage, planned, error))


def _difference_lower(
    values: Sequence[float], planned: int, error: float, stage: Stage | None, flags: bool
) -> float:
    """On (x + 1) / 2 and (c + 1) / 2: at c = 0 McNemar's test, as a bet."""
    stage = stage or stage_of(len(values), planned)
    level = _level(stage, planned, error)
    if not flags or stage != "final" or any(value not in (-1.0, 0.0, 1.0) for value in values):
        return 2 * _bet_bound([(value + 1) / 2 for value in values], level) - 1
    wins, losses = (sum(value == sign for value in values) for sign in (1, -1))
    return _exact_difference_bound(wins, losses, len(values), level)


def _level(stage: Stage, planned: int, error: float) -> float:
    share = early_share(planned)
    return {
        "early": share * (1 - LATE_SHARE) * error,
        "final": (1 - share) * (1 - LATE_SHARE) * error,
        "late": LATE_SHARE * error,
    }[stage]


def _bet_bound(values: Sequence[float], level: float) -> float:
    """The largest threshold against which E is 1/level; 0 where there is none."""
    if not level:
        return 0.0
    return _root(lambda c: log_bet(values, c) + math.log(level))


def _root(gap: Callable[[float], float]) -> float:
    """Where a decreasing function of (0, 1) is 0; 0 where it is nowhere positive."""
    from scipy.optimize import brentq

    if gap(_LEAST) <= 0:
        return 0.0
    return float(brentq(gap, _LEAST, _MOST)) if gap(_MOST) < 0 else _MOST


def _clopper_pearson(successes: int, n: int, level: float) -> float:
    """The exact lower bound for a rate (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    return float(betaincinv(successes, n - successes + 1, level)) if successes else 0.0


def _exact_difference_bound(wins: int, losses: int, n: int, level: float) -> float:
    """The largest c with p(wins, losses; c) <= level; -1 where there is none."""
    from scipy.optimize import brentq

    def gap(c: float) -> float:
        return pairs_p(wins, losses, n, c) - level

    if gap(-1 + _LEAST) > 0:
        return -1.0
    return float(brentq(gap, -1 + _LEAST, _MOST, xtol=1e-9)) if gap(_MOST) > 0 else _MOST


@lru_cache(4096)
def pairs_p(wins: int, losses: int, n: int, threshold: float = 0.0) -> float:
    """The exact p value of "P(win) - P(loss) is at most ``threshold``" over n pairs of 0 and 1.

    McNemar's test at 0; else that of the worst share of pairs that differ.
    """
    import numpy as np
    from scipy.special import bdtrc

    if threshold == 0:
        return float(bdtrc(wins - 1, wins + losses, 0.5)) if wins else 1.0
    moved = np.arange(n + 1)
    least = np.ceil((moved + wins - losses) / 2)
    return max(
        (_p_at(p_loss, p_loss + threshold, n, moved, least) for p_loss in _losses(threshold)), default=0.0
    )


def _losses(threshold: float) -> Any:
    """The chances of a loss that go with a difference of ``threshold``."""
    import numpy as np

    losses = np.linspace(0, (1 - threshold) / 2, _WORST_OF)
    return losses[losses + threshold >= 0]


def _p_at(p_loss: float, p_win: float, n: int, moved: Any, least: Any) -> float:
    """The chance of so many wins among the pairs that differ, whose number is random."""
    import numpy as np
    from scipy.special import bdtr, bdtrc

    differ = min(p_win + p_loss, 1.0)
    share = p_win / (p_win + p_loss) if p_win + p_loss else 0.5
    chances = np.diff(np.concatenate(([0.0], bdtr(moved, n, differ))))
    enough = np.where(
        least <= 0, 1.0, np.where(least > moved, 0.0, bdtrc(least - 1, np.maximum(moved, 1), share))
    )
    return float(np.sum(chances * enough))
