"""How many seeds a decision would need: what is said agrees with what the rules then do."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.criteria.decision_rule import judge_quantity
from planner.criteria.quantity import Quantity, Region
from planner.criteria.sample_size import judge_with_projected_n, seeds_to_decide
from planner.criteria.test_design import TestDesign
from tests.support.rotation import a_third_of

JUDGING = TestDesign(seeds=3, most_seeds=3)


def normal(n: int, mean: float, sd: float, seed: int = 0) -> dict[int, float]:
    """Values whose mean and sd are exactly as told."""
    raw = [random.Random(f"{seed} {i}").gauss(0, 1) for i in range(n)]
    centre = sum(raw) / n
    scale = math.sqrt(sum((r - centre) ** 2 for r in raw) / (n - 1))
    return {i: mean + sd * (r - centre) / scale for i, r in enumerate(raw)}


@given(
    st.floats(-3, 3).filter(lambda m: abs(m) > 0.05),
    st.floats(0.05, 5),
    st.integers(3, 8),
    st.integers(0, 99),
)
@settings(max_examples=a_third_of(200), deadline=None)
def test_an_interval_of_so_many_like_seeds_decides_and_one_fewer_does_not(
    mean: float, noise: float, n: int, seed: int
) -> None:
    quantity = Quantity(normal(n, mean, noise, seed), Region(0.0, math.inf), "interval")
    needed = seeds_to_decide(quantity, JUDGING)
    if needed is None or judge_quantity(quantity, JUDGING).outcome != "undecided" or needed > 3000:
        return
    for count, decided in ((needed, True), (needed - 1, False)):
        if count <= n:
            continue
        more = Quantity(normal(count, mean, noise, seed), Region(0.0, math.inf), "interval")
        design = TestDesign(seeds=count, most_seeds=count)
        assert (judge_quantity(more, design).outcome != "undecided") == decided


@pytest.mark.parametrize(("mean", "answer"), [(1.0, "met"), (0.8, "met"), (0.0, "not_met"), (0.2, "not_met")])
def test_about_so_many_seeds_decide_a_sequence(mean: float, answer: str) -> None:
    """Wald's approximation: right within a factor of two on the average of many samples."""
    sizes, predicted = [], []
    for trial in range(20):
        values = [mean + 1.5 * random.Random(f"{trial} {i}").gauss(0, 1) for i in range(400)]
        quantity = Quantity(dict(enumerate(values)), Region(1.0, math.inf), "sequential", 1.0)
        judged = judge_quantity(quantity, TestDesign(seeds=3, most_seeds=400))
        if judged.outcome == answer:
            sizes.append(judged.n)
    like = Quantity(normal(10, mean, 1.5), Region(1.0, math.inf), "sequential", 1.0)
    predicted = seeds_to_decide(like, TestDesign(seeds=3, most_seeds=400))
    assert predicted is not None
    assert 0.5 <= predicted / (sum(sizes) / len(sizes)) <= 2


@pytest.mark.parametrize("unit", [1e-280, 1e-145, 1e145, 1e290])
def test_the_outlook_does_not_depend_on_the_unit(unit: float) -> None:
    values = normal(10, 0.8, 1.5)

    def outlook(unit: float) -> int | None:
        scaled = {seed: value * unit for seed, value in values.items()}
        return seeds_to_decide(Quantity(scaled, Region(unit, math.inf), "sequential", unit), JUDGING)

    assert outlook(1.0) is not None
    assert outlook(unit) == pytest.approx(outlook(1.0), abs=1)


def test_a_value_on_its_bound_is_decided_by_no_number_of_seeds() -> None:
    assert seeds_to_decide(Quantity(normal(5, 0.0, 1.0), Region(0.0, math.inf), "interval"), JUDGING) is None
    halfway = Quantity(normal(5, 0.5, 1.0), Region(1.0, math.inf), "sequential", 1.0)
    assert seeds_to_decide(halfway, JUDGING) is None


def test_only_what_is_undecided_has_a_projected_n() -> None:
    clear = Quantity(normal(5, 9.0, 0.1), Region(0.0, math.inf), "interval")
    open_still = Quantity(normal(5, 0.3, 1.0), Region(0.0, math.inf), "interval")
    assert judge_with_projected_n(clear, JUDGING).projected_n is None
    assert (judge_with_projected_n(open_still, JUDGING).projected_n or 0) > 5


def test_one_seed_and_a_deviation_have_none() -> None:
    assert seeds_to_decide(Quantity({0: 1.0}, Region(0.0, math.inf), "interval"), JUDGING) is None
    spread = Quantity(normal(5, 1.0, 1.0), Region(-math.inf, 1.0), "interval", spread=True)
    assert seeds_to_decide(spread, JUDGING) is None
