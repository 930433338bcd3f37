"""Truth tables over criteria that are met or not met.

A set of assignments is one large whole number, a bit for each assignment, so that a table of 16 criteria
is checked in milliseconds. Combined criteria are computed from their parts, and criteria on one
quantity are never given answers that no value could have (``joint_answers.py``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable

from planner.language.criterion import Combined
from planner.language.criterion_graph import Key, criterion_parts
from planner.language.program import Program
from planner.language.references import resolve
from planner.linting.joint_answers import Agreement, agreements
from planner.linting.value_ranges import Requirement, Variable, requirement_of
from planner.text.numbers import number

MOST_CRITERIA = 16
_MOST_SHOWN = 4


@dataclasses.dataclass(frozen=True)
class Truth:
    """All assignments of some criteria.

    Attributes:
        basics: (phase, criterion) that are measured, in the order of their bits.
        sets: (phase, criterion) -> the assignments in which it is met, combined ones included.
        possible: the assignments that some values could give.
        groups: the criteria that share quantities, with values for every pattern of their answers.
    """

    phase: str
    basics: tuple[Key, ...]
    sets: dict[Key, int]
    possible: int
    groups: tuple[Agreement, ...] = ()

    def witness(self, assignments: int, among: Iterable[Key]) -> str:
        """One of these assignments in words, of the basic criteria that matter, with values that give it."""
        first = (assignments & -assignments).bit_length() - 1
        wanted = set(among)
        answers = [
            f"{name if phase == self.phase else f'{phase}.{name}'} {'met' if first >> i & 1 else 'not met'}"
            for i, (phase, name) in enumerate(self.basics)
            if (phase, name) in wanted
        ]
        values = [f"{v.name} = {number(x)}" for v, x in self.example(first, wanted).items()]
        shown = "; ".join(values[:_MOST_SHOWN] + ["..."] * (len(values) > _MOST_SHOWN))
        return (", ".join(answers) or "always") + (f" (say {shown})" if shown else "")

    def example(self, assignment: int, among: Collection[Key]) -> dict[Variable, float]:
        """Values that give an assignment, of the quantities that some criteria are about."""
        values: dict[Variable, float] = {}
        bit = {key: i for i, key in enumerate(self.basics)}
        for group in self.groups:
            if not set(group.keys).isdisjoint(among):
                pattern = tuple(bool(assignment >> bit[key] & 1) for key in group.keys)
                values |= group.patterns.get(pattern, {})
        return values


def build_truth(program: Program, phase: str, refs: Iterable[str]) -> Truth | None:
    """The truth table that some references of a phase need; None above :data:`MOST_CRITERIA` criteria."""
    roots = [key for key in (resolve(program, phase, ref) for ref in refs) if key]
    parts = criterion_parts(program, roots)
    basics = tuple(key for key, below in parts.items() if not below)
    if len(basics) > MOST_CRITERIA:
        return None
    full = (1 << (1 << len(basics))) - 1
    # Bit a of the i-th set is bit i of a: blocks of 2^i zeros and ones in turn.
    sets = {key: full ^ (full // ((1 << (1 << i)) + 1)) for i, key in enumerate(basics)}
    _join(program, parts, sets, full)
    requirements = {key: one for key in basics if (one := _requirement(program, key))}
    groups = tuple(agreements(requirements))
    possible = full
    for group in groups:
        possible &= _agreeing(group, sets, full)
    return Truth(phase, basics, sets, possible, groups)


def _join(program: Program, parts: dict[Key, list[Key]], sets: dict[Key, int], full: int) -> None:
    """Adds the combined criteria, those first whose parts are there."""
    waiting = [key for key, below in parts.items() if below]
    while waiting:
        ready = [key for key in waiting if all(part in sets for part in parts[key])]
        if not ready:
            return  # a circle, which references.faults tells
        for key in ready:
            criterion = program.phases[key[0]].criteria[key[1]]
            every = isinstance(criterion, Combined) and bool(criterion.all_of)
            joined = full if every else 0
            for part in parts[key]:
                joined = joined & sets[part] if every else joined | sets[part]
            sets[key] = joined
        waiting = [key for key in waiting if key not in sets]


def _requirement(program: Program, key: Key) -> Requirement | None:
    return requirement_of(program, key[0], program.phases[key[0]].criteria[key[1]])


def _agreeing(group: Agreement, sets: dict[Key, int], full: int) -> int:
    """The assignments in which criteria on shared quantities answer as some values would have them."""
    agreeing = 0
    for pattern in group.patterns:
        holding = full
        for key, met in zip(group.keys, pattern, strict=True):
            holding &= sets[key] if met else full ^ sets[key]
        agreeing |= holding
    return agreeing
