"""Thresholds on 0/1 metrics that a perfect record could not show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from planner.linting.check import check
from tests.support.builders import make_program

FLAG = {"ok": {"unit": "flag", "better": "higher"}}


def findings_on(
    seeds: int, gate: bool = True, guards: Mapping[str, str] | None = None, **keys: Any
) -> list[tuple[str, str]]:
    """(severity, what) of the findings on one criterion, whose other keys are given."""
    rule = {"metric": "ok", "arm": "base", **keys}
    other = {"metric": "acc", "arm": "new", "above": 0.1}
    program = make_program(
        {"c": rule, "other": other},
        ["c"] if gate else ["other"],
        metrics=FLAG,
        budget={"seeds_per_arm": seeds},
        guards=dict(guards or {}),
    )
    findings = [f for f in check(program) if f.where == ("phases", "look", "criteria", "c")]
    return [(f.severity, f.what) for f in findings if "without exception" in f.what]


def test_a_rate_that_too_few_seeds_could_show_is_refused_with_the_seeds_that_would_do() -> None:
    ((severity, what),) = findings_on(10, at_least=0.8)
    assert severity == "error"
    assert "10 seeds without exception show a rate of" in what
    assert "would do" in what
    needed = int(what.rsplit("; ", 1)[1].split()[0])
    assert findings_on(needed, at_least=0.8) == []
    assert findings_on(needed - 1, at_least=0.8) != []


def test_a_rate_that_is_to_be_small_is_held_against_seeds_without_any() -> None:
    assert findings_on(6, at_most=0.1)
    assert findings_on(6, at_most=0.7) == []


def test_no_number_of_seeds_shows_a_rate_of_one() -> None:
    ((_, what),) = findings_on(6, at_least=1.0)
    assert what.endswith("no number of seeds would do")


def test_where_no_gate_rests_on_it_it_is_a_warning() -> None:
    assert [severity for severity, _ in findings_on(6, gate=False, at_least=0.9)] == ["warning"]


@pytest.mark.parametrize("treatment", ["bounds", "interval", "sequential"])
def test_every_word_for_bounds_is_held_against_them(treatment: str) -> None:
    assert findings_on(6, at_least=0.9, treatment=treatment) == findings_on(6, at_least=0.9) != []


def test_values_as_they_are_and_guards_are_left_alone() -> None:
    assert findings_on(6, at_least=0.9, treatment="point") == []
    assert findings_on(6, gate=False, at_least=0.9) != []
    assert findings_on(6, gate=False, guards={"c": "caveat"}, at_least=0.9) == []
