"""How a quantity is held against a bound: treatments, looks, and flip points."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from planner.criteria.decision_rule import Answer, judge_quantity
from planner.criteria.quantity import Quantity, Region
from planner.criteria.test_design import TestDesign
from planner.statistics import intervals
from planner.statistics.levels import LATE_SHARE, early_share, levels
from tests.support.builders import make_test_design
from tests.support.rotation import a_fifth_of

VALUES = st.lists(st.integers(-400, 400).map(lambda k: k / 100), min_size=3, max_size=6)
BOUNDS = st.integers(-300, 300).map(lambda k: k / 100)
REGIONS = st.one_of(
    BOUNDS.map(lambda b: Region(b, math.inf)),
    BOUNDS.map(lambda b: Region(b, math.inf, open=True)),
    BOUNDS.map(lambda b: Region(-math.inf, b)),
    st.tuples(BOUNDS, BOUNDS).map(lambda pair: Region(min(pair), max(pair))),
)


def ask(values: Sequence[float], region: Region, treatment: str, design: TestDesign | None = None) -> Answer:
    quantity = Quantity(dict(enumerate(values)), region, treatment)
    return judge_quantity(quantity, design or make_test_design(final=True), with_flip_points=True)


def moved(values: Sequence[float], to: float) -> list[float]:
    """The values with their mean elsewhere and their spread as it was."""
    shift = to - intervals.mean(values)
    return [value + shift for value in values]


def beyond(flip: float, observed: float) -> float:
    """A value just past a flip point, seen from the observed one."""
    away = math.copysign(1e-7 * (1 + abs(flip)), flip - observed) if flip != observed else 1e-7
    return flip + away


def before(flip: float, observed: float) -> float:
    return flip - (beyond(flip, observed) - flip)


@given(VALUES, REGIONS, st.sampled_from(["point", "bounds"]))
@settings(max_examples=a_fifth_of(300), deadline=None)
def test_moving_the_mean_past_flips_at_changes_the_outcome_and_stopping_short_does_not(
    values: list[float], region: Region, treatment: str
) -> None:
    answer = ask(values, region, treatment)
    observed, flip = answer.observed, answer.flips_at
    assert observed is not None
    assume(flip is not None and abs(flip - observed) > 1e-5)
    assert flip is not None
    past = ask(moved(values, beyond(flip, observed)), region, treatment)
    assume(region.low != region.high)
    assert past.outcome != answer.outcome
    assert ask(moved(values, before(flip, observed)), region, treatment).outcome == answer.outcome


@given(
    VALUES,
    st.integers(1, 300).map(lambda k: k / 100),
    st.sampled_from(["point", "bounds"]),
)
@settings(max_examples=a_fifth_of(200), deadline=None)
def test_moving_improvements_past_flips_at_changes_the_outcome_of_better_by(
    values: list[float], delta: float, treatment: str
) -> None:
    def outcome(effects: Sequence[float]) -> Answer:
        quantity = Quantity(dict(enumerate(effects)), Region(delta, math.inf), treatment, delta)
        return judge_quantity(quantity, make_test_design(final=True), with_flip_points=True)

    answer = outcome(values)
    observed, flip = answer.observed, answer.flips_at
    assert observed is not None
    assume(flip is not None and abs(flip - observed) > 1e-5)
    assert flip is not None
    shift = beyond(flip, observed) - observed
    assert outcome([v + shift for v in values]).outcome != answer.outcome


@given(
    st.lists(st.integers(-400, 400).map(lambda k: k / 100), min_size=3, max_size=6),
    st.integers(1, 600).map(lambda k: k / 100),
)
@settings(max_examples=a_fifth_of(200), deadline=None)
def test_scaling_a_deviation_past_flips_at_changes_the_outcome(values: list[float], bound: float) -> None:
    assume(intervals.sd(values) > 0.05)

    def outcome(effects: Sequence[float]) -> Answer:
        quantity = Quantity(dict(enumerate(effects)), Region(-math.inf, bound), "bounds", spread=True)
        return judge_quantity(quantity, make_test_design(final=True), with_flip_points=True)

    answer = outcome(values)
    assert answer.observed is not None and answer.flips_at is not None
    assume(abs(answer.flips_at - answer.observed) > 1e-5)
    for to, changed in ((beyond, True), (before, False)):
        factor = to(answer.flips_at, answer.observed) / answer.observed
        assert (outcome([v * factor for v in values]).outcome != answer.outcome) is changed


def test_a_margin_narrower_than_the_interval_cannot_be_met_so_that_no_flip_point_says_so() -> None:
    """Within .1 with bounds that lie further away: the nearest change is to not met."""
    values, region = [-0.2, 0.0, 0.2], Region(-0.1, 0.1)
    answer = ask(values, region, "bounds")
    assert answer.outcome == "undecided"
    assert answer.interval is not None and answer.interval[1] > 0.1
    assert [outcome for _, outcome in answer.flip_points] == ["not_met"]
    assert answer.flips_at is not None
    assert ask(moved(values, beyond(answer.flips_at, 0.0)), region, "bounds").outcome == "not_met"


def test_a_far_effect_still_has_a_flip_point() -> None:
    values, delta = [30.0, 31.0, 29.0], 1.0
    quantity = Quantity(dict(enumerate(values)), Region(delta, math.inf), "bounds", delta)
    answer = judge_quantity(quantity, make_test_design(), with_flip_points=True)
    assert answer.outcome == "met"
    assert answer.flips_at is not None and answer.flips_at < 30.0


@given(VALUES)
@settings(max_examples=50, deadline=None)
def test_few_seeds_never_answer_while_more_can_be_had(values: list[float]) -> None:
    for delta in (None, 0.5):
        quantity = Quantity(dict(enumerate(values[:2])), Region(0.5, math.inf), "bounds", delta)
        answer = judge_quantity(quantity, make_test_design(), with_flip_points=True)
        assert (answer.outcome, answer.cause, answer.flips_at) == ("undecided", "few_seeds", None)


def test_few_seeds_and_none_to_come_fall_back_to_the_value_itself_and_say_so() -> None:
    for delta in (None, 0.5):
        quantity = Quantity({0: 0.6, 1: 0.7}, Region(0.5, math.inf), "bounds", delta)
        answer = judge_quantity(quantity, make_test_design(final=True), with_flip_points=True)
        assert (answer.outcome, answer.treatment) == ("met", "point")
        assert "2 of at least 3 seeds" in answer.note


def test_the_error_of_a_deviation_is_split_among_the_declared_looks() -> None:
    assert make_test_design(seeds=3, most_seeds=6).looks == (3, 6)
    assert make_test_design(seeds=3, most_seeds=6).confidence_level_met() == pytest.approx(0.975)
    assert make_test_design(seeds=3, most_seeds=3).confidence_level_met() == pytest.approx(0.95)
    assert make_test_design(seeds=1, most_seeds=1).looks == (3,)
    assert make_test_design(seeds=3, most_seeds=3).confidence_level_met(5) == pytest.approx(0.99)


def test_identical_values_are_what_they_are_at_point_value_and_no_precision_to_bounds() -> None:
    for region, outcome in ((Region(1.0, math.inf), "met"), (Region(1.0, math.inf, open=True), "not_met")):
        assert ask([1.0] * 3, region, "point").outcome == outcome
        assert ask([1.0] * 3, region, "bounds").outcome == "undecided"


def test_seeds_after_an_answer_count_too() -> None:
    """A sixth seed that is far worse than the five before it takes back what they showed."""
    values = [1.2, 0.9, 1.4, 1.0, 1.1, -50.0]
    for n, outcome in ((5, "met"), (6, "undecided")):
        quantity = Quantity(dict(enumerate(values[:n])), Region(1.0, math.inf), "bounds", 1.0)
        answer = judge_quantity(quantity, make_test_design())
        assert (answer.outcome, answer.n) == (outcome, n)
        assert answer.observed == pytest.approx(sum(values[:n]) / n)


@pytest.mark.parametrize("delta", [None, 1.0])
def test_more_seeds_than_were_planned_are_all_judged(delta: float | None) -> None:
    values = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 99.0]
    quantity = Quantity(dict(enumerate(values)), Region(1.0, math.inf), "bounds", delta)
    answer = judge_quantity(quantity, make_test_design(most_seeds=6))
    assert (answer.outcome, answer.n, answer.observed) == ("undecided", 7, pytest.approx(102 / 7))


@pytest.mark.parametrize("n", [3, 4, 5, 10, 19, 20, 40])
def test_bounds_at_the_planned_number_are_students_and_never_a_bootstrap(n: int) -> None:
    """A bootstrap of three values that is said to cover 95% covers 79%."""
    chance = random.Random(n)
    values = [chance.gauss(1, 1) for _ in range(n)]
    design = make_test_design(seeds=n, most_seeds=n)
    answer = ask(values, Region(-9.0, math.inf), "bounds", design)
    assert answer.interval is not None
    for end, rate in zip(answer.interval, (0.05, 0.10), strict=True):
        tail = float(stats.t.sf(abs(end - sum(values) / n) / stats.sem(values), n - 1))
        assert tail == pytest.approx(levels(n, rate, 0)[1])
        kept = (1 - LATE_SHARE) * rate
        assert 0.99 * (1 - early_share(n)) * kept < tail < 1.01 * kept
    assert ask(values, Region(-9.0, math.inf), "bounds", design) == answer
