"""How many seeds a decision would need: what is said agrees with what the rules then do."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.criteria.bounded import bounded_answer, seeds_needed
from planner.criteria.decision_rule import judge_quantity
from planner.criteria.quantity import Quantity, Region
from planner.criteria.test_design import TestDesign
from planner.records.verdict import CriterionOutcome
from planner.statistics import intervals
from planner.statistics.bounds import PooledNoise
from tests.support.rotation import a_fifth_of

JUDGING = TestDesign(seeds=3, most_seeds=12)
AT_LEAST_NONE = Region(0.0, math.inf)


def normal(n: int, mean: float, sd: float, seed: int = 0) -> dict[int, float]:
    """Values whose mean and sd are exactly these."""
    raw = [random.Random(f"{seed} {i}").gauss(0, 1) for i in range(n)]
    centre, scale = intervals.mean(raw), intervals.sd(raw)
    return {i: mean + sd * (r - centre) / scale for i, r in enumerate(raw)}


def with_more(values: dict[int, float], more: int) -> dict[int, float]:
    """The values and two or more others that leave mean and sd as they are."""
    mean, sd = intervals.mean([*values.values()]), intervals.sd([*values.values()])
    away = sd * math.sqrt(more / (more - more % 2))
    offsets = [away, -away] * (more // 2) + [0.0] * (more % 2)
    return {**values, **{len(values) + i: mean + offset for i, offset in enumerate(offsets)}}


def better_by(values: dict[int, float], delta: float = 1.0, noise: PooledNoise | None = None) -> Quantity:
    return Quantity(values, Region(delta, math.inf), "bounds", delta, noise=noise or PooledNoise())


def outcome(quantity: Quantity, design: TestDesign = JUDGING) -> CriterionOutcome:
    return bounded_answer(quantity, design)[0].outcome


@pytest.mark.parametrize("delta", [None, 1.0])
@given(
    st.floats(-3, 3).filter(lambda m: abs(m) > 0.05),
    st.floats(0.05, 5),
    st.integers(3, 8),
    st.integers(0, 99),
)
@settings(max_examples=a_fifth_of(60), deadline=None)
def test_so_many_like_seeds_decide_and_fewer_do_not(
    delta: float | None, mean: float, noise: float, n: int, seed: int
) -> None:
    def like(count: int) -> Quantity:
        region = AT_LEAST_NONE if delta is None else Region(delta, math.inf)
        return Quantity(normal(count, mean, noise, seed), region, "bounds", delta)

    planned = JUDGING.most_seeds
    before = [count for count in range(n + 1, planned + 1) if outcome(like(count)) != "undecided"]
    if before:
        assert seeds_needed(like(n), JUDGING) == before[0]
    elif planned - n > 1:  # what is beyond the plan has a test of its own
        assert (seeds_needed(like(planned), JUDGING) or 999) > planned


@pytest.mark.parametrize("mean", [0.25, 0.35, 0.9])
def test_after_the_planned_number_so_many_like_seeds_decide_late(mean: float) -> None:
    values = normal(12, mean, 2.0)
    final = judge_quantity(better_by(values), JUDGING)
    assert (final.outcome, final.look and final.look.stage) == ("undecided", "final")
    assert final.look is not None and final.projected_n is not None
    late = TestDesign(3, 12, past_looks={("", ""): [final.look]})
    assert outcome(better_by(with_more(values, final.projected_n - 12)), late) != "undecided"
    assert outcome(better_by(with_more(values, final.projected_n // 2 - 6)), late) == "undecided"


@pytest.mark.parametrize(("mean", "answer"), [(1.0, "met"), (0.8, "met"), (0.0, "not_met"), (0.2, "not_met")])
def test_about_so_many_seeds_decide_a_campaign(mean: float, answer: str) -> None:
    """Right within a factor of two on the average of many samples, each added to until it is decided."""
    design = TestDesign(seeds=3, most_seeds=40)
    sizes, answers = [], []
    for trial in range(30):
        values = [mean + 1.5 * random.Random(f"{trial} {i}").gauss(0, 1) for i in range(40)]
        looks = ((n, outcome(better_by(dict(enumerate(values[:n]))), design)) for n in range(3, 41))
        n, said = next((look for look in looks if look[1] != "undecided"), (40, "undecided"))
        sizes.append(n)
        answers.append(said)
    predicted = seeds_needed(better_by(normal(3, mean, 1.5)), design)
    assert predicted is not None and answers.count(answer) > 15
    assert 0.5 <= predicted / (sum(sizes) / len(sizes)) <= 2


@pytest.mark.parametrize("unit", [1e-280, 1e-145, 1e145, 1e290])
def test_the_outlook_does_not_depend_on_the_unit(unit: float) -> None:
    values = normal(10, 0.8, 1.5)
    scaled = {seed: value * unit for seed, value in values.items()}
    expected = seeds_needed(better_by(values), JUDGING)
    assert expected is not None
    assert seeds_needed(better_by(scaled, unit), JUDGING) == expected


@pytest.mark.parametrize("region", [AT_LEAST_NONE, Region(-math.inf, 0.0), Region(-1.0, 0.0)])
def test_a_value_on_its_bound_is_decided_by_no_number_of_seeds(region: Region) -> None:
    assert seeds_needed(Quantity(normal(5, 0.0, 1.0), region, "bounds"), JUDGING) is None


def test_a_value_halfway_to_the_effect_asked_is_decided() -> None:
    assert seeds_needed(better_by(normal(5, 0.5, 1.0)), JUDGING) is not None


def test_noise_of_other_arms_saves_seeds_unless_the_arm_is_noisier_than_they_are() -> None:
    values = normal(4, 0.9, 1.0)
    alone = seeds_needed(better_by(values), JUDGING)
    pooled = seeds_needed(better_by(values, noise=PooledNoise(1.0, 15)), JUDGING)
    quieter = seeds_needed(better_by(values, noise=PooledNoise(0.2, 15)), JUDGING)
    assert alone is not None and pooled is not None and quieter is not None
    assert 4 < pooled < alone <= quieter


def test_only_what_is_undecided_has_a_projected_n() -> None:
    clear = Quantity(normal(5, 9.0, 0.1), AT_LEAST_NONE, "bounds")
    open_still = Quantity(normal(5, 0.3, 1.0), AT_LEAST_NONE, "bounds")
    assert judge_quantity(clear, JUDGING).projected_n is None
    assert (judge_quantity(open_still, JUDGING).projected_n or 0) > 5


def test_one_seed_flags_and_a_deviation_have_none() -> None:
    assert seeds_needed(Quantity({0: 1.0}, AT_LEAST_NONE, "bounds"), JUDGING) is None
    flags = Quantity({0: 1.0, 1: 0.0, 2: 1.0}, Region(0.5, math.inf), "bounds", rates="rate")
    assert seeds_needed(flags, JUDGING) is None
    spread = Quantity(normal(5, 1.0, 1.0), Region(-math.inf, 1.0), "bounds", spread=True)
    answer = judge_quantity(spread, TestDesign(seeds=3, most_seeds=5))
    assert (answer.outcome, answer.projected_n) == ("undecided", None)
