"""Static check of gates, case tables and tiers, by truth table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, takewhile

from planner.language.criterion import Combined
from planner.language.criterion_graph import basics_under
from planner.language.finding import Finding, error, warning
from planner.language.program import BUILT_IN_GUARDS, Phase, Program, Rule
from planner.language.references import resolve
from planner.linting.truth_tables import MOST_CRITERIA, Truth, build_truth

Keys = tuple[str | int, ...]


def gate_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Criteria of a gate that cannot all be met, or that decide nothing beside the others."""
    path = ("phases", name, "gate")
    tried = combinations(phase.gate[:MOST_CRITERIA], 2)
    pairs = [(a, b) for a, b in tried if never_met(program, name, [a, b])]
    for one, other in pairs:
        yield error(path, f"'{one}' and '{other}' can never both be met")
    if pairs:
        return
    if never_met(program, name, phase.gate):
        yield error(path, f"the gate can never pass: {', '.join(phase.gate)} cannot all be met")
        return
    yield from _beside_guards(program, name, phase)
    for ref in redundant(program, name, phase.gate, every=True):
        rest = " and ".join(f"'{other}'" for other in phase.gate if other != ref)
        yield warning(path, f"'{ref}' decides nothing: it is met wherever {rest} {_be(phase.gate)} met")


def _be(refs: Sequence[str]) -> str:
    return "are" if len(refs) > 2 else "is"


def _beside_guards(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Guards that leave a gate no way to pass, or no way to fail."""
    for guard, consequence in phase.guards.items():
        if guard in BUILT_IN_GUARDS or consequence == "caveat":
            continue
        path = ("phases", name, "guards", guard)
        if guard in phase.gate:
            what = f"is in the gate too, which can never fail by it: the verdict is {consequence} first"
            yield warning(path, what)
        elif never_met(program, name, [guard, *phase.gate]):
            yield error(path, f"the gate can never pass: where it is met, '{guard}' is not")


def combined_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Parts of combined criteria that decide nothing, and combinations that no value meets."""
    for key, rule in phase.criteria.items():
        if not isinstance(rule, Combined):
            continue
        path, every = ("phases", name, "criteria", key), bool(rule.all_of)
        if every and never_met(program, name, rule.parts):
            yield error(path, f"can never be met: {', '.join(rule.parts)} cannot all be met")
            continue
        for ref in redundant(program, name, rule.parts, every):
            said = "it is met wherever the others are" if every else "another is met wherever it is"
            yield warning(path, f"'{ref}' decides nothing: {said}")


def redundant(program: Program, name: str, refs: Sequence[str], every: bool) -> list[str]:
    """The references that could be left out of a list; the first of two that mean the same stays."""
    truth = build_truth(program, name, refs)
    if truth is None or len(refs) < 2:
        return []
    kept = list(refs)
    for ref in reversed(refs):
        others = [met_in(program, truth, other) for other in kept if other != ref]
        own = met_in(program, truth, ref)
        whole = truth.possible if every else 0
        for other in others:
            whole = whole & other if every else whole | other
        if others and not (whole & ~own if every else own & truth.possible & ~whole):
            kept.remove(ref)
    return [ref for ref in refs if ref not in kept]


def never_met(program: Program, name: str, refs: Sequence[str]) -> bool:
    """Whether no values meet all of these."""
    truth = build_truth(program, name, refs)
    return truth is not None and not all_met(program, truth, refs)


def all_met(program: Program, truth: Truth, refs: Iterable[str]) -> int:
    """The possible assignments in which all of these are met."""
    held = truth.possible
    for ref in refs:
        held &= met_in(program, truth, ref)
    return held


def case_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Whether exactly one row of the case table holds, whatever the criteria answer."""
    path = ("phases", name, "cases")
    if not phase.cases:
        return
    truth = _truth_of(program, name, phase.cases.values())
    if truth is None:
        yield warning(path, f"more than {MOST_CRITERIA} criteria: not checked to be exclusive and complete")
        return
    rows = {key: held_in(program, truth, case) for key, case in phase.cases.items() if not case.otherwise}
    for key, row in rows.items():
        if not row:
            yield error((*path, key), f"case '{key}' can never hold")
    left = truth.possible
    for other, row in rows.items():
        for one in _overlapping(rows, other) if row & ~left else []:
            among = _basics(program, name, phase.cases[one], phase.cases[other])
            where = truth.witness(row & rows[one], among)
            apart = _subsumed((one, rows[one]), (other, row))
            yield error(path, f"cases '{one}' and '{other}' both hold where {where}{apart}")
        left &= ~row
    otherwise = [key for key, case in phase.cases.items() if case.otherwise]
    yield from _rest(path, truth, left, otherwise, "case")


def _subsumed(first: tuple[str, int], second: tuple[str, int]) -> str:
    """Which of two rows holds nowhere but where the other does."""
    (one, ones), (other, others) = first, second
    if ones == others:
        return f"; '{one}' and '{other}' ask for the same"
    inner, outer = (one, other) if not ones & ~others else (other, one)
    return f"; '{inner}' holds nowhere else than '{outer}'" if not (ones & ~others and others & ~ones) else ""


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
        own = held_in(program, truth, tier)
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


def reached_rows(program: Program, truth: Truth, rules: Sequence[Rule]) -> list[int]:
    """The assignments in which each row of a table is the first that holds; ``otherwise`` comes last."""
    left, reached = truth.possible, []
    for rule in rules:
        reached.append(0 if rule.otherwise else held_in(program, truth, rule) & left)
        left &= ~reached[-1]
    return [left if rule.otherwise else own for rule, own in zip(rules, reached, strict=True)]


def held_in(program: Program, truth: Truth, rule: Rule) -> int:
    """The assignments in which a rule holds."""
    held = all_met(program, truth, rule.when)
    for ref in rule.unless:
        held &= ~met_in(program, truth, ref)
    return held


def met_in(program: Program, truth: Truth, ref: str) -> int:
    """The assignments in which a criterion is met."""
    key = resolve(program, truth.phase, ref)
    return truth.sets[key] if key else 0


def _basics(program: Program, name: str, *rules: Rule) -> list[tuple[str, str]]:
    return basics_under(program, name, [ref for rule in rules for ref in rule.conditions])
