"""Bounds for 0/1: the reference's figures, exact error rates by enumeration, and order."""

from __future__ import annotations

import itertools
import json
import math
from functools import cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.statistics.bounds import Design, Stage
from planner.statistics.discoveries import discoveries
from planner.statistics.rates import difference_bounds, mean_bounds, pairs_p

FIGURES = json.loads((Path(__file__).parent / "rates_reference.json").read_text())
FLAGS = st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=10)


@pytest.mark.parametrize(("ones", "n", "planned", "error", "stage", "lower"), FIGURES["rates"])
def test_rates_have_the_bounds_of_the_reference(
    ones: int, n: int, planned: int, error: float, stage: Stage | None, lower: float
) -> None:
    values = [1.0] * ones + [0.0] * (n - ones)
    assert mean_bounds(values, Design(planned, error, 0.1), stage).lower == pytest.approx(lower, abs=1e-8)


@pytest.mark.parametrize(("wins", "losses", "n", "threshold", "p"), FIGURES["pairs"])
def test_pairs_have_the_p_values_of_the_reference(
    wins: int, losses: int, n: int, threshold: float, p: float
) -> None:
    assert pairs_p(wins, losses, n, threshold) == pytest.approx(p, abs=1e-8)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("planned", [3, 5, 8])
def test_the_chance_that_any_look_errs_is_at_most_what_is_stated(rate: float, planned: int) -> None:
    """Every sequence of so many values, looked at after each."""
    design, errs = Design(planned, 0.2, 0.1), 0.0
    lower = cache(lambda ones, n: mean_bounds([1.0] * ones + [0.0] * (n - ones), design).lower)
    for values in itertools.product((0, 1), repeat=planned):
        if any(lower(sum(values[:n]), n) > rate + 1e-9 for n in range(1, planned + 1)):
            errs += math.prod(rate if value else 1 - rate for value in values)
    assert errs <= 0.2 * 0.9


@given(FLAGS, st.randoms())
def test_order_changes_no_bound_and_mirrored_values_mirror_it(values: list[float], chance: Random) -> None:
    design = Design(6, 0.05, 0.05)
    shown = mean_bounds(values, design)
    shuffled = list(values)
    chance.shuffle(shuffled)
    assert mean_bounds(shuffled, design) == pytest.approx(shown)
    mirrored = mean_bounds([1 - value for value in values], design)
    assert (1 - mirrored.upper, 1 - mirrored.lower) == pytest.approx(shown)
    assert 0 <= shown.lower <= math.fsum(values) / len(values) <= shown.upper <= 1


@given(FLAGS)
def test_more_wins_never_lower_the_bound_for_a_difference(theirs: list[float]) -> None:
    design = Design(6, 0.05, 0.1)
    for i in range(len(theirs)):
        differences = [1.0 - value if k == i else 0.0 for k, value in enumerate(theirs)]
        before = difference_bounds([0.0] * len(theirs), design)
        assert difference_bounds(differences, design).lower >= before.lower - 1e-9


def test_claims_are_made_as_e_bh_makes_them() -> None:
    assert discoveries([math.log(e) for e in (1000, 50, 2, 1)], 0.1) == [0, 1]
    assert discoveries([0.0, 0.0], 0.05) == []
    assert discoveries([], 0.05) == []
