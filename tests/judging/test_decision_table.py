"""Cases and tiers: which row holds, in three-valued logic."""

from __future__ import annotations

from itertools import product

import pytest

from planner.judging.decision_table import choose_row, rule_holds
from planner.language.program import Rule
from planner.records.verdict import CriterionOutcome

OUTCOMES: tuple[CriterionOutcome, ...] = ("met", "not_met", "undecided", "not_applicable", "invalid")


def row(**fields: object) -> Rule:
    return Rule.model_validate({"means": "", **fields})


def outcomes(**by_name: CriterionOutcome):  # type: ignore[no-untyped-def]
    return lambda name: by_name.get(name, "not_applicable")


@pytest.mark.parametrize(
    ("high", "low", "holds"),
    [
        ("met", "not_met", "yes"),
        ("met", "met", "no"),
        ("not_met", "not_met", "no"),
        ("not_met", "undecided", "no"),
        ("undecided", "met", "no"),
        ("undecided", "not_met", "open"),
        ("met", "undecided", "open"),
        ("met", "not_applicable", "open"),
        ("invalid", "not_met", "open"),
    ],
)
def test_a_row_holds_where_every_when_is_met_and_every_unless_is_not(
    high: CriterionOutcome, low: CriterionOutcome, holds: str
) -> None:
    assert rule_holds(row(when=["high"], unless=["low"]), outcomes(high=high, low=low)) == holds


def test_an_absent_criterion_rules_a_row_neither_in_nor_out() -> None:
    assert rule_holds(row(unless=["nobody"]), outcomes()) == "open"


def test_the_first_tier_that_holds_is_chosen() -> None:
    tiers = [("1", row(when=["a"])), ("2", row(when=["b"])), ("3", row(otherwise=True))]
    assert choose_row(tiers, outcomes(a="met", b="met")) == ("1", [])
    assert choose_row(tiers, outcomes(a="not_met", b="met")) == ("2", [])
    assert choose_row(tiers, outcomes(a="not_met", b="not_met")) == ("3", [])


def test_a_tier_after_an_open_one_is_not_chosen_because_the_open_one_might_hold() -> None:
    tiers = [("1", row(when=["a"])), ("2", row(when=["b"])), ("3", row(otherwise=True))]
    assert choose_row(tiers, outcomes(a="undecided", b="met")) == (None, ["1", "2"])
    assert choose_row(tiers, outcomes(a="undecided", b="not_met")) == (None, ["1"])


def test_a_table_without_rows_has_no_answer() -> None:
    assert choose_row([], outcomes()) == (None, [])


def test_of_exclusive_and_complete_cases_never_more_than_one_is_chosen_and_one_where_all_is_decided() -> None:
    cases = [
        ("A", row(when=["same", "online"], unless=["held"])),
        ("B", row(unless=["same"])),
        ("C", row(when=["same"], unless=["held", "online"])),
        ("D", row(when=["same", "held"])),
    ]
    for same, held, online in product(OUTCOMES, repeat=3):
        of = outcomes(same=same, held=held, online=online)
        chosen, waiting = choose_row(cases, of)
        all_decided = {same, held, online} <= {"met", "not_met"}
        assert not (all_decided and chosen is None)
        assert (chosen is None) == bool(waiting)
        sure = [name for name, rule in cases if rule_holds(rule, of) == "yes"]
        assert len(sure) <= 1
        assert chosen in (None, *sure)
