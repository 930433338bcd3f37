"""Rates that several gates, or several comparisons of one gate, share."""

from __future__ import annotations

from typing import Any

import pytest

from planner.judging.error_budget import borrowed_rates, build_alpha_shares
from planner.judging.rules_digest import rules_digest
from planner.judging.verdict import build_test_design
from planner.language.program import Program, build
from tests.support.builders import make_program

CRITERION = {"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}


def program_of(borrowers: int, own_gate: bool = True) -> Program:
    """A first phase with one criterion, and phases after it whose gates name it."""
    other = {"metric": "acc", "arm": "base", "above": 0.0}
    first: dict[str, Any] = {
        "question": "?",
        "arms": ["base", "new"],
        "factor": "x",
        "criteria": {"better": CRITERION, "other": other},
        "gate": ["better"] if own_gate else ["other"],
        "next": {"pass": "later_0" if borrowers else "stop", "fail": "stop"},
    }
    phases = {"look": first}
    for i in range(borrowers):
        phases[f"later_{i}"] = {
            "question": "?",
            "arms": ["base"],
            "criteria": {"other": other},
            "gate": ["look.better"],
            "next": {"pass": f"later_{i + 1}" if i + 1 < borrowers else "stop", "fail": "stop"},
        }
    return build(
        {
            "program": "p",
            "question": "?",
            "experiment": "e",
            "metrics": {"acc": {"unit": "fraction", "better": "higher"}},
            "arms": {"base": {"x": 0}, "new": {"x": 1}},
            "phases": phases,
            "budget": {"seeds_per_arm": 6, "gates": 4},
        }
    )


def rate_of(program: Program, criterion: str) -> float:
    return build_test_design(program, "look", "standard", final=False).of(criterion).false_pass


@pytest.mark.parametrize("borrowers", [1, 2, 3])
def test_it_is_judged_at_the_smallest_share_divided_by_the_gates_that_rest_on_it(borrowers: int) -> None:
    program = program_of(borrowers)
    smallest = min(share.rate for share in build_alpha_shares(program).values())
    assert rate_of(program, "better") == pytest.approx(smallest / (borrowers + 1))


def test_a_criterion_of_its_own_gate_alone_has_that_gates_share() -> None:
    program = program_of(0)
    assert borrowed_rates(program, "look") == {}
    assert rate_of(program, "better") == build_alpha_shares(program)["look"].rate


def test_where_only_another_gate_rests_on_it_it_is_not_at_the_plain_rate() -> None:
    program = program_of(1, own_gate=False)
    assert rate_of(program, "better") == build_alpha_shares(program)["later_0"].rate
    assert rate_of(program, "other") == build_alpha_shares(program)["look"].rate


def test_one_gate_more_that_rests_on_it_is_another_rule() -> None:
    digests = {rules_digest(program_of(borrowers), "look") for borrowers in (0, 1, 2)}
    assert len(digests) == 3


def test_a_gate_that_any_of_several_comparisons_may_fail_divides_beta_among_them() -> None:
    criteria = {
        "one": CRITERION,
        "each": {"metric": "acc", "each_of": ["base", "new"], "above": 0.0},
        "any": {"metric": "acc", "any_arm": ["base", "new"], "above": 0.0},
        "beside": {"metric": "acc", "arm": "new", "above": 0.1},
        "either": {"any_of": ["one", "each"]},
    }
    counts = {
        ("one",): 1,
        ("one", "each"): 3,
        ("one", "any"): 2,
        ("any", "either"): 3,
    }
    for gate, count in counts.items():
        design = build_test_design(make_program(criteria, list(gate)), "look", "standard", final=False)
        assert design.of(gate[0]).may_fail == count
        assert design.of("beside").may_fail == 1
