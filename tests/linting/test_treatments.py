"""Treatments of earlier versions: read as bounds, and said so once."""

from __future__ import annotations

import pytest

from planner.linting.check import check
from tests.support.builders import make_program

LEVEL = {"metric": "acc", "arm": "new", "at_least": 0.5}


def findings_of(*treatments: str | None) -> list[str]:
    """What is said of treatments where each of so many criteria asks for one."""
    criteria = {f"c{i}": {**LEVEL, **({"treatment": t} if t else {})} for i, t in enumerate(treatments)}
    return [str(f) for f in check(make_program(criteria, ["c0"])) if f.where[-1] == "treatment"]


@pytest.mark.parametrize("treatment", ["interval", "sequential", "anytime"])
def test_a_treatment_of_earlier_versions_is_said_to_be_read_as_bounds(treatment: str) -> None:
    (finding,) = findings_of(None, treatment)
    assert finding.startswith("warning: phases.look.criteria.c1.treatment: ")
    assert f"'{treatment}' is read as 'bounds', the default: leave it out" in finding


def test_several_are_one_finding_that_counts_them() -> None:
    (finding,) = findings_of("interval", "sequential", "interval")
    assert "'interval' and 'sequential' are read as 'bounds', the default (here and in 2 more)" in finding


@pytest.mark.parametrize("treatment", [None, "bounds", "point"])
def test_of_treatments_that_there_are_nothing_is_said(treatment: str | None) -> None:
    assert findings_of(treatment) == []
