"""A rule prints as a place in the program, and the text on record means the same rule again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.records.decision import Decision
from planner.records.rule_ref import RuleRef

WORDS = st.sampled_from(["a", "triage", "next", "diagnose", "override", "arms", "budget", "1"])
NAMES = st.lists(WORDS, min_size=1, max_size=4).map(".".join)


def decision(rule: RuleRef | str, phase: str, action: str, **fields: Any) -> Decision:
    given = {"program": "p", "fidelity": "standard", "reason": "a reason", "program_digest": "", **fields}
    return Decision(phase=phase, action=action, rule=rule, **given).identified("d")


def read_back(record: Decision) -> Decision:
    return Decision.model_validate_json(record.model_dump_json())


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (RuleRef("first", "next", "1.5"), "first.next.1.5"),
        (RuleRef("first", "default", "back"), "first.next (default: back to the triage that opened it)"),
        (RuleRef("first", "default", "wait"), "first.next (default: wait)"),
        (RuleRef("first", "triage", "turn"), "first.triage.turn"),
        (RuleRef("first", "diagnose"), "first.triage.diagnose"),
        (RuleRef("first", "exhausted"), "first.triage"),
        (RuleRef("first", "override"), "first.override"),
        (RuleRef("first", "arms"), "first.arms"),
        (RuleRef("first", "budget"), "budget"),
    ],
)
def test_a_rule_prints_as_the_place_in_the_program(rule: RuleRef, text: str) -> None:
    assert str(rule) == text


@given(holder=NAMES, phase=NAMES, option=NAMES)
def test_an_option_is_told_from_its_record_whatever_the_names_are(
    holder: str, phase: str, option: str
) -> None:
    rule = RuleRef(holder, "triage", option)
    assert read_back(decision(rule, phase, "take_option", choice=option)).rule == rule


@given(holder=NAMES, phase=NAMES)
def test_a_diagnosis_is_told_from_its_record_whatever_the_names_are(holder: str, phase: str) -> None:
    rule = RuleRef(holder, "diagnose")
    assert read_back(decision(rule, phase, "run_diagnostic", choice="look")).rule == rule


@given(phase=NAMES, key=NAMES, target=NAMES, action=st.sampled_from(["run_phase", "wait"]))
def test_an_answer_is_told_from_its_record_whatever_the_names_are(
    phase: str, key: str, target: str, action: str
) -> None:
    rule = RuleRef(phase, "next", key)
    assert read_back(decision(rule, phase, action, choice=target)).rule == rule


@given(
    phase=NAMES,
    rule=st.sampled_from(
        [("stop", "budget"), ("stop", "override"), ("run_phase", "arms"), ("add_seeds", "seeds")]
    ),
)
def test_what_is_no_answer_is_told_from_its_record(phase: str, rule: tuple[str, Any]) -> None:
    action, part = rule
    made = RuleRef(phase, part)
    assert read_back(decision(made, phase, action)).rule == made


def test_a_text_that_names_no_rule_is_kept_as_it_is() -> None:
    record = decision("something of old", "first", "stop")
    assert record.rule == RuleRef("", "unknown", "something of old")
    assert read_back(record) == record


def test_overrides_are_one_text_on_record() -> None:
    record = decision(RuleRef("first", "override"), "first", "stop", override_ids=("o-1", "o-2"))
    assert record.model_dump(mode="json")["override_id"] == "o-1, o-2"
    assert read_back(record).override_ids == ("o-1", "o-2")
    assert decision(RuleRef("first", "override"), "first", "stop").model_dump()["override_id"] is None
