"""Better values that give a worse verdict.

A gate and its tiers grade, so an improvement should not lower a verdict. Left alone are: what a guard
names (a condition on the evidence), metrics that are better neither way, ranges, and what the author says
is meant (``says``). A gate whose pass and fail lead to the same phase grades nothing: it states what is;
so does a diagnosis that a triage asks for.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from planner.language.criterion import Comparison, Level
from planner.language.criterion_graph import Key, basics_under
from planner.language.finding import Finding, warning
from planner.language.program import Phase, Program
from planner.language.references import resolve
from planner.linting.decision_tables import all_met, reached_rows
from planner.linting.joint_answers import samples_of
from planner.linting.truth_tables import Truth, build_truth
from planner.linting.value_ranges import Part, Requirement, Variable, requirement_of
from planner.text.numbers import number


def grading_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Gates and tiers that an improvement lowers, and tiers that contradict the gate."""
    yield from _gate(program, name, phase)
    if phase.tiers:
        refs = [ref for tier in phase.tiers for ref in tier.conditions]
        truth = build_truth(program, name, [*refs, *phase.gate]) or build_truth(program, name, refs)
        if truth is not None:
            rows = reached_rows(program, truth, phase.tiers)
            yield from _tiers(program, name, phase, truth, rows)
            yield from _against_gate(program, name, phase, truth, rows)


# --- gates: every part only helps it, so a part that is met by bad values alone is enough ------------------


def _gate(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    if _states_facts(program, name, phase):
        return
    basics = _graded(program, name, phase, basics_under(program, name, phase.gate))
    requirements = {
        key: one for key in basics if (one := requirement_of(program, key[0], _rule(program, key)))
    }
    for key, one in requirements.items():
        rule = _rule(program, key)
        sign = _sign(program, key)
        if sign == 0 or rule.says or not _falls(one.parts[0], sign) or not _is_open(one.parts[0]):
            continue
        if any(_bounds_other_side(other, one, sign) for other in requirements.values()):
            continue
        better = program.metrics[rule.metric].better
        text = f"'{key[1]}' asks for worse values: {rule.metric} is better {better}, and"
        what = f"{text} {_witness(one.parts[0], sign)}; if that is meant, give it 'says'"
        yield warning(("phases", name, "gate"), what)


def _states_facts(program: Program, name: str, phase: Phase) -> bool:
    """Whether a gate chooses nothing: it diagnoses, or pass and fail lead to the same phase."""
    passed, failed = phase.next.get("pass"), phase.next.get("fail")
    diagnoses = any(other.triage and other.triage.diagnose == name for other in program.phases.values())
    return diagnoses or (passed == failed and passed in program.phases)


def _rule(program: Program, key: Key) -> Level | Comparison:
    rule = program.phases[key[0]].criteria[key[1]]
    assert isinstance(rule, Level | Comparison)
    return rule


def _graded(program: Program, name: str, phase: Phase, keys: list[Key]) -> list[Key]:
    """The thresholds among some criteria that are no conditions on the evidence."""
    guards = {resolve(program, name, ref) for ref in phase.guards}
    return [
        key
        for key in keys
        if key not in guards and isinstance(program.phases[key[0]].criteria[key[1]], Level | Comparison)
    ]


def _sign(program: Program, key: Key) -> int:
    """1 where a higher value of a criterion's quantity is better, -1 where a lower one is, else 0."""
    rule = _rule(program, key)
    if rule.over_seeds or rule.within is not None or rule.between is not None:
        return 0
    return {"higher": 1, "lower": -1}.get(program.metrics[rule.metric].better, 0)


def _falls(part: Part, sign: int) -> bool:
    """Whether a part is met by bad values and not by good ones; its variable may be the other way round."""
    return math.isinf(part.met.low if sign * _orientation(part) > 0 else part.met.high)


def _orientation(part: Part) -> int:
    return -1 if part.negated else 1


def _bounds_other_side(other: Requirement, one: Requirement, sign: int) -> bool:
    """Whether another criterion asks the same quantities for good values: a range, told in two."""
    shared = {part.variable for part in one.parts} & {part.variable for part in other.parts}
    return bool(shared) and not _falls(other.parts[0], sign)


def _is_open(part: Part) -> bool:
    """Whether some values meet a bound and some do not."""
    return len({met for value in samples_of([part]) for met in part.answers(value)}) == 2


def _witness(part: Part, sign: int) -> str:
    low, *_, high = samples_of([part])
    bad, good = (low, high) if sign * _orientation(part) > 0 else (high, low)
    name = part.variable.name
    return f"{name} = {number(bad)} meets it, {number(good)} does not"


# --- tiers: they may also name what must not be met, so values are tried ------------------------------------


def _tiers(program: Program, name: str, phase: Phase, truth: Truth, rows: list[int]) -> Iterator[Finding]:
    reported: set[tuple[int, int]] = set()
    for key in _graded(program, name, phase, list(truth.basics)):
        for variable, worse, better, before, after in _steps(program, key, truth):
            pair = _lowered(truth, before, after, rows)
            if pair is None or pair in reported:
                continue
            reported.add(pair)
            high, low = (phase.tiers[i].tier for i in pair)
            what = f"a better {_rule(program, key).metric} gives a worse tier: {variable.name} = "
            what += f"{number(worse)} gives '{high}' and {number(better)} gives '{low}'; tiers are listed"
            yield warning(("phases", name, "tiers", pair[0]), f"{what} best first")


class _Improvement(NamedTuple):
    """One quantity made better, and what every criterion on it alone answers before and after."""

    variable: Variable
    worse: float
    better: float
    before: dict[Key, bool]
    after: dict[Key, bool]


def _steps(program: Program, key: Key, truth: Truth) -> Iterator[_Improvement]:
    """Improvements of one quantity."""
    sign = _sign(program, key)
    requirements = {
        k: one
        for k in truth.basics
        if (one := requirement_of(program, k[0], program.phases[k[0]].criteria[k[1]]))
    }
    mine = requirements[key].parts
    if sign == 0 or len(mine) != 1:
        return
    variable = mine[0].variable
    alone = {
        k: one.parts[0] for k, one in requirements.items() if {p.variable for p in one.parts} == {variable}
    }
    values = samples_of(list(alone.values()))
    ordered = values if sign * _orientation(mine[0]) > 0 else values[::-1]
    for i, worse in enumerate(ordered):
        for better in ordered[i + 1 :]:
            answers = [{k: part.met.holds(v) for k, part in alone.items()} for v in (worse, better)]
            yield _Improvement(variable, worse, better, answers[0], answers[1])


def _lowered(
    truth: Truth, before: dict[Key, bool], after: dict[Key, bool], rows: list[int]
) -> tuple[int, int] | None:
    """A tier and a later one that the second answers give where the first gave the tier, all else equal."""
    bit = {key: i for i, key in enumerate(truth.basics)}
    moved = sum((after[key] - before[key]) << bit[key] for key in before)
    given = truth.possible
    for key, met in before.items():
        given &= truth.sets[key] if met else ~truth.sets[key]
    for high, row in enumerate(rows):
        from_here = row & given
        reached = from_here << moved if moved > 0 else from_here >> -moved
        for low in range(high + 1, len(rows)):
            if reached & rows[low]:
                return high, low
    return None


def _against_gate(
    program: Program, name: str, phase: Phase, truth: Truth, rows: list[int]
) -> Iterator[Finding]:
    """A tier that only a failing gate gives, before one that a passing gate gives."""
    if not all((key := resolve(program, name, ref)) and key in truth.sets for ref in phase.gate):
        return
    passed = all_met(program, truth, phase.gate)
    later = [tier.tier for tier, row in zip(phase.tiers, rows, strict=True) if row & passed]
    for i, row in enumerate(rows):
        after = [tier.tier for tier in phase.tiers[i + 1 :] if tier.tier in later]
        if row and not row & passed and after:
            what = f"tier '{phase.tiers[i].tier}' is given only where the gate fails, and "
            yield warning(("phases", name, "tiers", i), f"{what}'{after[0]}' after it where it passes")
