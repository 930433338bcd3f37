"""Spread: a plateau over several arms."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support.builders import judged, make_evidence

FLAT: dict[str, Any] = {"metric": "acc", "spread_of": ["base", "new", "third"], "at_most": 0.25}
POINT = {**FLAT, "treatment": "point"}


@pytest.mark.parametrize(("third", "outcome"), [(0.625, "met"), (0.75, "met"), (0.875, "not_met")])
def test_the_largest_difference_is_held_against_the_bound(third: float, outcome: str) -> None:
    result = judged(POINT, make_evidence({"base": [0.5], "new": [0.5], "third": [third]}))
    assert (result.outcome, result.observed) == (outcome, third - 0.5)


def test_the_difference_is_told_as_a_size_whichever_arm_is_ahead() -> None:
    for one, other in ((0.5, 0.625), (0.625, 0.5)):
        result = judged(
            {**POINT, "spread_of": ["base", "new"]}, make_evidence({"base": [one], "new": [other]})
        )
        assert (result.observed, result.margin, result.flips_at) == (0.125, 0.125, 0.25)


def test_over_seeds_every_pair_must_lie_within_the_bound() -> None:
    noise = (0.0, 0.01, -0.01)
    flat = {
        arm: [0.5 + c + x * (i + 1) for x in noise]
        for i, (arm, c) in enumerate(zip(FLAT["spread_of"], (0, 0.02, 0.04), strict=True))
    }
    assert judged(FLAT, make_evidence(flat), most_seeds=3).outcome == "met"
    steep = {**flat, "third": [v + 0.5 for v in flat["third"]]}
    result = judged(FLAT, make_evidence(steep), most_seeds=3)
    assert (result.outcome, len(result.parts)) == ("not_met", 3)
    edge = {**flat, "third": [v + 0.2 for v in flat["third"]]}
    assert judged(FLAT, make_evidence(edge), most_seeds=3).outcome == "undecided"


def test_absent_and_not_finite_arms() -> None:
    absent = make_evidence({"base": [0.5], "new": [0.5]})
    assert judged(POINT, absent).outcome == "undecided"
    assert judged(POINT, absent, optional=True).outcome == "not_applicable"
    broken = make_evidence({"base": [0.5], "new": [0.5], "third": [math.inf]})
    assert judged(POINT, broken, optional=True).outcome == "invalid"


def test_one_arm_alone_has_no_spread() -> None:
    rule = {"metric": "acc", "spread_of": ["base"], "at_most": 0.1}
    assert judged(rule, make_evidence({"base": [0.5]})).outcome == "met"
