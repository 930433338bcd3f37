"""How often the sequential rule errs, by simulation with a fixed seed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from planner import sequential
from planner.sequential import Prior, first_answer, pooled_prior

ALPHA, BETA = 0.05, 0.10


def _simulated(
    values: Sequence[Sequence[float]], variances: Sequence[float], df: float, cap: int, alpha: float = ALPHA
) -> list[tuple[str, int]]:
    """A copy of :func:`first_answer` over many cases at once (delta = 1)."""
    import numpy as np
    from scipy.special import stdtrit

    x, s0 = np.asarray(values, float), np.asarray(variances, float)
    answer, used = np.zeros(len(x), int), np.full(len(x), cap)
    f = 1 + 1 / (df + 3)
    for n in range(3, cap + 1):
        seen = x[:, :n]
        q0 = np.maximum(df * s0 + (seen**2).sum(1), 1e-12)
        q1 = np.maximum(df * s0 + ((seen - 1) ** 2).sum(1), 1e-12)
        mean, sd = seen.mean(1), seen.std(1, ddof=1)  # normal draws are never without noise
        s = np.sqrt(np.maximum((df * s0 + (n - 1) * sd**2) / (df + n - 1), 1e-12))
        ratio, k = (n + df) / 2 * np.log(q0 / q1), 0.583 * np.minimum(1 / s, 2)
        share = sequential.OVERWHELMING_SHARE / 2 ** (n - 2)
        above = mean * np.sqrt(n) >= stdtrit(n - 1, 1 - share * alpha) * sd
        below = (1 - mean) * np.sqrt(n) >= stdtrit(n - 1, 1 - share * BETA) * sd
        both = above & below
        above, below = above & (~both | (mean > 0.5)), below & (~both | (mean < 0.5))
        yes = ratio + k >= f * math.log(1 / alpha)
        no = ~yes & (ratio - k <= -f * math.log(1 / BETA))
        yes, no = yes | (~no & above), no | (~yes & ~above & below)
        first = (answer == 0) & (yes | no)
        answer, used = np.where(first, np.where(yes, 1, -1), answer), np.where(first, n, used)
    words = {1: "supported", -1: "refuted", 0: "continue"}
    return [(words[int(a)], int(n)) for a, n in zip(answer, used, strict=True)]


def _share(found: Sequence[tuple[str, int]], answer: str) -> float:
    return sum(told == answer for told, _ in found) / len(found)


def _cases(
    count: int, effect: float, d: float, df: float, cap: int, seed: int
) -> tuple[list[list[float]], list[float]]:
    import numpy as np

    chance = np.random.default_rng(seed)
    values = effect + chance.normal(size=(count, cap)) / d
    variances = chance.chisquare(df, count) / df / d**2 if df else np.zeros(count)
    return values.tolist(), variances.tolist()


@pytest.mark.parametrize("df", [0.0, 4.0, 15.0])
def test_the_simulated_copy_of_the_rule_is_the_rule(df: float) -> None:
    for effect, d in ((0.0, 1.0), (1.0, 0.7), (0.5, 30.0), (10.0, 1.0), (0.4, 3.0)):
        values, variances = _cases(20, effect, d, df, 32, seed=int(10 * effect + d))
        copied = _simulated(values, variances, df, 32)
        real = [
            first_answer(row, 1.0, ALPHA, BETA, Prior(v, df))
            for row, v in zip(values, variances, strict=True)
        ]
        assert copied == real


@pytest.mark.slow
@pytest.mark.parametrize("df", [0.0, 4.0, 15.0])
@pytest.mark.parametrize("d", [0.5, 0.707, 1.0, 1.5, 2.0, 3.0])
def test_both_error_rates_hold_under_peeking_after_every_seed(d: float, df: float) -> None:
    null, true = (
        _simulated(*_cases(20_000, effect, d, df, 32, seed), df, 32)
        for effect, seed in ((0.0, 11), (1.0, 12))
    )
    assert _share(null, "supported") <= 0.0546
    assert _share(true, "refuted") <= 0.1064


@pytest.mark.slow
@pytest.mark.parametrize("d", [1.0, 2.0])
def test_a_family_that_shares_the_support_bound_seldom_has_any_false_positive(d: float) -> None:
    """4,000 full-null campaigns of ten comparisons against one baseline, alpha / 10 each."""
    import numpy as np

    campaigns, arms, cap = 4000, 10, 32
    chance = np.random.default_rng(21)
    runs = chance.normal(size=(campaigns, arms + 1, cap)) / d / math.sqrt(2)
    priors = [pooled_prior(table[:, :3].tolist(), unequal_noise=False) for table in runs]
    differences = (runs[:, 1:] - runs[:, :1]).reshape(campaigns * arms, cap)
    variances = [prior.variance for prior in priors for _ in range(arms)]
    answers = _simulated(differences, variances, priors[0].df, cap, alpha=ALPHA / arms)
    campaign = [answers[i : i + arms] for i in range(0, len(answers), arms)]
    wrong = sum(any(told == "supported" for told, _ in found) for found in campaign)
    assert wrong / campaigns <= 0.05
