"""From runs to numbers: values, statistics over steps, and parameters that count by value."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.evidence.sample import build_sample, run_value
from planner.evidence.values import as_text, is_finite
from planner.language.criterion import Level
from planner.language.program import Program
from planner.records.runs import Run
from tests.promises.fuzz.hostile import TEXTS
from tests.support.builders import make_evidence, make_program, make_run


def program() -> Program:
    return make_program({"c": {"metric": "acc", "arm": "base", "above": 0.0}})


def rule(**fields: Any) -> Level:
    return Level.model_validate({"metric": "acc", "arm": "base", "above": 0.0, **fields})


# --- what is finite -------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1.7976931348623157e308, 1e300, -1e300])
def test_nan_infinity_and_what_mlflow_makes_of_it_are_not_finite(value: float) -> None:
    assert not is_finite(value)


@pytest.mark.parametrize("value", [0.0, -0.0, 5e-324, 9.99e299, -9.99e299])
def test_anything_below_is(value: float) -> None:
    assert is_finite(value)


# --- parameters -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "same",
    [
        (0.001, "0.001", "1e-3", "1E-03", ".001", "+0.001"),
        (5, 5.0, "5", "5.0", " 5 "),
        (True, "True", "true"),
        (None, "None", "null"),
        ([0.001, True, None], "[0.001, true, null]", "[1e-3, True, None]", (0.001, True, None)),
        (["same", "held_out"], "['same', 'held_out']", '["same", "held_out"]'),
        ({"a": 1}, "{'a': 1.0}", '{"a": 1}'),
        ("dfa", " dfa"),
    ],
)
def test_a_parameter_counts_by_value_however_it_was_logged(same: tuple[Any, ...]) -> None:
    assert len({as_text(value) for value in same}) == 1


@pytest.mark.parametrize(
    "different",
    [
        (True, 1, "yes"),
        (None, 0, "", "none"),
        (0.1, 0.1 + 1e-15),
        ("12345678901234567890123", "12345678901234567890124"),
        ("1_000", 1000),
        ([1, 2], [2, 1]),
    ],
)
def test_different_values_stay_different(different: tuple[Any, ...]) -> None:
    assert len({as_text(value) for value in different}) == len(different)


@pytest.mark.parametrize(
    "text", ["[" * 5000, "{" * 5000, "9" * 5000, "[1, ", "{1, 2}", "nan", "1e999", "[b'x']"]
)
def test_strange_parameters_are_text_and_no_error(text: str) -> None:
    assert isinstance(as_text(text), str)


@given(st.one_of(st.booleans(), st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)))
def test_a_parameter_read_back_from_its_text_is_itself(value: Any) -> None:
    assert as_text(as_text(value)) == as_text(value) == as_text(str(value))


def test_what_a_run_logged_wins_over_what_is_declared() -> None:
    run = make_run("base", params={"lr": "1e-2"})
    evidence = make_evidence({"base": [run]}, declared={"base": {"lr": 0.001, "depth": 3}})
    assert evidence.params("base", 0) == {"lr": "0.01", "depth": "3"}


# --- values ---------------------------------------------------------------------------------------


def test_the_final_value_is_the_logged_one_or_else_the_last_step() -> None:
    series = {"acc": ((1, 0.1), (2, 0.2))}
    assert run_value(program(), make_run("base", metrics={"acc": 0.3}, series=series), "acc") == 0.3
    assert run_value(program(), make_run("base", series=series), "acc") == 0.2
    assert run_value(program(), make_run("base"), "acc") is None


def test_a_step_that_was_not_logged_is_missing_and_not_the_nearest() -> None:
    run = make_run("base", metrics={"acc": 0.3}, series={"acc": ((1, 0.1), (3, 0.3))})
    assert run_value(program(), run, "acc", rule(at=2)) is None
    assert run_value(program(), run, "acc", rule(at=3)) == 0.3


def test_a_metric_of_one_value_is_its_own_minimum_and_has_no_slope() -> None:
    run = make_run("base", metrics={"acc": 0.3})
    assert run_value(program(), run, "acc", rule(at="min")) == 0.3
    assert run_value(program(), run, "acc", rule(at="slope")) is None
    assert (
        run_value(program(), make_run("base", series={"acc": ((4, 0.3),)}), "acc", rule(at="slope")) is None
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.797e308])
@pytest.mark.parametrize("statistic", ["min", "max", "mean", "slope"])
def test_one_step_that_is_not_finite_spoils_a_statistic_over_steps(bad: float, statistic: str) -> None:
    run = make_run("base", metrics={"acc": 0.3}, series={"acc": ((1, 0.1), (2, bad), (3, 0.3))})
    value = run_value(program(), run, "acc", rule(at=statistic))
    assert value is not None and math.isnan(value)
    assert run_value(program(), run, "acc", rule(at="last")) == 0.3


@given(st.floats(-9, 9), st.floats(-9, 9), st.lists(st.integers(0, 99), min_size=2, max_size=9, unique=True))
def test_the_slope_of_a_line_is_its_slope(slope: float, start: float, steps: list[int]) -> None:
    series = tuple((step, start + slope * step) for step in sorted(steps))
    read = run_value(program(), make_run("base", series={"acc": series}), "acc", rule(at="slope"))
    assert read == pytest.approx(slope, abs=1e-6)


def test_since_is_a_difference_or_a_ratio_and_division_by_zero_is_not_finite() -> None:
    run = make_run("base", series={"acc": ((1, 0.0), (2, 2.0), (3, 3.0))})
    assert run_value(program(), run, "acc", rule(since="first")) == 3.0
    assert run_value(program(), run, "acc", rule(since=2, **{"as": "ratio"})) == 1.5
    zero = run_value(program(), run, "acc", rule(since="first", **{"as": "ratio"}))
    assert zero is not None and math.isnan(zero)
    assert run_value(program(), run, "acc", rule(since=9)) is None


# --- derived metrics ------------------------------------------------------------------------------


def shared(part: list[tuple[int, float]], rest: list[tuple[int, float]]) -> Run:
    return make_run(
        "base",
        metrics={"part": part[-1][1], "rest": rest[-1][1]},
        series={"part": tuple(part), "rest": tuple(rest)},
    )


def test_a_share_is_one_metric_over_the_sum_of_several() -> None:
    run = make_run("base", metrics={"part": 1.0, "rest": 3.0})
    assert run_value(program(), run, "part_share") == 0.25
    assert run_value(program(), make_run("base", metrics={"part": 1.0}), "part_share") is None


def test_a_share_over_steps_is_taken_step_by_step() -> None:
    """The smallest share is .1, at step 2; the smallest parts alone would give .5."""
    run = shared([(1, 1.0), (2, 1.0), (3, 5.0)], [(1, 1.0), (2, 9.0), (3, 5.0)])
    assert run_value(program(), run, "part_share", rule(at="min")) == pytest.approx(0.1)
    assert run_value(program(), run, "part_share", rule(at=2)) == pytest.approx(0.1)
    assert run_value(program(), run, "part_share", rule(since=2)) == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("part", "rest"), [(0.0, 0.0), (math.inf, -math.inf), (math.nan, 1.0), (1.0, 1.797e308)]
)
def test_a_share_of_nothing_or_of_infinities_is_not_finite(part: float, rest: float) -> None:
    value = run_value(program(), make_run("base", metrics={"part": part, "rest": rest}), "part_share")
    assert value is not None and math.isnan(value)


# --- samples --------------------------------------------------------------------------------------


def test_a_sample_says_which_runs_gave_no_value_and_why() -> None:
    evidence = make_evidence({"base": [0.5, None, math.nan, math.inf]})
    sample = build_sample(program(), evidence, "base", "acc", rule())
    assert dict(sample.values) == {0: 0.5}
    assert [t.kind for t in sample.troubles] == ["no_metric", "not_finite", "not_finite"]
    assert [t.text for t in sample.troubles] == [
        "metric 'acc' is missing in run base-1 (base)",
        "metric 'acc' is NaN in run base-2 (base)",
        "metric 'acc' is infinite in run base-3 (base)",
    ]
    assert sample.run_ids == ("base-0", "base-1", "base-2", "base-3")


def test_an_arm_whose_runs_all_failed_says_how() -> None:
    from planner.evidence.evidence import Evidence
    from planner.records.runs import Run

    ended = {"phase": "look", "arm": "base", "outcome": "code_error", "reason": "ValueError: no rows left"}
    failed = {s: Run(id=f"r{s}", seed=s, raised_at="evil.py:24", **ended) for s in range(3)}
    evidence = Evidence("look", "standard", {"base": {}}, {"base": failed})
    sample = build_sample(program(), evidence, "base", "acc", rule())
    assert sample.troubles[0].kind == "no_runs"
    assert sample.troubles[0].text == (
        "arm 'base' has no usable run (3 runs of base crashed: ValueError: no rows left (evil.py:24))"
    )


@pytest.mark.parametrize("outcome", ["slowdown", "timeout", "killed"])
def test_a_run_that_ended_early_counts_with_a_caveat_or_not_at_all(outcome: str) -> None:
    evidence = make_evidence({"base": [0.5]}, outcome=outcome)
    sample = build_sample(program(), evidence, "base", "acc", rule())
    assert dict(sample.values) == {0: 0.5} and outcome in sample.caveats[0]
    strict = build_sample(program(), evidence, "base", "acc", rule(needs_complete=True))
    assert not strict.values and strict.troubles[0].kind == "partial"


def test_the_first_seeds_of_a_sample_are_the_lowest() -> None:
    runs = [make_run("base", s, metrics={"acc": float(s)}) for s in (7, 1, 4)]
    sample = build_sample(program(), make_evidence({"base": runs}), "base", "acc", rule())
    assert dict(sample.first(2).values) == {1: 1.0, 4: 4.0}


@pytest.mark.parametrize(
    "text", [*TEXTS, "[" * 900 + "]" * 900, "(" * 150 + ")" * 150, "[1e999]", "[" + "9" * 4000 + "]"]
)
def test_any_text_can_be_a_parameter_and_means_what_it_meant(text: str) -> None:
    normal = as_text(text)
    assert isinstance(normal, str)
    assert as_text(normal) == normal
