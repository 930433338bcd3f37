"""Claims: what the criteria of a phase say of a sentence about the world."""

from __future__ import annotations

from typing import Any

import pytest

from planner.judging.claims import judge_claim, unsettled
from planner.language.criterion_graph import conditions
from planner.language.program import ClaimRule
from planner.records.verdict import ClaimResult, CriterionOutcome, CriterionResult


def judge(rule: dict[str, Any], says: str = "", **outcomes: str) -> ClaimResult:
    """``name="outcome"`` or ``name="outcome/cause"``; a name that is not given is absent."""

    def result_of(name: str) -> CriterionResult:
        outcome, _, cause = outcomes.get(name, "not_applicable/missing").partition("/")
        typed_outcome: CriterionOutcome = outcome  # type: ignore[assignment]
        return CriterionResult(
            id=name, kind="level", outcome=typed_outcome, cause=cause or None, reason=f"why {name}", says=says
        )

    return judge_claim("c", ClaimRule.model_validate({"says": "It is so.", **rule}), result_of)


SUPPORTED = {"supported": ["a", "b"]}
FULL = {
    "supported": ["a", "b"],
    "supported_in_direction": ["a"],
    "equivalent": ["same"],
    "refuted": ["contrary"],
}


@pytest.mark.parametrize(
    ("rule", "outcomes", "status"),
    [
        (SUPPORTED, {"a": "met", "b": "met"}, "supported"),
        (SUPPORTED, {"a": "met", "b": "not_met"}, "refuted"),
        (SUPPORTED, {"a": "undecided/undecided", "b": "not_met"}, "refuted"),
        (SUPPORTED, {"a": "met", "b": "undecided/few_seeds"}, "proposed"),
        (SUPPORTED, {"a": "met", "b": "undecided/partial"}, "proposed"),
        (SUPPORTED, {"a": "met"}, "not_verified"),
        (SUPPORTED, {"a": "met", "b": "undecided/missing"}, "not_verified"),
        (SUPPORTED, {"a": "met", "b": "invalid/not_finite"}, "not_verified"),
        (SUPPORTED, {}, "not_verified"),
        (FULL, {"a": "met", "b": "met", "contrary": "met"}, "supported"),
        (FULL, {"a": "not_met", "b": "met", "same": "met"}, "equivalent"),
        (FULL, {"a": "met", "b": "not_met", "contrary": "met"}, "refuted"),
        (FULL, {"a": "met"}, "supported_in_direction"),
        (FULL, {"a": "met", "b": "not_met"}, "supported_in_direction"),
        (FULL, {"a": "not_met", "b": "met", "contrary": "not_met"}, "not_verified"),
        (FULL, {"a": "undecided/undecided", "b": "met"}, "proposed"),
    ],
)
def test_the_status_follows_from_the_criteria(
    rule: dict[str, Any], outcomes: dict[str, str], status: str
) -> None:
    assert judge(rule, **outcomes).status == status


def test_missing_supporting_evidence_is_a_caveat_and_leaves_the_status() -> None:
    claim = judge({**SUPPORTED, "caveat_unless": ["extra"]}, a="met", b="met")
    assert claim.status == "supported"
    assert claim.caveats == ("extra is not applicable: why extra",)
    assert judge({**SUPPORTED, "caveat_unless": ["extra"]}, a="met", b="met", extra="met").caveats == ()


def test_a_lowered_status_says_what_is_missing_in_the_words_of_the_criterion() -> None:
    claim = judge(FULL, says="damping does not help", a="met")
    assert claim.caveats == ("b is not applicable: damping does not help (why b)",)


def test_a_claim_rests_on_every_criterion_that_it_names_each_once() -> None:
    rule = ClaimRule.model_validate({"says": "", **FULL, "caveat_unless": ["extra", "a"]})
    assert conditions(rule) == ["a", "b", "same", "contrary", "extra"]
    assert judge(FULL).rests_on == ("a", "b", "same", "contrary")


def test_where_the_evidence_itself_is_invalid_nothing_is_verified() -> None:
    (claim,) = unsettled([judge(SUPPORTED, a="met", b="met")], "the data leak")
    assert (claim.status, claim.caveats) == ("not_verified", ("the data leak",))
