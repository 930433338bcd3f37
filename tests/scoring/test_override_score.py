"""Overrides that go against a confirmed verdict, and those that do not."""

from __future__ import annotations

from typing import Any

import pytest

from planner.scoring.override_score import contradiction
from tests.support.hand_made import make_program, override, verdict

PROGRAM = make_program(budget={"false_pass": 0.01, "false_fail": 0.2})


def warned(fields: dict[str, Any], **of_verdict: Any) -> str:
    chosen = override(**{"choose": None, "recommended": "retry", **fields})
    return contradiction(PROGRAM, chosen, verdict("late", **{"outcome": "fail", **of_verdict}))


@pytest.mark.parametrize(
    ("fields", "of_verdict"),
    [
        ({"verdict": "reject"}, {}),
        ({"verdict": "reject"}, {"outcome": "pass", "tier": "2"}),
        ({"verdict": "reject"}, {"outcome": "inconclusive"}),
        ({"choose": "drop"}, {}),
        ({"choose": "stop"}, {"outcome": "pass"}),
    ],
)
def test_a_confirmed_verdict_is_named_with_its_seeds_and_error_rates(
    fields: dict[str, Any], of_verdict: dict[str, Any]
) -> None:
    warning = warned(fields, **of_verdict)
    assert warning.startswith(f"contradicts a confirmed verdict: late is {of_verdict.get('outcome', 'fail')}")
    assert "confirmed on 3 seeds at error rates of 0.01 (false pass) and 0.2 (false fail)" in warning
    assert ("the rules take 'retry'" in warning) == ("choose" in fields)
    assert ("tier 2" in warning) == ("tier" in of_verdict)


@pytest.mark.parametrize(
    ("fields", "of_verdict"),
    [
        ({"verdict": "accept"}, {}),
        ({"verdict": "reject"}, {"confidence": "provisional"}),
        ({"verdict": "reject"}, {"outcome": "blocked"}),
        ({"choose": "retry"}, {}),
        ({"choose": "drop"}, {"confidence": "provisional"}),
        ({"choose": "drop"}, {"outcome": "inconclusive"}),
        ({"choose": "drop", "recommended": "wait"}, {}),
        ({"choose": "drop", "recommended": None}, {}),
        ({"done": "retry"}, {}),
    ],
)
def test_anything_else_contradicts_no_confirmed_verdict(
    fields: dict[str, Any], of_verdict: dict[str, Any]
) -> None:
    assert warned(fields, **of_verdict) == ""
