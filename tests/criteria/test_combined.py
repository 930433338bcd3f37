"""Combined: and / or in three-valued logic."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from planner.criteria.combination import join_all, join_any, judge_combined
from planner.criteria.judge import judge_criteria
from planner.language.criterion import Combined
from planner.records.verdict import CriterionOutcome, CriterionResult
from tests.support.builders import PHASE, make_evidence, make_program, make_test_design

OUTCOMES: tuple[CriterionOutcome, ...] = ("met", "not_met", "undecided", "not_applicable", "invalid")


def part(
    name: str, outcome: CriterionOutcome, cause: str | None = None, treatment: str = "interval"
) -> CriterionResult:
    return CriterionResult.model_validate(
        {
            "id": name,
            "kind": "level",
            "outcome": outcome,
            "cause": cause,
            "reason": "",
            "treatment": treatment,
        }
    )


def combine(kind: str, *outcomes: CriterionOutcome, cause: str | None = None) -> CriterionResult:
    parts = {f"p{i}": part(f"p{i}", o, cause if o == "undecided" else None) for i, o in enumerate(outcomes)}
    return judge_combined("c", Combined.model_validate({kind: list(parts)}), parts)


@pytest.mark.parametrize(
    ("outcomes", "every", "anyone"),
    [
        (("met", "met"), "met", "met"),
        (("met", "not_met"), "not_met", "met"),
        (("not_met", "not_met"), "not_met", "not_met"),
        (("met", "undecided"), "undecided", "met"),
        (("not_met", "undecided"), "not_met", "undecided"),
        (("met", "not_applicable"), "not_applicable", "met"),
        (("not_met", "not_applicable"), "not_met", "not_applicable"),
        (("met", "invalid"), "invalid", "invalid"),
        (("not_met", "invalid"), "invalid", "invalid"),
    ],
)
def test_what_one_part_settles_is_settled_and_nan_never_is(
    outcomes: tuple[CriterionOutcome, CriterionOutcome], every: str, anyone: str
) -> None:
    for order in permutations(outcomes):
        assert combine("all_of", *order).outcome == every
        assert combine("any_of", *order).outcome == anyone


def test_and_and_or_are_duals() -> None:
    turned: dict[CriterionOutcome, CriterionOutcome] = {"met": "not_met", "not_met": "met"}
    for outcomes in product(OUTCOMES, repeat=3):
        if "undecided" in outcomes and "not_applicable" in outcomes:
            continue  # both are 'not known'; which of the two is told does not matter
        other = join_any([turned.get(o, o) for o in outcomes])
        assert join_all(outcomes) == turned.get(other, other)


def test_required_evidence_that_is_missing_keeps_a_combination_from_being_met() -> None:
    for kind in ("all_of", "any_of"):
        result = combine(kind, "met", "undecided", cause="missing")
        assert (result.outcome, result.cause) == ("undecided", "missing")


def test_an_optional_or_is_met_where_one_part_is_and_the_other_was_never_measured() -> None:
    program = make_program(
        {
            "high": {"metric": "acc", "arm": "base", "above": 0.5, "treatment": "point"},
            "low": {"metric": "loss", "arm": "base", "below": 0.5, "treatment": "point"},
            "either": {"any_of": ["high", "low"]},
        },
        gate=["high"],
    )
    results = judge_criteria(program, PHASE, make_evidence({"base": [0.9]}), make_test_design(["high"]), {})
    assert (results["low"].outcome, results["either"].outcome) == ("not_applicable", "met")


def test_the_parts_that_decide_speak_for_the_whole() -> None:
    parts = {
        "weak": part("weak", "met").model_copy(update={"margin": 0.1, "observed": 1.0, "n": 3}),
        "strong": part("strong", "met", treatment="point").model_copy(update={"margin": 0.9, "n": 1}),
    }
    every = judge_combined("c", Combined(all_of=list(parts)), parts)
    assert (every.margin, every.observed, every.n, every.treatment) == (0.1, 1.0, 1, "point")
    anyone = judge_combined("c", Combined(any_of=list(parts)), parts)
    assert anyone.margin == 0.9
    assert every.reason == "all of: weak met, strong met"
