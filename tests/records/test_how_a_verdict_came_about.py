"""How a verdict came about is written down beside what names it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from planner.records.base import canonical
from planner.records.caveat_facts import SHORT_OF_BUDGET, passed_over_caveat
from planner.records.journal_entry import body_of, from_body
from planner.records.verdict import Verdict
from tests.support.worlds import runs_of, scores, small, stand

PROGRAM = small()
VERDICT = stand(PROGRAM, runs_of(PROGRAM, "first", scores())).steps[0].verdict
FACTS = {"passed_over": ("zero", "a.b"), "short_of_budget": True, "final_look": True}


def copy(**fields: Any) -> Verdict:
    return VERDICT.model_copy(update=fields)


def read(body: str) -> Verdict:
    record = from_body("verdict", body)
    assert isinstance(record, Verdict)
    return record


@pytest.mark.parametrize("fact", FACTS)
def test_it_is_no_part_of_the_id(fact: str) -> None:
    assert copy(**{fact: FACTS[fact]}).identified("v").id == VERDICT.id


def test_it_comes_back_from_the_text() -> None:
    again = read(body_of(copy(**FACTS)))
    assert {name: getattr(again, name) for name in FACTS} == FACTS
    assert again.id == VERDICT.id
    assert body_of(again) == body_of(copy(**FACTS))


def test_a_plain_verdict_says_only_whether_it_was_the_final_look() -> None:
    written = json.loads(body_of(VERDICT))
    assert {name: written[name] for name in FACTS if name in written} == {"final_look": False}


def test_a_record_of_an_earlier_version_tells_it_by_its_caveats_and_keeps_its_text() -> None:
    caveats = (passed_over_caveat("a.b"), SHORT_OF_BUDGET, "phase 'x' was not done")
    earlier = canonical(copy(caveats=caveats).identified("v").model_dump(mode="json"))
    record = read(earlier)
    assert (record.passed_over, record.short_of_budget) == (("a.b",), True)
    assert record.final_look is None
    assert body_of(record) == earlier


def test_an_altered_text_is_noticed_all_the_same() -> None:
    with pytest.raises(ValueError, match="was altered"):
        read(body_of(copy(**FACTS)).replace('"fail"', '"pass"'))
