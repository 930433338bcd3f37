"""Static check of gates, case tables and tiers, by truth table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, takewhile

from planner.findings import Finding, error, warning
from planner.program import Phase, Program, Rule
from planner.references import resolve
from planner.truth import MOST_CRITERIA, Truth, basics_under, build_truth

Keys = tuple[str | int, ...]


def gate_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Criteria of a gate that cannot all be met."""
    path = ("phases", name, "gate")
    tried = combinations(phase.gate[:MOST_CRITERIA], 2)
    pairs = [(a, b) for a, b in tried if _never(program, name, [a, b])]
    for one, other in pairs:
        yield error(path, f"'{one}' and '{other}' can never both be met")
    if not pairs and _never(program, name, phase.gate):
        yield error(path, f"the gate can never pass: {', '.join(phase.gate)} cannot all be met")


def _never(program: Program, name: str, refs: Sequence[str]) -> bool:
    truth = build_truth(program, name, refs)
    if truth is None:
        return False
    held = truth.possible
    for ref in refs:
        held &= _met(program, truth, ref)
    return not held


def case_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Whether exactly one row of the case table holds, whatever the criteria answer."""
    path = ("phases", name, "cases")
    if not phase.cases:
        return
    truth = _truth_of(program, name, phase.cases.values())
    if truth is None:
        yield warning(path, f"more than {MOST_CRITERIA} criteria: not checked to be exclusive and complete")
        return
    rows = {key: _holds(program, truth, case) for key, case in phase.cases.items() if not case.otherwise}
    for key, row in rows.items():
        if not row:
            yield error((*path, key), f"case '{key}' can never hold")
    left = truth.possible
    for other, row in rows.items():
        for one in _overlapping(rows, other) if row & ~left else []:
            among = _basics(program, name, phase.cases[one], phase.cases[other])
            where = truth.witness(row & rows[one], among)
            yield error(path, f"cases '{one}' and '{other}' both hold where {where}")
        left &= ~row
    otherwise = [key for key, case in phase.cases.items() if case.otherwise]
    yield from _rest(path, truth, left, otherwise, "case")


def _overlapping(rows: dict[str, int], name: str) -> list[str]:
    """The rows before one that hold where it holds."""
    before = takewhile(lambda other: other != name, rows)
    return [other for other in before if rows[other] & rows[name]]


def tier_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Whether every tier can be reached past those before it."""
    path = ("phases", name, "tiers")
    if not phase.tiers:
        return
    truth = _truth_of(program, name, phase.tiers)
    if truth is None:
        yield warning(path, f"more than {MOST_CRITERIA} criteria: the tiers are not checked")
        return
    left = truth.possible
    for i, tier in enumerate(phase.tiers):
        if tier.otherwise:
            continue
        own = _holds(program, truth, tier)
        if not own & left:
            why = "is never reached: a tier before it holds wherever it would" if own else "can never hold"
            yield error((*path, i), f"tier '{tier.tier}' {why}")
        left &= ~own
    yield from _rest(path, truth, left, [tier.tier for tier in phase.tiers if tier.otherwise], "tier")


def _rest(path: Keys, truth: Truth, left: int, otherwise: list[str], sort: str) -> Iterator[Finding]:
    """What no row covers, and the row that is to cover it."""
    if len(otherwise) > 1:
        yield error(path, f"only one {sort} can be 'otherwise': {', '.join(otherwise)}")
    elif otherwise and not left:
        yield warning(path, f"{sort} '{otherwise[0]}' is never reached: the others cover everything")
    elif left and not otherwise:
        # Tiers grade, and a result may fall below them all; a diagnosis that is missing is a hole.
        say = error if sort == "case" else warning
        yield say(path, f"no {sort} holds where {truth.witness(left, truth.basics)}")


def _truth_of(program: Program, name: str, rules: Iterable[Rule]) -> Truth | None:
    return build_truth(program, name, [ref for rule in rules for ref in rule.conditions])


def _holds(program: Program, truth: Truth, rule: Rule) -> int:
    """The assignments in which a rule holds."""
    held = truth.possible
    for ref in rule.when:
        held &= _met(program, truth, ref)
    for ref in rule.unless:
        held &= ~_met(program, truth, ref)
    return held


def _met(program: Program, truth: Truth, ref: str) -> int:
    key = resolve(program, truth.phase, ref)
    return truth.sets[key] if key else 0


def _basics(program: Program, name: str, *rules: Rule) -> list[tuple[str, str]]:
    return basics_under(program, name, [ref for rule in rules for ref in rule.conditions])
