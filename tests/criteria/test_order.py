"""Order: arms from best to worst."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support.builders import judged, make_evidence

ORDER: dict[str, Any] = {"metric": "acc", "best_first": ["third", "new", "base"]}


def spread(centres: dict[str, float], noise: float = 0.01) -> dict[str, list[float]]:
    """Three seeds an arm, the noise of each arm different."""
    return {
        arm: [c + noise * x for x in (i, -1, 1 - i)] for i, (arm, c) in enumerate(sorted(centres.items()))
    }


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        ({"base": [0.1], "new": [0.2], "third": [0.3]}, "met"),
        ({"base": [0.1], "new": [0.2], "third": [0.2]}, "not_met"),
        ({"base": [0.1], "new": [0.3], "third": [0.2]}, "not_met"),
        ({"base": [0.2], "new": [0.1], "third": [0.3]}, "not_met"),
    ],
)
def test_at_point_value_it_asks_for_the_order_alone_and_a_tie_is_no_order(
    values: dict[str, list[float]], outcome: str
) -> None:
    assert judged({**ORDER, "treatment": "point"}, make_evidence(values)).outcome == outcome


def test_where_lower_is_better_the_lowest_comes_first() -> None:
    rule = {"metric": "loss", "best_first": ["third", "new", "base"], "treatment": "point"}
    values = {"base": [3.0], "new": [2.0], "third": [1.0]}
    result = judged(rule, make_evidence(values, "loss"))
    assert (result.outcome, result.observed) == ("met", 1.0)
    turned = {"base": [1.0], "new": [2.0], "third": [3.0]}
    assert judged(rule, make_evidence(turned, "loss")).outcome == "not_met"


def test_over_seeds_every_neighbouring_difference_must_be_beyond_zero() -> None:
    result = judged(ORDER, make_evidence(spread({"base": 0.1, "new": 0.5, "third": 0.9})))
    assert (result.outcome, result.treatment) == ("met", "bounds")
    assert [p.id for p in result.parts] == ["third > new", "new > base"]


def test_an_undecided_pair_is_named_and_more_seeds_may_settle_it() -> None:
    result = judged(ORDER, make_evidence(spread({"base": 0.1, "new": 0.5, "third": 0.505})))
    assert (result.outcome, result.cause) == ("undecided", "undecided")
    assert "third may or may not be better than new" in result.reason


def test_a_reversal_shares_the_error_among_the_pairs() -> None:
    """One reversed pair suffices to refute the order, so each has to be surer than alone."""
    values = {"base": [0.0] * 3, "new": [0.9] * 3, "third": [0.89, 0.88, 0.86]}
    two = judged({**ORDER, "best_first": ["third", "new"]}, make_evidence(values), most_seeds=3)
    assert two.outcome == "not_met"
    three = judged(ORDER, make_evidence(values), most_seeds=3)
    assert (three.outcome, three.cause) == ("undecided", "undecided")
    assert three.interval is not None and three.interval[1] >= 0.0


def test_absent_and_not_finite_arms() -> None:
    absent = make_evidence({"base": [0.1], "new": [0.2]})
    assert judged({**ORDER, "treatment": "point"}, absent).outcome == "undecided"
    assert judged({**ORDER, "treatment": "point"}, absent, optional=True).outcome == "not_applicable"
    broken = make_evidence({"base": [0.1], "new": [0.2], "third": [math.nan]})
    assert judged({**ORDER, "treatment": "point"}, broken).outcome == "invalid"


def test_a_reversed_pair_settles_the_order_though_an_arm_is_absent() -> None:
    rule = {"metric": "acc", "best_first": ["base", "new", "third"], "treatment": "point"}
    evidence = make_evidence({"base": [0.1], "new": [0.2]})
    assert judged(rule, evidence, optional=True).outcome == "not_met"


def test_one_arm_alone_is_in_order() -> None:
    result = judged({"metric": "acc", "best_first": ["base"]}, make_evidence({"base": [0.1]}))
    assert (result.outcome, result.treatment) == ("met", "point")
