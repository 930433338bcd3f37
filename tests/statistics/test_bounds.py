"""Bounds, levels and answers against the reference rule, and the laws that they keep."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.statistics import answers, bounds
from planner.statistics.bounds import Bounds, Design, PooledNoise, Stage, bounds_of
from planner.statistics.crossing import Chain, crossing_chances
from planner.statistics.e_process import critical_t, log_e
from planner.statistics.levels import (
    LATE_SHARE,
    POOL_CLASSES,
    early_share,
    late_level,
    levels,
    solve_levels,
)
from planner.statistics.moments import moments_of

FIGURES = json.loads((Path(__file__).parent / "bounds_reference.json").read_text())
GAINS = [1.2, 0.4, 1.9, 0.7, 1.1]
LARGE = [2.80, 3.39, 3.30, 1.59, 1.44]
ANSWERS = {"refuted": 0, "undecided": 1, "supported": 2}


def answer_of(values: list[float], design: Design, delta: float = 1.0, **others: Any) -> tuple[str, Bounds]:
    moments = moments_of(values)
    stage: Stage = others.pop("stage", None) or bounds.stage_of(moments.n, design.planned)
    shown = bounds_of(moments, design, stage=stage, **others)
    rounding = answers.rounding_of(values, delta)
    return answers.better_by(moments.mean, shown, delta, stage, rounding), shown


# --- against the reference ------------------------------------------------------------------------


def test_e_and_its_critical_values_are_those_of_the_reference() -> None:
    ts = [moments_of(GAINS[:n]).mean * n**0.5 / moments_of(GAINS[:n]).sd for n in (3, 4, 5)]
    at_one = [log_e(t, n, n - 1, (1.0,)) for t, n in zip(ts, (3, 4, 5), strict=True)]
    assert at_one == pytest.approx([1.5718, 2.1465, 2.9092], abs=1e-4)
    assert critical_t(3, 2, 0.05) == pytest.approx(8.246141582, abs=1e-6)
    assert critical_t(3, 2, 0.00625) == math.inf
    assert critical_t(10, 24, 0.0005) == pytest.approx(5.138615957, abs=1e-6)


def test_one_t_test_spends_its_level() -> None:
    critical = bounds.critical(6, 6, 5, 6, 0.05, 0, "final")
    assert sum(crossing_chances([math.inf] * 5 + [2.0150484], 0)) == pytest.approx(0.05, abs=2e-4)
    assert critical > 2.0150484


@pytest.mark.parametrize("plan", FIGURES["plans"], ids=lambda plan: f"{plan[0]}-{plan[1]}-{plan[2]}")
def test_the_table_gives_the_levels_of_the_reference(plan: list[float]) -> None:
    planned, error, pool_df, *expected = plan
    early, final, late = levels(int(planned), error, int(pool_df))
    assert (early, final, late) == pytest.approx(tuple(expected), rel=0.03)


@pytest.mark.parametrize("case", range(0, 500, 50))
def test_bounds_and_answers_are_those_of_the_reference(case: int) -> None:
    for figures in FIGURES["cases"][case : case + 50]:
        design = Design(figures["planned"], figures["alpha"], figures["beta"])
        pool = PooledNoise(figures["pool_sd"], figures["pool_df"])
        word, shown = answer_of(figures["values"], design, pool=pool, stage=figures["stage"])
        mean = moments_of(figures["values"]).mean
        for own, reference in zip(shown, (figures["lower"], figures["upper"]), strict=True):
            if reference is None:
                assert math.isinf(own)
            else:
                assert abs(own - mean) == pytest.approx(abs(reference - mean), rel=0.01), figures
        assert word == figures["answer"], figures


@pytest.mark.parametrize(("values", "planned", "expected"), FIGURES["needs"])
def test_the_seeds_that_would_decide_are_those_of_the_reference(
    values: list[float], planned: int, expected: int | None
) -> None:
    assert answers.seeds_needed(moments_of(values), 1.0, Design(planned, 0.05, 0.10)) == expected


def test_golden_cases_of_the_field() -> None:
    lowers = [answer_of(LARGE, Design(planned, 0.05, 0.1)) for planned in (5, 6, 32)]
    assert [word for word, _ in lowers] == ["supported"] * 3
    assert [shown.lower for _, shown in lowers] == pytest.approx([1.541, 0.510, 0.774], abs=0.02)
    smaller = [gain - 1.707 for gain in LARGE]
    assert {answer_of(smaller, Design(planned, 0.05, 0.1))[0] for planned in (5, 6, 32)} == {"undecided"}
    word, shown = answer_of([1.10, 1.69, 1.59, -0.12, -0.26], Design(5, 0.05, 0.1))
    assert word == "undecided" and shown == pytest.approx((-0.163, 1.505), abs=0.01)


# --- what a plan spends ---------------------------------------------------------------------------


@pytest.mark.parametrize("pool_df", POOL_CLASSES)
@pytest.mark.parametrize(("planned", "error"), [(4, 0.05), (6, 0.00625), (9, 0.08), (17, 0.0011)])
def test_a_plan_spends_nine_tenths_of_its_error_by_the_planned_number(
    planned: int, error: float, pool_df: int
) -> None:
    early, final, _ = levels(planned, error, pool_df)
    chain, crossed = Chain(pool_df), 0.0
    for n in range(1, planned):
        crossed += chain.step(critical_t(n, n - 1 + pool_df, early) if n >= 3 else math.inf)
    assert crossed == pytest.approx(early_share(planned) * (1 - LATE_SHARE) * error, rel=0.03)
    crossed += chain.step(
        bounds.critical(planned, planned, planned - 1 + pool_df, planned, error, pool_df, "final")
    )
    assert crossed == pytest.approx((1 - LATE_SHARE) * error, rel=0.01)


def test_what_the_table_lacks_is_solved() -> None:
    assert levels(5, 0.3, 0)[:2] == pytest.approx(solve_levels(5, 0.3, 0), rel=1e-6)


@pytest.mark.parametrize("planned", [3, 10, 32, 64, 99, 100, 101, 300])
@pytest.mark.parametrize("error", [0.05, 0.00625, 0.0001])
def test_a_bound_after_the_planned_number_is_kept_for_any_plan(planned: int, error: float) -> None:
    for final in (0.2 * error, 0.9 * error):
        assert 0 < late_level(planned, error, 0, final) <= error


@pytest.mark.parametrize("error", [1e-9, 2e-6, 0.3])
def test_a_plan_of_three_values_has_one_look_at_nine_tenths_of_its_error(error: float) -> None:
    assert levels(3, error, 0)[:2] == pytest.approx((0.0, 0.9 * error))
    assert levels(3, 0.025, 0).final == pytest.approx(0.9 * 0.025, rel=2e-3)  # from the table, by the chain


# --- laws -----------------------------------------------------------------------------------------

VALUES = st.lists(st.floats(-5, 5).map(lambda x: round(x, 3)), min_size=3, max_size=9)
DESIGNS = st.builds(Design, st.sampled_from([3, 5, 6, 10]), st.sampled_from([0.05, 0.00625]), st.just(0.1))
POOLS = st.builds(PooledNoise, st.floats(0.1, 3), st.sampled_from([0, 4, 15]))


@given(VALUES, DESIGNS, POOLS, st.floats(0, 10))
def test_the_same_gain_at_every_seed_makes_no_answer_worse(
    values: list[float], design: Design, pool: PooledNoise, gain: float
) -> None:
    before, _ = answer_of(values, design, pool=pool)
    after, _ = answer_of([value + gain for value in values], design, pool=pool)
    assert ANSWERS[after] >= ANSWERS[before]


@given(VALUES, DESIGNS, POOLS)
def test_an_answer_contradicts_no_interval(values: list[float], design: Design, pool: PooledNoise) -> None:
    word, shown = answer_of(values, design, pool=pool)
    assert word != "supported" or (shown.lower > 0 and shown.upper >= 1 - 1e-9)
    assert word != "refuted" or shown.upper < 1
    assert shown.lower <= moments_of(values).mean <= shown.upper


@given(VALUES, DESIGNS, POOLS, st.randoms(), st.floats(1e-6, 1e6))
def test_order_and_unit_change_nothing(
    values: list[float], design: Design, pool: PooledNoise, chance: Any, unit: float
) -> None:
    word, shown = answer_of(values, design, pool=pool)
    other = [value * unit for value in values]
    chance.shuffle(other)
    scaled = PooledNoise(pool.sd * unit, pool.df)
    again, wide = answer_of(other, design, unit, pool=scaled)
    assert again == word
    assert [bound / unit for bound in wide] == pytest.approx(shown, rel=1e-9, abs=1e-9)


@given(st.floats(-5, 5), st.integers(1, 12), DESIGNS)
def test_values_that_do_not_vary_say_nothing(value: float, n: int, design: Design) -> None:
    assert bounds_of(moments_of([value] * n), design) == bounds.NOTHING_KNOWN
