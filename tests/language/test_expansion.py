"""Families of arms, same_as and swap."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.errors import ProgramError
from planner.io.programs.yaml_reader import read_yaml
from planner.language.expansion import expand

PROGRAMS = Path(__file__).parents[1] / "programs"
DRAFTS = sorted(p.stem for p in PROGRAMS.glob("*.yaml"))
VALUES = st.lists(
    st.one_of(st.integers(-99, 99), st.sampled_from(["a", "b.c", "d-e"])), min_size=1, max_size=4
)


def program(arms: dict[str, Any], **phases: dict[str, Any]) -> dict[str, Any]:
    return {"arms": arms, "phases": phases}


@pytest.mark.parametrize("name", DRAFTS)
def test_a_program_that_is_spelled_out_stays_as_it_is(name: str) -> None:
    once = expand(read_yaml((PROGRAMS / f"{name}.yaml").read_bytes()).value)
    assert expand(once) == once


@given(values=VALUES, other=VALUES)
def test_spelling_out_twice_is_spelling_out_once(values: list[Any], other: list[Any]) -> None:
    raw = program(
        {"t_{x}_{y}": {"x": values, "y": other, "z": [1, 2]}, "base": {}},
        p={"arms": ["base", "t_{x}_{y}"], "criteria": {"c": {"any_arm": "t_{x}_{y}", "versus": "base"}}},
        q={"same_as": "p", "swap": {"base": "other"}},
    )
    once = expand(raw)
    assert expand(once) == once
    assert len(once["arms"]) == 1 + len({f"{x}_{y}" for x in values for y in other})


def test_the_file_as_read_is_left_alone() -> None:
    raw = program({"t_{x}": {"x": [1, 2]}}, p={"arms": ["t_{x}"]})
    expand(raw)
    assert raw == program({"t_{x}": {"x": [1, 2]}}, p={"arms": ["t_{x}"]})


def test_a_family_stands_for_its_members_wherever_arms_are_listed() -> None:
    raw = program(
        {"t_{lr}": {"lr": [0.1, 1e-3], "seed": [1, 2]}},
        p={
            "arms": ["t_{lr}"],
            "criteria": {"c": {"each_of": "t_{lr}"}, "d": {"best_first": ["t_{lr}", "x"]}},
        },
    )
    full = expand(raw)
    assert full["arms"] == {"t_0.1": {"lr": 0.1, "seed": [1, 2]}, "t_0.001": {"lr": 0.001, "seed": [1, 2]}}
    assert full["phases"]["p"]["arms"] == ["t_0.1", "t_0.001"]
    assert full["phases"]["p"]["criteria"]["c"]["each_of"] == ["t_0.1", "t_0.001"]
    assert full["phases"]["p"]["criteria"]["d"]["best_first"] == ["t_0.1", "t_0.001", "x"]


def test_a_phase_takes_arms_criteria_and_gate_from_another_but_not_its_question_or_transitions() -> None:
    base = {
        "question": "?",
        "arms": ["a", "b"],
        "criteria": {"c": {"metric": "b", "arm": "b", "versus": "a", "above": 0}},
        "gate": ["c"],
        "seeds": 5,
        "next": {"pass": "stop"},
        "select": {"b": "filter"},
        "claims": {"x": {}},
    }
    full = expand(
        program({"a": {}, "b": {}, "z": {}}, p=base, q={"same_as": "p", "swap": {"b": "z"}, "seeds": 7})
    )
    assert full["phases"]["q"] == {
        "same_as": "p",
        "swap": {"b": "z"},
        "arms": ["a", "z"],
        "criteria": {"c": {"metric": "b", "arm": "z", "versus": "a", "above": 0}},
        "gate": ["c"],
        "seeds": 7,
        "select": {"z": "filter"},
    }


@pytest.mark.parametrize(
    ("arms", "phases", "what"),
    [
        ({"t_{x}": {}}, {}, "needs a list"),
        ({"t_{x}": {"x": 3}}, {}, "needs a list"),
        ({"t_{x}": {"x": []}}, {}, "needs a list"),
        ({"t_{x}": {"x": [1]}, "t_1": {}}, {}, "declared twice"),
        ({"t_{x}": {"x": list(range(1001))}}, {}, "more than 1000 arms"),
        ({"a": {}}, {"p": {"same_as": "q"}}, "is no phase"),
        ({"a": {}}, {"p": {"same_as": "p"}}, "in a circle"),
        ({"a": {}}, {"p": {"same_as": "q"}, "q": {"same_as": "p"}}, "in a circle"),
        ({"a": {}}, {"p": {"arms": ["a"]}, "q": {"same_as": "p", "swap": {"b": "a"}}}, "is no arm of 'p'"),
        ({"a": {}}, {f"p{i}": {"same_as": f"p{i + 1}"} for i in range(40)} | {"p40": {}}, "chain"),
        (
            {"t_{x}": {"x": list(range(1000))}},
            {"p": {"criteria": {str(i): {"each_of": "t_{x}"} for i in range(1000)}}},
            "too large",
        ),
    ],
)
def test_what_cannot_be_spelled_out_is_reported(
    arms: dict[str, Any], phases: dict[str, Any], what: str
) -> None:
    with pytest.raises(ProgramError, match=what):
        expand(program(arms, **phases))
