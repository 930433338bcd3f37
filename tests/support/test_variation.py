"""What varies the values of scripted runs, and what it leaves as it is."""

from __future__ import annotations

import pytest

from tests.support.variation import VARIATION, vary

SEEDS = range(32)


@pytest.mark.parametrize("value", [0.6, 5.0, -0.3])
def test_a_real_value_differs_from_seed_to_seed_by_very_little(value: float) -> None:
    values = [vary(value, "nats", "loss", "base", seed) for seed in SEEDS]
    assert len(set(values)) == len(values)
    assert all(abs(one - value) <= 1.01 * VARIATION for one in values)
    assert values == [vary(value, "nats", "loss", "base", seed) for seed in SEEDS]


@pytest.mark.parametrize(
    ("value", "unit"),
    [(3.0, "epoch"), (425.0, "updates"), (1.0, "flag"), (0.0, "fraction"), (1.0, "fraction")],
)
def test_whole_numbers_and_shares_of_nothing_or_everything_stay(value: float, unit: str) -> None:
    assert {vary(value, unit, "metric", "base", seed) for seed in SEEDS} == {value}


def test_a_cosine_of_one_varies_and_is_never_more() -> None:
    cosines = [vary(1.0, "cosine", "cos", "base", seed) for seed in SEEDS]
    assert len(set(cosines)) == len(cosines)
    assert max(cosines) <= 1.0
