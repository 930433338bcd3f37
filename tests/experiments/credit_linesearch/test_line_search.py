import math

import pytest
import torch

from experiments.parts.credit_linesearch.line_search import search
from experiments.parts.credit_linesearch.trials import LIMIT, capped, sequences


def valley(at):
    """A measure with its minimum at eta = ``at``."""
    return lambda eta: (math.log2(eta) - math.log2(at)) ** 2


def searched(measure, low=-2, high=2, lowest=-10, highest=10):
    return search(measure, lambda value: value, low, high, lowest, highest)


def test_a_best_point_inside_the_grid_leaves_the_grid_as_it_is():
    result = searched(valley(1.0))
    assert result.etas == [0.25, 0.5, 1, 2, 4]
    assert result.etas[result.best] == 1
    assert result.interior


@pytest.mark.parametrize("at", [2.0**-7, 2.0**-2, 2.0**2, 2.0**7])
def test_a_best_point_at_or_beyond_an_end_extends_the_grid_until_it_is_bracketed(at):
    result = searched(valley(at))
    assert result.etas[result.best] == at
    assert result.interior
    assert all(b == 2 * a for a, b in zip(result.etas, result.etas[1:], strict=False))


@pytest.mark.parametrize("at", [2.0**-20, 2.0**20])
def test_the_grid_ends_at_its_bounds_and_says_that_nothing_was_bracketed(at):
    result = searched(valley(at))
    assert not result.interior
    assert len(result.etas) == 13


def test_of_equal_points_the_smallest_step_is_taken():
    result = searched(lambda eta: -min(eta, 1.0))
    assert result.etas[result.best] == 1
    assert result.interior


def test_each_step_size_is_measured_once():
    etas = []
    searched(lambda eta: etas.append(eta) or valley(64.0)(eta))
    assert len(etas) == len(set(etas))


def test_sequences_start_from_each_batch_and_repeat_no_row_within_a_pass():
    drawn = sequences(rows=70, batch_size=16, length=4, seed=0)
    assert len(drawn) == 4
    assert len({tuple(batches[0].tolist()) for batches in drawn}) == 4
    assert all(len(torch.cat(batches).unique()) == 64 for batches in drawn)


def test_sequences_longer_than_the_pool_go_on_with_a_new_shuffle():
    (first, *_) = sequences(rows=70, batch_size=16, length=9, seed=0)
    assert len(first) == 9
    assert set(torch.cat(first[4:8]).tolist()) != set(torch.cat(first[:4]).tolist())


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e9])
def test_a_change_that_overflows_counts_as_the_largest_rise(value):
    assert capped(value) == LIMIT
