"""Laws of criteria with one side, whichever way is better, with and without the noise of other arms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from planner.criteria.answer import Answer
from planner.criteria.bounded import bounded_answer
from planner.criteria.quantity import Quantity, Region
from planner.criteria.test_design import TestDesign
from planner.statistics import intervals
from planner.statistics.bounds import NO_POOL, PooledNoise
from tests.support.rotation import a_fifth_of

RANK = {"not_met": 0, "undecided": 1, "met": 2}
LAWS = settings(max_examples=a_fifth_of(300), deadline=None, derandomize=True, database=None)

some_values = st.lists(st.integers(-5000, 5000).map(lambda k: k / 1000), min_size=3, max_size=9)
caps = st.sampled_from([3, 5, 8])
pools = st.one_of(
    st.just(NO_POOL), st.builds(PooledNoise, st.floats(0.05, 3.0), st.sampled_from([2.0, 4.0, 15.0]))
)
bounds = st.one_of(
    st.floats(0.1, 3.0).map(lambda delta: (Region(delta, math.inf), delta)),
    st.floats(-3.0, 3.0).map(lambda at_least: (Region(at_least, math.inf), None)),
    st.floats(-3.0, 3.0).map(lambda at_most: (Region(-math.inf, at_most), None)),
)
quantities = st.builds(
    lambda values, bound, noise: Quantity(
        dict(enumerate(values)), bound[0], "bounds", delta=bound[1], noise=noise
    ),
    some_values,
    bounds,
    pools,
)


def said(quantity: Quantity, cap: int) -> Answer:
    return bounded_answer(quantity, TestDesign(seeds=3, most_seeds=cap))[0]


def of(quantity: Quantity, values: Mapping[int, float] | Sequence[float]) -> Quantity:
    """The same of other values."""
    return replace(quantity, values=dict(values if isinstance(values, Mapping) else enumerate(values)))


def of_look(answer: Answer) -> tuple[float, float]:
    """Both bounds; infinite where there is none."""
    assert answer.look is not None
    lower, upper = answer.look.lower, answer.look.upper
    return -math.inf if lower is None else lower, math.inf if upper is None else upper


@LAWS
@given(quantities, caps, st.floats(0.0, 8.0))
def test_the_same_gain_at_every_seed_never_makes_an_outcome_worse(
    quantity: Quantity, cap: int, gain: float
) -> None:
    better = gain if math.isfinite(quantity.region.low) else -gain
    after = said(of(quantity, [value + better for value in quantity.in_order]), cap)
    assert RANK[after.outcome] >= RANK[said(quantity, cap).outcome]


@LAWS
@given(quantities, caps)
def test_the_outcome_is_what_the_bounds_that_are_shown_say(quantity: Quantity, cap: int) -> None:
    assume(not quantity.without_variation or quantity.noise.sd)
    answer = said(quantity, cap)
    lower, upper = of_look(answer)
    low, high, mean = quantity.region.low, quantity.region.high, answer.observed or 0.0
    if quantity.delta is not None:
        short = upper < quantity.delta
        met = lower > 0 and mean >= quantity.delta / 2 and not short
        not_met = short and (len(quantity.values) >= cap or mean <= quantity.delta / 2)
    else:
        met = lower >= low and upper <= high
        not_met = upper < low or lower > high
    assert answer.outcome == ("met" if met else "not_met" if not_met else "undecided")
    both = math.isfinite(lower) and math.isfinite(upper)
    assert answer.interval == ((lower, upper) if both else None)
    assert lower <= mean <= upper


@LAWS
@given(quantities, caps, st.randoms(use_true_random=False))
def test_the_names_of_seeds_and_their_order_change_nothing(
    quantity: Quantity, cap: int, chance: object
) -> None:
    names = list(range(0, 7 * len(quantity.values), 7))
    chance.shuffle(names)  # type: ignore[attr-defined]
    one, other = (
        said(quantity, cap),
        said(of(quantity, dict(zip(names, quantity.in_order, strict=True))), cap),
    )
    assert replace(other, look=None) == replace(one, look=None)
    if one.look is not None:
        assert of_look(other) == of_look(one)


@LAWS
@given(quantities, caps, st.integers(-400, 400))
def test_the_unit_changes_nothing(quantity: Quantity, cap: int, k: int) -> None:
    assume(intervals.varies(quantity.in_order) or quantity.noise.sd)
    unit = 2.0**k
    region, noise = quantity.region, quantity.noise
    scaled = replace(
        of(quantity, [value * unit for value in quantity.in_order]),
        region=Region(region.low * unit, region.high * unit),
        delta=None if quantity.delta is None else quantity.delta * unit,
        noise=PooledNoise(noise.sd * unit, noise.df),
    )
    one, other = said(quantity, cap), said(scaled, cap)
    assert (other.outcome, other.observed) == (one.outcome, (one.observed or 0.0) * unit)
    assert of_look(other) == tuple(bound * unit for bound in of_look(one))
