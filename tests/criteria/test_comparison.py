"""Comparison: differences and ratios between arms, paired by seed."""

from __future__ import annotations

import math
from typing import Any

import pytest

from planner.evidence.evidence import Evidence
from tests.support.builders import judged, make_evidence, make_run

POINT: dict[str, Any] = {"metric": "acc", "arm": "new", "versus": "base", "treatment": "point"}
BETTER: dict[str, Any] = {"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}


def pair(base: list[Any], new: list[Any], metric: str = "acc") -> Evidence:
    return make_evidence({"base": base, "new": new}, metric)


@pytest.mark.parametrize(
    ("bound", "difference", "outcome", "answer"),
    [
        ({"at_least": 0.25}, 0.125, "not_met", "refuted"),
        ({"at_least": 0.25}, 0.25, "met", "supported"),
        ({"at_least": 0.25}, 0.5, "met", "supported"),
        ({"above": 0.25}, 0.25, "not_met", "refuted"),
        ({"below": 0.25}, 0.25, "not_met", "refuted"),
        ({"at_most": 0.25}, 0.25, "met", "supported"),
        ({"between": [0.25, 0.5]}, 0.5, "met", "supported"),
        ({"within": 0.25}, 0.25, "met", "equivalent"),
        ({"within": 0.25}, -0.25, "met", "equivalent"),
        ({"within": 0.25}, 0.5, "not_met", "refuted"),
        ({"better_by": 0.25}, 0.25, "met", "supported"),
        ({"better_by": 0.25}, 0.125, "undecided", "inconclusive"),
        ({"better_by": 0.25}, 0.0, "not_met", "refuted"),
        ({"better_by": 0.25}, -1.0, "not_met", "refuted"),
    ],
)
def test_point_difference_just_below_at_and_above_each_bound(
    bound: dict[str, Any], difference: float, outcome: str, answer: str
) -> None:
    result = judged({**POINT, **bound}, pair([0.5], [0.5 + difference]))
    assert (result.outcome, result.answer) == (outcome, answer)
    assert result.observed == difference


def test_better_by_counts_a_lower_value_as_the_improvement_where_lower_is_better() -> None:
    rule = {"metric": "loss", "arm": "new", "versus": "base", "better_by": 0.25, "treatment": "point"}
    lower = judged(rule, pair([1.0], [0.5], "loss"))
    assert (lower.outcome, lower.observed) == ("met", 0.5)
    higher = judged(rule, pair([0.5], [1.0], "loss"))
    assert (higher.outcome, higher.observed) == ("not_met", -0.5)


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ([0.75], "new against base: better in acc by +0.25, asked better by 0.1"),
        ([0.5], "new against base: better in acc by 0, asked better by 0.1"),
        ([0.25], "new against base: worse in acc by 0.25, asked better by 0.1"),
    ],
)
def test_a_negative_improvement_is_told_as_a_worsening(new: list[float], reason: str) -> None:
    assert judged({**BETTER, "treatment": "point"}, pair([0.5], new)).reason == reason


def test_the_interval_of_a_worsening_is_turned_round_with_it() -> None:
    alike = {"false_pass": 0.1, "false_fail": 0.1}
    better = judged(BETTER, pair([0.0] * 3, [0.25, 0.5, 0.75]), **alike)
    worse = judged(BETTER, pair([0.25, 0.5, 0.75], [0.0] * 3), **alike)
    assert worse.reason == better.reason.replace("better in acc by +", "worse in acc by ")
    assert (worse.observed, worse.interval) == (-0.5, tuple(-x for x in reversed(better.interval or ())))


def test_a_plain_difference_keeps_its_sign_whichever_way_is_better() -> None:
    rule = {"metric": "loss", "arm": "new", "versus": "base", "at_most": 0.0, "treatment": "point"}
    assert judged(rule, pair([1.0], [0.5], "loss")).observed == -0.5


def test_a_ratio_is_taken_seed_by_seed_and_within_is_centred_on_one() -> None:
    rule = {**POINT, "as": "ratio"}
    result = judged({**rule, "at_most": 0.5}, pair([1.0, 4.0], [0.5, 1.0]))
    assert (result.observed, result.unit, result.outcome) == (0.375, "ratio", "met")
    for new, outcome in ((1.125, "met"), (0.875, "met"), (1.25, "not_met"), (0.125, "not_met")):
        assert judged({**rule, "within": 0.125}, pair([1.0], [new])).outcome == outcome


@pytest.mark.parametrize("base", [0.0, 1e-299])
def test_a_ratio_that_is_not_finite_is_invalid(base: float) -> None:
    result = judged({**POINT, "as": "ratio", "at_most": 0.5}, pair([base], [1e299]))
    assert (result.outcome, result.cause) == ("invalid", "not_finite")


@pytest.mark.parametrize("side", ["base", "new"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -1.797e308])
def test_a_value_that_is_not_finite_on_either_side_is_invalid(side: str, value: float) -> None:
    values: dict[str, Any] = {"base": [0.5] * 4, "new": [0.9] * 4, side: [0.5, 0.5, value, 0.5]}
    for optional in (False, True):
        result = judged(BETTER, make_evidence(values), optional)
        assert (result.outcome, result.answer, result.observed) == ("invalid", None, None)


@pytest.mark.parametrize("side", ["base", "new"])
def test_an_absent_arm_is_undecided_where_required_and_not_applicable_elsewhere(side: str) -> None:
    values = {arm: [0.5] * 3 for arm in ("base", "new") if arm != side}
    result = judged(BETTER, make_evidence(values))
    assert (result.outcome, result.cause) == ("undecided", "missing")
    assert f"arm '{side}' has no usable run" in result.reason
    assert judged(BETTER, make_evidence(values), optional=True).outcome == "not_applicable"


def test_only_the_seeds_that_both_have_count() -> None:
    """Unpaired, new is ahead by .3 because it lacks the hard seed; paired it is not."""
    evidence = make_evidence({"base": [0.5, 0.5, 0.1], "new": [0.5, 0.5]})
    result = judged({**POINT, "above": 0.0}, evidence)
    assert (result.n, result.observed, result.outcome) == (2, 0.0, "not_met")


def test_pairing_removes_what_seeds_have_in_common() -> None:
    noise = [0.0, 0.3, -0.2]
    base, new = [0.5 + x for x in noise], [0.55 + x + 0.001 * i for i, x in enumerate(noise)]
    result = judged({**POINT, "treatment": "bounds", "above": 0.0}, pair(base, new))
    assert result.outcome == "met"


def test_two_metrics_of_one_arm_are_compared() -> None:
    rule = {"metric": "f1", "versus_metric": "acc", "arm": "base", "within": 0.125, "treatment": "point"}
    evidence = make_evidence({"base": [{"f1": 0.5, "acc": 0.625}]})
    result = judged(rule, evidence)
    assert (result.outcome, result.answer, result.observed) == ("met", "equivalent", -0.125)


def test_a_metric_is_compared_with_another_metric_of_another_arm_at_its_best_step() -> None:
    new = make_run("new", metrics={"f1": 0.25})
    base = make_run("base", metrics={"loss": 9.0}, series={"loss": ((1, 2.0), (2, 1.0), (3, 9.0))})
    rule = {
        "metric": "f1",
        "arm": "new",
        "versus": "base",
        "versus_metric": "loss",
        "at": "min",
        "as": "ratio",
        "at_most": 0.5,
        "treatment": "point",
    }
    result = judged(rule, make_evidence({"base": [base], "new": [new]}))
    assert (result.observed, result.outcome) == (0.25, "met")
    assert "new.f1 / base.loss (min)" in result.reason


def test_equivalence_over_seeds_asks_for_the_whole_interval() -> None:
    rule = {"metric": "acc", "arm": "new", "versus": "base", "within": 0.1}
    base = [0.5, 0.6, 0.7]
    close = judged(rule, pair(base, [0.501, 0.6, 0.699]))
    assert (close.outcome, close.answer) == ("met", "equivalent")
    noisy = judged(rule, pair(base, [0.6, 0.6, 0.6]))
    assert (noisy.outcome, noisy.answer) == ("undecided", "inconclusive")
    far = judged(rule, pair(base, [0.801, 0.9, 0.999]))
    assert (far.outcome, far.answer) == ("not_met", "refuted")


@pytest.mark.parametrize("treatment", [None, "bounds", "interval", "sequential", "anytime"])
def test_bounds_judge_a_comparison_whatever_it_says_but_point(treatment: str | None) -> None:
    rule, base = {**BETTER, **({"treatment": treatment} if treatment else {})}, [0.5] * 5
    supported = judged(rule, pair(base, [0.62, 0.54, 0.69, 0.57, 0.61]), most_seeds=5)
    assert (supported.outcome, supported.answer, supported.treatment) == ("met", "supported", "bounds")
    assert supported.n == 5
    refuted = judged(rule, pair(base, [0.531, 0.458, 0.595, 0.51, 0.472]), most_seeds=5)
    assert (refuted.outcome, refuted.n) == ("not_met", 5)
    early = judged(rule, pair(base[:4], [0.62, 0.54, 0.69, 0.57]), most_seeds=5)
    assert (early.outcome, early.answer, early.cause) == ("undecided", "inconclusive", "undecided")


def test_no_effect_either_way_is_equivalent_and_harm_is_refuted() -> None:
    """Both are not met; only one of them says that the arms do not differ."""
    base, noise = [0.5] * 6, [0.004, -0.006, 0.002, -0.001, 0.003, -0.004]
    same = judged(BETTER, pair(base, [0.5 + x for x in noise]))
    assert (same.outcome, same.answer) == ("not_met", "equivalent")
    worse = judged(BETTER, pair(base, [0.2 + x for x in noise]))
    assert (worse.outcome, worse.answer) == ("not_met", "refuted")


def test_better_by_asks_for_more_than_none_and_for_no_proof_of_the_whole_effect() -> None:
    base, planned = [0.5] * 3, {"most_seeds": 3}
    above_none = judged(BETTER, pair(base, [0.55, 0.59, 0.63]), **planned)
    assert above_none.outcome == "met"
    assert above_none.interval is not None and 0 < above_none.interval[0] < 0.1
    assert judged(BETTER, pair(base, [0.55, 0.551, 0.552]), **planned).outcome == "not_met"
    assert judged(BETTER, pair(base, [0.5, 0.501, 0.499]), **planned).outcome == "not_met"
    assert judged(BETTER, pair(base, [0.4, 0.55, 0.7]), **planned).outcome == "undecided"


@pytest.mark.parametrize("bound", [{"at_least": 0.1}, {"above": 0.1}, {"better_by": 0.1}])
def test_any_bound_may_be_looked_at_before_the_planned_seeds_and_knows_less_then(
    bound: dict[str, float],
) -> None:
    three = pair([0.5] * 3, [0.9, 0.91, 0.92])
    results = [judged({**POINT, "treatment": "bounds", **bound}, three, most_seeds=cap) for cap in (3, 5)]
    assert [result.outcome for result in results] == ["met", "met"]
    final, early = (result.look for result in results)
    assert final is not None and early is not None
    assert (final.stage, early.stage) == ("final", "early")
    assert (early.lower or 0) < (final.lower or 0) < (final.upper or 0) < (early.upper or 0)


@pytest.mark.parametrize("seeds", [3, 4, 5, 6, 7])
def test_every_seed_counts_at_every_number_of_seeds(seeds: int) -> None:
    rule = {"metric": "acc", "arm": "new", "versus": "base", "above": 0.0}
    gains = [0.1, -0.1, 0.2, 0.4, 0.4, 0.3, 0.9][:seeds]
    for final in (False, True):
        result = judged(rule, pair([0.0] * seeds, gains), final=final)
        assert (result.n, result.observed) == (seeds, pytest.approx(sum(gains) / seeds))


def test_a_family_shares_the_bound_on_support_alone() -> None:
    base, noise = [0.5] * 5, [0.08, 0.0, 0.15, 0.03, 0.07]
    new = [0.5 + x for x in noise]
    alone = judged(BETTER, pair(base, new), most_seeds=5)
    rule = {"metric": "acc", "any_arm": ["new", "third"], "versus": "base", "better_by": 0.1}
    evidence = make_evidence({"base": base, "new": new, "third": [0.5 - 2 * x for x in noise]})
    several = judged(rule, evidence, most_seeds=5)
    assert alone.outcome == "met"
    assert several.parts[0].outcome == several.outcome == "undecided"
    one, shared = alone.look, several.parts[0].look
    assert one is not None and shared is not None
    assert (shared.alpha, shared.beta) == (one.alpha / 2, one.beta)
    assert shared.upper == pytest.approx(one.upper)


def test_order_of_runs_in_the_evidence_does_not_matter() -> None:
    new = [0.62, 0.54, 0.69, 0.57, 0.61]
    forward = {"new": [make_run("new", s, metrics={"acc": v}) for s, v in enumerate(new)]}
    backward = {"new": forward["new"][::-1]}
    base = {"base": [make_run("base", s, metrics={"acc": 0.5}) for s in range(5)]}
    one, other = (judged(BETTER, make_evidence({**base, **runs})) for runs in (forward, backward))
    assert one == other
