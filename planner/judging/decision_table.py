"""Cases and tiers: which row of a table holds, given what the criteria answered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from planner.language.program import Rule
from planner.records.verdict import CriterionOutcome

Holds = Literal["yes", "no", "open"]
OutcomeOf = Callable[[str], CriterionOutcome]
Name = TypeVar("Name")


def rule_holds(rule: Rule, outcome_of: OutcomeOf) -> Holds:
    """Whether every ``when`` is met and every ``unless`` is not met.

    A condition that is undecided, invalid or not applicable leaves the row open, unless another
    condition already rules it out.
    """
    conditions = [(outcome_of(name), "met") for name in rule.when]
    conditions += [(outcome_of(name), "not_met") for name in rule.unless]
    if any(outcome in ("met", "not_met") and outcome != wanted for outcome, wanted in conditions):
        return "no"
    return "yes" if all(outcome == wanted for outcome, wanted in conditions) else "open"


def may_hold(wanted: Name, rows: Sequence[tuple[Name, Rule]], outcome_of: OutcomeOf) -> bool:
    """Whether a row holds, or still may once every criterion is decided."""
    for name, rule in sorted(rows, key=lambda row: row[1].otherwise):
        holds = "yes" if rule.otherwise else rule_holds(rule, outcome_of)
        if name == wanted:
            return holds != "no"
        if holds == "yes":
            return False
    return False


def choose_row(rows: Sequence[tuple[Name, Rule]], outcome_of: OutcomeOf) -> tuple[Name | None, list[Name]]:
    """The first row that holds, and the rows that stay open.

    A row that comes after an open one is not chosen: the open one might hold.

    Returns:
        (the row's name or None, names of the open rows that kept it from being chosen).
    """
    waiting: list[Name] = []
    fallback: Name | None = None
    for name, rule in rows:
        if rule.otherwise:
            fallback = name
            continue
        holds = rule_holds(rule, outcome_of)
        if holds == "yes" and not waiting:
            return name, []
        if holds in ("yes", "open"):
            waiting.append(name)
    return (None, waiting) if waiting else (fallback, [])
