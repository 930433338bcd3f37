"""Truth tables over criteria that are met or not met.

A set of assignments is one large whole number, a bit for each assignment, so that a table of 16 criteria
is checked in milliseconds. Combined criteria are computed from their parts, and thresholds on one
quantity are never given answers that no value could have: above .6 and below .5, say.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Any

from planner.criterion import Combined, Comparison, Level
from planner.program import Program
from planner.references import resolve

MOST_CRITERIA = 16
_MOST_SAMPLES = 5000

Key = tuple[str, str]


@dataclasses.dataclass(frozen=True)
class Truth:
    """All assignments of some criteria.

    Attributes:
        basics: (phase, criterion) that are measured, in the order of their bits.
        sets: (phase, criterion) -> the assignments in which it is met, combined ones included.
        possible: the assignments that some values could give.
    """

    phase: str
    basics: tuple[Key, ...]
    sets: dict[Key, int]
    possible: int

    def witness(self, assignments: int, among: Iterable[Key]) -> str:
        """One of these assignments in words, of the basic criteria that matter."""
        first = (assignments & -assignments).bit_length() - 1
        wanted = set(among)
        told = [
            f"{name if phase == self.phase else f'{phase}.{name}'} {'met' if first >> i & 1 else 'not met'}"
            for i, (phase, name) in enumerate(self.basics)
            if (phase, name) in wanted
        ]
        return ", ".join(told) or "always"


def build_truth(program: Program, phase: str, refs: Iterable[str]) -> Truth | None:
    """The truth table that some references of a phase need; None above :data:`MOST_CRITERIA` criteria."""
    roots = [key for key in (resolve(program, phase, ref) for ref in refs) if key]
    parts = _parts(program, roots)
    basics = tuple(key for key, below in parts.items() if not below)
    if len(basics) > MOST_CRITERIA:
        return None
    full = (1 << (1 << len(basics))) - 1
    # Bit a of the i-th set is bit i of a: blocks of 2^i zeros and ones in turn.
    sets = {key: full ^ (full // ((1 << (1 << i)) + 1)) for i, key in enumerate(basics)}
    _join(program, parts, sets, full)
    return Truth(phase=phase, basics=basics, sets=sets, possible=_possible(program, basics, sets, full))


def basics_under(program: Program, phase: str, refs: Iterable[str]) -> list[Key]:
    """The measured criteria that references of a phase come down to."""
    roots = [key for key in (resolve(program, phase, ref) for ref in refs) if key]
    return [key for key, below in _parts(program, roots).items() if not below]


def _parts(program: Program, roots: list[Key]) -> dict[Key, list[Key]]:
    """Each criterion that the roots come down to -> its parts (none for a measured one)."""
    found: dict[Key, list[Key]] = {}
    waiting = roots[::-1]
    while waiting:
        key = waiting.pop()
        if key not in found:
            criterion = program.phases[key[0]].criteria[key[1]]
            refs = criterion.parts if isinstance(criterion, Combined) else []
            found[key] = [part for part in (resolve(program, key[0], ref) for ref in refs) if part]
            waiting += found[key][::-1]
    return found


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


def _possible(program: Program, basics: tuple[Key, ...], sets: dict[Key, int], full: int) -> int:
    """The assignments that remain when thresholds on one quantity must agree."""
    groups: dict[Any, list[Key]] = {}
    for key in basics:
        quantity = _quantity(program, key)
        if quantity is not None:
            groups.setdefault(quantity, []).append(key)
    possible = full
    for keys in groups.values():
        if len(keys) > 1:
            possible &= _agreeing(program, keys, sets, full)
    return possible


def _quantity(program: Program, key: Key) -> Any:
    """What a simple threshold is about, its arms aside; None for any other criterion."""
    rule = program.phases[key[0]].criteria[key[1]]
    if not isinstance(rule, Level | Comparison) or _range(program, rule) is None:
        return None
    versus = (rule.versus, rule.other_metric) if isinstance(rule, Comparison) else ()
    return (key[0], rule.kind, rule.metric, rule.at, rule.since, rule.as_, rule.over_seeds, versus)


def _range(program: Program, rule: Level | Comparison) -> tuple[float, bool, float, bool] | None:
    """The values that meet a threshold: (low, low included, high, high included)."""
    bound, value = rule.threshold_key or "", rule.threshold
    if rule.against_floor:
        floor = program.metrics[rule.metric].floor
        if not isinstance(floor, int | float):
            return None
        value = floor
    infinite = float("inf")
    if isinstance(value, tuple):
        return value[0], True, value[1], True
    if bound == "within":
        middle = 1.0 if rule.as_ == "ratio" else 0.0
        return middle - value, True, middle + value, True
    ranges = {
        "above": (value, False, infinite, False),
        "at_least": (value, True, infinite, False),
        "below": (-infinite, False, value, False),
        "at_most": (-infinite, False, value, True),
    }
    # better_by has two thresholds and an answer between them: no range of values.
    return ranges.get(bound)


def _agreeing(program: Program, keys: list[Key], sets: dict[Key, int], full: int) -> int:
    """The assignments of criteria on one quantity that some values of its arms give."""
    rules = [program.phases[phase].criteria[name] for phase, name in keys]
    checked = [
        (r, found) for r in rules if isinstance(r, Level | Comparison) and (found := _range(program, r))
    ]
    arms = list(dict.fromkeys(arm for rule, _ in checked for arm in rule.subjects))
    samples = _samples([edge for _, found in checked for edge in (found[0], found[2])])
    if len(samples) ** len(arms) > _MOST_SAMPLES:
        return full
    patterns = set()
    for values in itertools.product(samples, repeat=len(arms)):
        of_arm = dict(zip(arms, values, strict=True))
        patterns.add(tuple(_met(rule, found, of_arm) for rule, found in checked))
    agreeing = 0
    for pattern in patterns:
        holding = full
        for key, met in zip(keys, pattern, strict=True):
            holding &= sets[key] if met else full ^ sets[key]
        agreeing |= holding
    return agreeing


def _samples(edges: list[float]) -> list[float]:
    """A value at each threshold, between each two, and beyond both ends."""
    finite = sorted({edge for edge in edges if abs(edge) != float("inf")})
    middles = [(a + b) / 2 for a, b in itertools.pairwise(finite)]
    span = max(abs(edge) for edge in finite) + 1.0
    return sorted({*finite, *middles, finite[0] - span, finite[-1] + span})


def _met(rule: Level | Comparison, found: tuple[float, bool, float, bool], of_arm: dict[str, float]) -> bool:
    low, with_low, high, with_high = found
    inside = (
        (low < v or (with_low and v == low)) and (v < high or (with_high and v == high))
        for v in (of_arm[arm] for arm in rule.subjects)
    )
    return any(inside) if rule.any_arm else all(inside)
