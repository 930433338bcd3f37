"""The error budget: who may spend how much of it, and that no more is planned than there is."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.judging.conclusion import BEYOND_BUDGET
from planner.judging.error_budget import build_alpha_shares, build_alpha_spending, own_gates
from planner.judging.rules_digest import rules_digest
from planner.judging.verdict import build_test_design
from planner.language.program import Program, build
from planner.linting.check import check
from tests.support.worlds import own_run, small, stand

SMALL = small()


def chain(next_of: dict[str, dict[str, str]], **budget: Any) -> Program:
    """A program whose phases lead on as told; the first of them is the program's first."""
    higher = {"metric": "score", "arm": "new", "versus": "base", "better_by": 0.5}
    phase = {
        "question": "Higher?",
        "arms": ["base", "new"],
        "factor": "kind",
        "criteria": {"higher": higher},
        "gate": ["higher"],
    }
    return build(
        {
            "program": "chain",
            "question": "Is it higher?",
            "experiment": "made_up",
            "metrics": {"score": {"unit": "points", "better": "higher"}},
            "arms": {"base": {"kind": "base"}, "new": {"kind": "new"}},
            "phases": {name: {**phase, "next": transitions} for name, transitions in next_of.items()},
            "budget": budget,
        }
    )


def test_gates_that_only_a_pass_opens_spend_what_the_one_before_them_earned() -> None:
    program = chain({"one": {"pass": "two"}, "two": {"pass": "three"}, "three": {}})
    shares = build_alpha_shares(program)
    assert own_gates(program) == ["one"]
    assert [share.after for share in shares.values()] == [None, "one", "two"]
    assert {share.rate for share in shares.values()} == {0.025}


@pytest.mark.parametrize(
    "transitions", [{"fail": "two"}, {"inconclusive": "two"}, {"pass": "two", "fail": "two"}]
)
def test_a_gate_that_anything_but_a_pass_opens_has_a_share_of_its_own(transitions: dict[str, str]) -> None:
    assert own_gates(chain({"one": transitions, "two": {}})) == ["one", "two"]


def test_a_circle_of_passes_has_a_share_where_it_is_entered() -> None:
    program = chain({"one": {"pass": "two"}, "two": {"pass": "one"}})
    assert "one" in own_gates(program)
    assert all(math.isfinite(share.rate) for share in build_alpha_shares(program).values())


@given(st.integers(1, 40), st.floats(0.001, 0.4))
def test_shares_never_add_up_to_more_than_the_budget(count: int, false_pass: float) -> None:
    names = [f"p{i}" for i in range(count)]
    transitions = {name: {"fail": after} for name, after in zip(names, names[1:], strict=False)}
    program = chain({**transitions, names[-1]: {}}, false_pass=false_pass)
    spending = build_alpha_spending(program, {})
    assert spending.planned <= false_pass * (1 + 1e-12)
    assert spending.spent == 0


def test_with_a_number_of_gates_all_have_the_same_share() -> None:
    program = chain({"one": {"fail": "two"}, "two": {"fail": "three"}, "three": {}}, gates=4)
    assert {share.rate for share in build_alpha_shares(program).values()} == {0.0125}


@pytest.mark.parametrize("gates", [None, 2, 8])
def test_a_phase_at_the_end_of_the_file_changes_no_share_and_no_rule(gates: int | None) -> None:
    budget = {} if gates is None else {"gates": gates}
    before = chain({"one": {"fail": "two"}, "two": {}}, **budget)
    after = chain({"one": {"fail": "two"}, "two": {"fail": "three"}, "three": {}}, **budget)
    for phase in before.phases:
        assert build_alpha_shares(after)[phase].rate == build_alpha_shares(before)[phase].rate
    assert rules_digest(after, "one") == rules_digest(before, "one")


def test_a_gate_more_than_planned_is_reported_by_check_and_confirms_nothing() -> None:
    raw = SMALL.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["budget"]["gates"] = 1
    program = build(raw)
    assert any("second, third come on top" in finding.what for finding in check(program))
    scores = {"base": 1.0, "new": 1.1, "other": 4.0}
    runs = [
        own_run(program, phase, arm, seed, {"score": scores[arm] * (1 + 0.001 * seed)})
        for phase, arms in (("first", ("base", "new")), ("second", ("other",)))
        for arm in arms
        for seed in range(3)
    ]
    first, second = (step.verdict for step in stand(program, runs).steps[:2])
    assert (first.confidence, first.false_pass) == ("confirmed", 0.05)
    assert (second.outcome, second.confidence) == ("pass", "provisional")
    assert BEYOND_BUDGET in second.caveats


def test_criteria_of_which_any_suffices_share_the_rate_of_their_gate() -> None:
    raw = SMALL.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    lower = {"metric": "score", "arm": "new", "at_most": -1.0}
    either = {"any_of": ["higher", "lower"]}
    both = {"all_of": ["either", "higher"]}
    first = raw["phases"]["first"]
    first["criteria"] |= {"lower": lower, "either": either, "both": both}
    first["gate"] = ["both"]
    design = build_test_design(build(raw), "first", "standard", final=False)
    assert design.of("lower").false_pass == design.false_pass / 2
    assert design.of("higher").false_pass == design.false_pass / 2
    assert design.of("both").false_pass == design.false_pass


def test_what_judged_gates_spent_is_kept_apart_from_what_is_left() -> None:
    program = chain({"one": {"fail": "two"}, "two": {}}, gates=2)
    noise = {"base": 0.001, "new": 0.002}
    runs = [own_run(program, "one", a, s, {"score": noise[a] * s}) for a in noise for s in range(3)]
    first = stand(program, runs).steps[0].verdict
    spending = build_alpha_spending(program, {"one": first})
    assert (spending.spent, spending.left) == (0.025, 0.025)
