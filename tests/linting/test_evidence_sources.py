"""What ``check`` says of a program's sources of evidence before any is read."""

from __future__ import annotations

from typing import Any

import pytest

from planner.language.program import build
from planner.linting.check import check
from tests.io.store.test_evidence_sources import program_of

ALIKE = "'adam' and 'sgd' have the same lr: nothing says which runs are of which arm"


def findings(source: dict[str, Any], **more: Any) -> list[tuple[tuple[Any, ...], str]]:
    return [(one.where, one.what) for one in check(build(program_of([source], **more)))]


def test_a_source_that_tells_arms_apart_is_fine() -> None:
    assert findings({"store": "runs.csv", "arms_by": ["optimizer"]}) == []


def test_arms_that_a_source_cannot_tell_apart_are_named() -> None:
    arms = {"adam": {"optimizer": "adam", "lr": 0.1}, "sgd": {"optimizer": "sgd", "lr": "1e-1"}}
    said = findings({"store": "runs.csv", "arms_by": ["lr"]}, arms=arms)
    assert (("evidence", 0, "arms_by"), ALIKE) in said


def test_a_parameter_that_no_arm_sets_is_named() -> None:
    ((where, what), *_) = findings({"store": "runs.csv", "arms_by": ["optimiser"]})
    assert where == ("evidence", 0, "arms_by")
    assert what == "no arm sets 'optimiser'; did you mean 'optimizer'?"


@pytest.mark.parametrize("where", ["params.dataset == = 'x'", "metrics.acc > 0.5"])
def test_a_filter_that_cannot_be_read_is_named(where: str) -> None:
    ((path, _),) = findings({"store": "runs.csv", "where": where})
    assert path == ("evidence", 0, "where")
