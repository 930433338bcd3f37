"""Level: a threshold on an arm's own value."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.support.builders import judged, make_evidence, make_run

POINT: dict[str, Any] = {"metric": "acc", "arm": "base", "treatment": "point"}


@pytest.mark.parametrize(
    ("bound", "value", "outcome"),
    [
        ({"above": 0.5}, 0.5 - 1e-9, "not_met"),
        ({"above": 0.5}, 0.5, "not_met"),
        ({"above": 0.5}, 0.5 + 1e-9, "met"),
        ({"at_least": 0.5}, 0.5 - 1e-9, "not_met"),
        ({"at_least": 0.5}, 0.5, "met"),
        ({"below": 0.5}, 0.5, "not_met"),
        ({"below": 0.5}, 0.5 - 1e-9, "met"),
        ({"at_most": 0.5}, 0.5, "met"),
        ({"at_most": 0.5}, 0.5 + 1e-9, "not_met"),
        ({"between": [0.4, 0.5]}, 0.4 - 1e-9, "not_met"),
        ({"between": [0.4, 0.5]}, 0.4, "met"),
        ({"between": [0.4, 0.5]}, 0.5, "met"),
        ({"between": [0.4, 0.5]}, 0.5 + 1e-9, "not_met"),
        ({"within": 0.1}, -0.1, "met"),
        ({"within": 0.1}, -0.1 - 1e-9, "not_met"),
        ({"above": "floor"}, 0.5, "not_met"),
        ({"above": "floor"}, 0.5 + 1e-9, "met"),
        ({"at_least": "floor"}, 0.5, "met"),
    ],
)
def test_point_value_just_below_at_and_above_each_bound(
    bound: dict[str, Any], value: float, outcome: str
) -> None:
    result = judged({**POINT, **bound}, make_evidence({"base": [value]}))
    assert (result.outcome, result.treatment, result.n) == (outcome, "point", 1)
    assert result.observed == value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.797e308, -1e300])
def test_a_value_that_is_not_finite_is_invalid_required_or_not(value: float) -> None:
    evidence = make_evidence({"base": [0.9, value, 0.9]})
    for optional in (False, True):
        result = judged({"metric": "acc", "arm": "base", "above": 0.5}, evidence, optional)
        assert (result.outcome, result.cause, result.observed) == ("invalid", "not_finite", None)


def test_an_absent_metric_is_invalid_where_required_and_not_applicable_elsewhere() -> None:
    evidence = make_evidence({"base": [None, None, None]})
    assert judged({**POINT, "above": 0.5}, evidence).outcome == "invalid"
    result = judged({**POINT, "above": 0.5}, evidence, optional=True)
    assert (result.outcome, result.cause) == ("not_applicable", "missing")
    assert "'acc' is missing" in result.reason


def test_an_absent_arm_is_undecided_where_required_and_not_applicable_elsewhere() -> None:
    evidence = make_evidence({})
    assert (judged({**POINT, "above": 0.5}, evidence).outcome) == "undecided"
    assert judged({**POINT, "above": 0.5}, evidence, optional=True).outcome == "not_applicable"


def test_an_optional_metric_that_some_seeds_lack_is_judged_on_the_others_with_a_caveat() -> None:
    result = judged({**POINT, "above": 0.5}, make_evidence({"base": [0.9, None, 0.9]}), optional=True)
    assert (result.outcome, result.n) == ("met", 2)
    assert result.caveats == ("metric 'acc' is missing in run base-1 (base)",)


def test_a_level_is_met_not_met_or_undecided_as_its_bounds_lie_to_the_threshold() -> None:
    rule = {"metric": "acc", "arm": "base", "above": 0.5}
    for shift, outcome in ((0.1, "met"), (0.0, "undecided"), (-0.1, "not_met")):
        values = [0.5 + shift + noise for noise in (-0.01, 0.0, 0.01)]
        result = judged(rule, make_evidence({"base": values}))
        assert (result.outcome, result.treatment) == (outcome, "bounds")
        assert result.interval is not None and result.interval[0] < 0.5 + shift < result.interval[1]


def test_too_few_seeds_leave_it_undecided_while_more_can_be_had_and_point_after_that() -> None:
    rule, evidence = {"metric": "acc", "arm": "base", "above": 0.5}, make_evidence({"base": [0.9, 0.9]})
    waiting = judged(rule, evidence)
    assert (waiting.outcome, waiting.cause, waiting.flips_at) == ("undecided", "few_seeds", None)
    final = judged(rule, evidence, final=True)
    assert (final.outcome, final.treatment) == ("met", "point")


def test_a_floor_that_is_a_metric_is_subtracted_seed_by_seed() -> None:
    """F1 .30, .40, .50 against floors .28, .38, .48: the values overlap, the differences do not."""
    runs = [{"f1": 0.3 + 0.1 * s, "f1_floor": 0.28 + 0.1 * s + 1e-3 * s} for s in range(3)]
    rule = {"metric": "f1", "arm": "base", "above": "floor"}
    result = judged(rule, make_evidence({"base": runs}))
    assert (result.outcome, result.threshold) == ("met", 0.0)
    assert result.observed == pytest.approx(0.019)
    assert "its floor f1_floor" in result.reason


def test_a_metric_at_its_floor_is_not_above_it_and_a_missing_floor_is_missing_evidence() -> None:
    rule = {"metric": "f1", "arm": "base", "above": "floor", "treatment": "point"}
    at_floor = judged(rule, make_evidence({"base": [{"f1": 0.3, "f1_floor": 0.3}]}))
    assert at_floor.outcome == "not_met"
    no_floor = judged(rule, make_evidence({"base": [{"f1": 0.3}]}))
    assert (no_floor.outcome, no_floor.cause) == ("invalid", "missing")
    assert "'f1_floor' is missing" in no_floor.reason


def test_a_numeric_floor_is_the_threshold_and_the_value_stays_raw() -> None:
    result = judged(
        {"metric": "acc", "arm": "base", "above": "floor"}, make_evidence({"base": [0.6, 0.61, 0.59]})
    )
    assert (result.threshold, result.outcome) == (0.5, "met")
    assert result.observed == pytest.approx(0.6)
    assert result.margin == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("at", "value"),
    [("first", 4.0), ("last", 1.0), ("min", 1.0), ("max", 9.0), ("mean", 4.5), ("slope", -0.4), (2, 4.0)],
)
def test_a_statistic_over_steps_is_what_is_judged(at: Any, value: float) -> None:
    series = {"loss": ((1, 4.0), (2, 4.0), (3, 9.0), (4, 1.0))}

    run = make_run("base", metrics={"loss": 1.0}, series=series)
    rule = {"metric": "loss", "arm": "base", "at": at, "below": 100.0, "treatment": "point"}
    assert judged(rule, make_evidence({"base": [run]})).observed == pytest.approx(value)


def test_since_compares_a_value_with_an_earlier_step_of_the_same_run() -> None:
    run = make_run("base", metrics={"loss": 1.0}, series={"loss": ((10, 4.0), (20, 2.0), (30, 1.0))})
    evidence = make_evidence({"base": [run]})
    rule = {"metric": "loss", "arm": "base", "below": 9.0, "treatment": "point"}
    assert judged({**rule, "since": "first"}, evidence).observed == -3.0
    assert judged({**rule, "since": 20, "as": "ratio"}, evidence).observed == 0.5
    assert judged({**rule, "since": 20, "at": 10}, evidence).observed == 2.0


def test_since_is_missing_evidence_where_nothing_came_before() -> None:
    """A value compared with itself would read as 'did not grow'."""
    run = make_run("base", metrics={"loss": 1.0}, series={"loss": ((0, 1.0),)})
    rule = {"metric": "loss", "arm": "base", "since": "first", "as": "ratio", "at_most": 2.0}
    assert judged(rule, make_evidence({"base": [run]})).outcome == "invalid"
    assert judged(rule, make_evidence({"base": [1.0]}, "loss"), optional=True).outcome == "not_applicable"


def test_within_a_ratio_is_centred_on_one() -> None:
    rule = {
        "metric": "loss",
        "arm": "base",
        "since": "first",
        "as": "ratio",
        "within": 0.1,
        "treatment": "point",
    }
    for last, outcome in ((1.1, "met"), (0.9, "met"), (1.11, "not_met"), (0.05, "not_met")):
        run = make_run("base", series={"loss": ((0, 1.0), (1, last))})
        assert judged(rule, make_evidence({"base": [run]})).outcome == outcome


def test_the_deviation_over_seeds_is_judged_with_its_own_interval() -> None:
    rule = {"metric": "acc", "arm": "base", "over_seeds": "sd", "at_most": 0.1}
    tight = judged(rule, make_evidence({"base": [0.9, 0.901, 0.902]}))
    assert (tight.outcome, tight.treatment) == ("met", "interval")
    assert tight.observed == pytest.approx(0.001)
    wide = judged(rule, make_evidence({"base": [0.0, 5.0, 10.0]}))
    assert wide.outcome == "not_met"
    between = judged(rule, make_evidence({"base": [0.0, 0.1, 0.2]}))
    assert between.outcome == "undecided"


def test_one_seed_has_no_deviation_so_that_it_cannot_be_small_by_accident() -> None:
    rule = {"metric": "acc", "arm": "base", "over_seeds": "sd", "at_most": 0.1}
    for treatment in ("point", "bounds"):
        result = judged({**rule, "treatment": treatment}, make_evidence({"base": [0.9]}), final=True)
        assert (result.outcome, result.cause, result.observed) == ("undecided", "few_seeds", None)


def test_each_of_asks_every_arm_and_any_arm_asks_one() -> None:
    evidence = make_evidence({"base": [0.9], "new": [0.1], "third": [0.8]})
    rule = {"metric": "acc", "above": 0.5, "treatment": "point"}
    each = judged({**rule, "each_of": ["base", "new", "third"]}, evidence)
    assert (each.outcome, each.observed) == ("not_met", 0.1)
    assert each.reason.startswith("weakest of 3: new.acc")
    anyone = judged({**rule, "any_arm": ["base", "new", "third"]}, evidence)
    assert (anyone.outcome, anyone.observed) == ("met", 0.9)
    assert [p.outcome for p in anyone.parts] == ["met", "not_met", "met"]


def test_the_best_of_many_arms_needs_a_wider_interval() -> None:
    """One of several that clears the bound alone is more likely to do so by luck."""
    many = ["base", "new", "third"]
    evidence = make_evidence(
        {arm: [0.505, 0.515, 0.525] if arm == "base" else [0.19, 0.2, 0.21] for arm in many}
    )
    alone = judged({"metric": "acc", "arm": "base", "above": 0.5}, evidence, most_seeds=3)
    best = judged({"metric": "acc", "any_arm": many, "above": 0.5}, evidence, most_seeds=3)
    assert alone.outcome == "met"
    assert best.outcome == "undecided"
    assert alone.interval is not None and best.interval is not None
    assert best.interval[0] < alone.interval[0]


def test_a_part_that_fails_settles_an_optional_and_whatever_else_is_absent() -> None:
    """A leak in one arm is a leak, though another arm was never run; the absence is told."""
    rule = {"metric": "acc", "each_of": ["base", "new"], "at_most": 0.05, "treatment": "point"}
    result = judged(rule, make_evidence({"base": [0.9]}), optional=True)
    assert result.outcome == "not_met"
    assert "arm 'new' has no usable run" in result.caveats


def test_an_optional_or_is_open_where_an_arm_is_absent_and_no_other_is_met() -> None:
    rule = {"metric": "acc", "any_arm": ["base", "new"], "above": 0.5, "treatment": "point"}
    assert judged(rule, make_evidence({"base": [0.1]}), optional=True).outcome == "not_applicable"
    assert judged(rule, make_evidence({"base": [0.9]}), optional=True).outcome == "met"


def test_a_required_arm_that_is_missing_keeps_it_from_being_met() -> None:
    rule = {"metric": "acc", "any_arm": ["base", "new"], "above": 0.5, "treatment": "point"}
    result = judged(rule, make_evidence({"base": [0.9]}))
    assert (result.outcome, result.cause) == ("undecided", "missing")


def test_a_run_that_ended_early_settles_it_with_a_caveat_unless_it_must_be_complete() -> None:
    runs = [make_run("base", s, metrics={"acc": 0.9 + s / 100}, outcome="timeout") for s in range(3)]
    rule = {"metric": "acc", "arm": "base", "above": 0.5}
    result = judged(rule, make_evidence({"base": runs}))
    assert result.outcome == "met"
    assert all("ended early (timeout)" in caveat for caveat in result.caveats) and len(result.caveats) == 3
    strict = judged({**rule, "needs_complete": True}, make_evidence({"base": runs}))
    assert (strict.outcome, strict.cause) == ("undecided", "partial")


def test_values_too_large_to_square_are_judged_all_the_same() -> None:
    evidence = make_evidence({"base": [1e200, 2e200, 3e200]})
    result = judged({"metric": "acc", "arm": "base", "above": 1.9e200}, evidence)
    assert result.outcome == "undecided"
    assert result.interval is not None and all(map(math.isfinite, result.interval))


def test_values_too_small_to_square_are_no_proof_of_what_they_are() -> None:
    evidence = make_evidence({"base": [1e-200, 2e-200, 3e-200]})
    result = judged({"metric": "acc", "arm": "base", "above": 1.9e-200}, evidence)
    assert result.outcome == "undecided"
    assert result.interval is not None and result.interval[0] < 1e-200
