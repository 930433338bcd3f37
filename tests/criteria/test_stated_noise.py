"""What a program states of a metric: its resolution, its test set, its noise, its scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.special import ndtri, stdtrit

from planner.criteria.judge import judge_criteria
from planner.criteria.test_design import TestDesign
from planner.errors import ProgramError
from planner.language.metric import Metric
from planner.linting.check import check
from planner.records.verdict import CriterionResult
from planner.statistics.levels import levels
from tests.support.builders import PHASE, make_evidence, make_program

ACC = {"unit": "fraction", "better": "higher"}
MS = {"unit": "ms", "better": "lower", "transform": "log"}
PAIRS = {"base": [0.50, 0.54, 0.52, 0.49, 0.55, 0.51], "new": [0.61, 0.63, 0.65, 0.58, 0.66, 0.60]}
TIMES = {"base": [90.0, 120.0, 100.0, 110.0, 95.0, 105.0], "new": [45.0, 62.0, 49.0, 57.0, 46.0, 52.0]}


def judged(
    values: dict[str, Sequence[float]], metric: dict[str, Any], planned: int = 6, **rule: Any
) -> CriterionResult:
    """What is said of one criterion on values by seed, alpha .05 and beta .10."""
    arms = {arm: {"kind": arm} for arm in values}
    program = make_program({"c": {"metric": "acc", **rule}}, ["c"], arms, metrics={"acc": metric})
    required = frozenset(["c"])
    design = TestDesign(3, planned, 0.05, 0.10, gating=required, required=required)
    evidence = make_evidence(values, "acc")
    return judge_criteria(program, PHASE, evidence, design, {}, with_flip_points=True)["c"]


def gain(metric: dict[str, Any], values: dict[str, Sequence[float]] = PAIRS, **rule: Any) -> CriterionResult:
    return judged(values, metric, arm="new", versus="base", **(rule or {"at_least": 0.05}))


def half_widths(result: CriterionResult) -> tuple[float, float]:
    assert result.interval is not None and result.observed is not None
    return result.observed - result.interval[0], result.interval[1] - result.observed


# --- resolution and test set ---------------------------------------------------------------------


def test_a_deviation_below_the_resolution_is_not_believed() -> None:
    near = {"base": [0.5, 0.5, 0.5, 0.5, 0.5, 0.51], "new": [0.6] * 6}
    plain, coarse = gain(ACC, near), gain({**ACC, "items": 10}, near)
    final = levels(6, 0.05).final
    assert half_widths(coarse)[0] == pytest.approx(-stdtrit(5, final) * (0.1 / math.sqrt(6)) / math.sqrt(6))
    assert half_widths(plain)[0] < half_widths(coarse)[0] / 5
    assert gain({**ACC, "resolution": 0.1}, near) == coarse


def test_a_resolution_far_below_the_noise_changes_nothing() -> None:
    assert gain({**ACC, "resolution": 1e-6}) == gain(ACC)


def test_a_claim_on_new_items_has_the_sampling_error_of_the_test_set_that_seeds_do_not_remove() -> None:
    these, new = gain({**ACC, "items": 400}), gain({**ACC, "items": 400, "holds_for": "new_items"})
    means = [sum(values) / 6 for values in PAIRS.values()]
    variance = sum(mean * (1 - mean) for mean in means) / 400
    for narrow, wide, error in zip(half_widths(these), half_widths(new), (0.05, 0.10), strict=True):
        z = -ndtri(levels(6, error).final)
        assert wide == pytest.approx(math.hypot(narrow, z * math.sqrt(variance)))
    assert (these.outcome, new.outcome) == ("met", "undecided")


@given(items=st.integers(10, 10_000))
def test_more_items_never_widen_what_is_said(items: int) -> None:
    few, many = (gain({**ACC, "items": k, "holds_for": "new_items"}) for k in (items, 2 * items))
    assert half_widths(many)[0] <= half_widths(few)[0]


# --- known noise ---------------------------------------------------------------------------------

KNOWN = {**ACC, "noise": {"sd": 0.02, "source": "40 runs of 2023"}}


def test_known_noise_gives_a_normal_quantile_and_names_by_whose_word() -> None:
    result = gain(KNOWN)
    z = -ndtri(levels(6, 0.05, 15).final)
    assert half_widths(result)[0] == pytest.approx(z * 0.02 * math.sqrt(2) / math.sqrt(6))
    assert "noise 0.02 of one run, as stated by 40 runs of 2023" in result.reason
    assert not result.caveats


def test_values_that_do_not_vary_are_judged_where_the_noise_is_known_and_speak_against_it() -> None:
    result = gain(KNOWN, {"base": [0.5] * 6, "new": [0.75] * 5 + [0.75000001]})
    assert result.outcome == "met"
    (doubt,) = result.caveats
    assert "vary as if the noise of one run were" in doubt


def test_noise_far_larger_than_stated_is_a_caveat() -> None:
    wild = {"base": [0.1, 0.9, 0.2, 0.8, 0.15, 0.85], "new": [0.9, 0.1, 0.95, 0.2, 0.9, 0.3]}
    (doubt,) = gain(KNOWN, wild).caveats
    differences = [a - b for a, b in zip(wild["new"], wild["base"], strict=True)]
    assert f"{stdev(differences) / math.sqrt(2):.3g}"[:4] in doubt


def test_three_seeds_are_enough_where_the_noise_is_known_and_small() -> None:
    three = {arm: values[:3] for arm, values in PAIRS.items()}
    assert gain(KNOWN, three).outcome == "met"
    assert gain(ACC, three).outcome == "undecided"


# --- values of which only their range is known ---------------------------------------------------


def test_bounded_values_are_judged_by_bets_and_need_more_seeds() -> None:
    many = {"base": [0.2, 0.3] * 10, "new": [0.8, 0.9] * 10}
    bounded = {**ACC, "noise": "bounded"}
    assert judged(many, bounded, 20, arm="new", versus="base", at_least=0.1).outcome == "met"
    assert gain(bounded).outcome == "undecided"
    assert gain(ACC).outcome == "met"


def test_values_between_0_and_1_that_happen_to_be_0_or_1_have_no_exact_test() -> None:
    level = {"base": [1.0] * 12}
    flags = judged(level, {**ACC, "unit": "flag"}, 12, arm="base", above=0.6)
    shares = judged(level, {**ACC, "noise": "bounded"}, 12, arm="base", above=0.6)
    assert flags.look is not None and shares.look is not None
    assert flags.look.lower != shares.look.lower


def test_a_value_outside_0_to_1_is_no_bounded_one() -> None:
    result = judged({"base": [0.5, 0.6, 1.2]}, {**ACC, "noise": "bounded"}, arm="base", above=0.1)
    assert result.outcome == "undecided"
    assert "from 0 to 1" in result.reason


# --- logarithms ----------------------------------------------------------------------------------


def test_a_level_of_logarithms_is_a_geometric_mean() -> None:
    result = judged(TIMES, MS, arm="base", at_most=130.0)
    assert result.observed == pytest.approx(math.prod(TIMES["base"]) ** (1 / 6))
    assert result.outcome == "met"
    low, high = result.interval or (0.0, 0.0)
    assert low < (result.observed or 0.0) < high < 130


def test_arms_are_compared_by_ratio_and_the_unit_says_so() -> None:
    result = judged(TIMES, MS, arm="new", versus="base", **{"as": "ratio"}, at_most=0.6)
    assert result.observed == pytest.approx(
        math.prod(a / b for a, b in zip(TIMES["new"], TIMES["base"], strict=True)) ** (1 / 6)
    )
    assert (result.outcome, result.unit) == ("met", "ratio")
    assert result.flips_at is not None and result.flips_at > (result.observed or 0.0)


def test_times_in_other_units_are_judged_alike() -> None:
    rule = {"arm": "new", "versus": "base", "as": "ratio", "at_most": 0.6}
    in_seconds = {arm: [value / 1000 for value in values] for arm, values in TIMES.items()}
    one, other = judged(TIMES, MS, **rule), judged(in_seconds, MS, **rule)
    assert one.outcome == other.outcome
    assert one.interval == pytest.approx(other.interval)


def test_a_ratio_is_judged_alike_the_other_way_round() -> None:
    ratio = {"as": "ratio"}
    one = judged(TIMES, MS, arm="new", versus="base", **ratio, below=0.6)
    other = judged(TIMES, MS, arm="base", versus="new", **ratio, above=1 / 0.6)
    assert one.outcome == other.outcome == "met"
    assert (one.observed or 0.0) * (other.observed or 0.0) == pytest.approx(1.0)


def test_a_value_without_a_logarithm_is_no_evidence() -> None:
    result = judged({"base": [10.0, 0.0, 12.0]}, MS, arm="base", at_most=130.0)
    assert (result.outcome, result.cause) == ("invalid", "not_finite")
    assert "no logarithm" in result.reason


# --- what does not fit together ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"items": 10, "resolution": 0.1}, "leave one out"),
        ({"holds_for": "new_items"}, "needs items"),
        ({"transform": "log", "items": 10}, "leave out transform"),
        ({"noise": {"sd": 0.1, "source": "us"}, "deterministic": True}, "leave out noise"),
        ({"noise": {"sd": 0.1}}, "source"),
        ({"noise": {"sd": 0, "source": "us"}}, "greater than 0"),
    ],
)
def test_keys_of_a_metric_that_contradict_one_another_are_errors(keys: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValidationError, match=wrong):
        Metric.model_validate({**ACC, **keys})


def test_a_key_that_nobody_wrote_is_no_part_of_what_a_program_is_known_by() -> None:
    assert set(Metric(unit="ms", better="lower").model_dump()) == {
        "unit",
        "better",
        "means",
        "floor",
        "share",
        "of",
    }


BETWEEN_ARMS = {"arm": "new", "versus": "base"}
RATIO = {"as": "ratio"}


@pytest.mark.parametrize(
    ("metric", "rule", "wrong"),
    [
        (MS, {**BETWEEN_ARMS, "better_by": 1.0}, "say 'as: ratio'"),
        (MS, {**BETWEEN_ARMS, "at_most": 1.0}, "say 'as: ratio'"),
        (MS, {"best_first": ["new", "base"]}, "say 'as: ratio'"),
        (MS, {"arm": "new", "at_most": 0.0}, "0 or less"),
        (MS, {"arm": "new", "within": 1.0}, "not near 0"),
        (MS, {**BETWEEN_ARMS, **RATIO, "within": 1.0}, "below 1"),
        ({**ACC, "noise": "bounded"}, {**BETWEEN_ARMS, **RATIO, "at_least": 0.1}, "by difference"),
        ({**ACC, "items": 10, "holds_for": "new_items"}, {**BETWEEN_ARMS, **RATIO, "at_least": 0.1}, "alone"),
        (MS, {**BETWEEN_ARMS, **RATIO, "at_most": 1.0}, ""),
        (MS, {"arm": "new", "at_most": 100.0}, ""),
    ],
)
def test_check_names_a_criterion_that_its_metric_cannot_answer(
    metric: dict[str, Any], rule: dict[str, Any], wrong: str
) -> None:
    arms = {arm: {"kind": arm} for arm in ("base", "new")}
    try:
        program = make_program({"c": {"metric": "acc", **rule}}, ["c"], arms, metrics={"acc": metric})
    except ProgramError as error:
        pytest.fail(str(error))
    said = " ".join(finding.what for finding in check(program))
    assert wrong in said if wrong else "logarithm" not in said


def test_where_the_noise_is_known_one_run_has_bounds_if_one_was_planned() -> None:
    stated = {"unit": "nats", "better": "lower", "noise": {"sd": 0.0013, "source": "the benchmark"}}
    program = make_program(
        {"c": {"metric": "acc", "arm": "a", "at_most": 3.28}},
        ["c"],
        {"a": {"kind": "a"}},
        metrics={"acc": stated},
    )
    design = TestDesign(1, 1, 0.001, 0.10, final=True, gating=frozenset(["c"]), required=frozenset(["c"]))
    said = judge_criteria(program, PHASE, make_evidence({"a": [3.27765]}, "acc"), design, {})["c"]
    assert (said.outcome, said.treatment, said.n) == ("undecided", "bounds", 1)
    assert said.interval is not None
    assert said.interval[1] == pytest.approx(3.27765 + 0.0013 * -ndtri(levels(3, 0.001, 15).final))
