"""Criteria on the same quantities answer together: above .6 and below .5 have no value in common.

A value is tried at every threshold, between each two and beyond both ends, within what the metric's unit
allows; between two neighbours no criterion changes its answer.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from planner.linting.value_ranges import Part, Requirement, Variable

_MOST_SAMPLES = 5000


def samples_of(parts: Sequence[Part]) -> list[float]:
    """A value of one variable at each threshold, between each two, and beyond both ends."""
    variable = parts[0].variable
    edges = [e for p in parts for r in (p.met, p.not_met) if r for e in r.edges]
    finite = sorted(set(edges)) or [0.0]
    apart = finite[-1] - finite[0] or abs(finite[0]) / 2 or 1.0
    low, high = finite[0] - apart, finite[-1] + apart
    # Within what is usual where that leaves a value beyond the end, within what is possible in any case.
    low = max(low, variable.usual[0]) if variable.usual[0] < finite[0] else low
    high = min(high, variable.usual[1]) if variable.usual[1] > finite[-1] else high
    least, most = variable.limits
    middles = [(a + b) / 2 for a, b in itertools.pairwise(finite)]
    within = {value for value in (*finite, *middles) if least <= value <= most}
    return sorted(within | {min(max(value, least), most) for value in (low, high)})


class Agreement(NamedTuple):
    """Criteria that share variables: each pattern of answers that some values give, with such values."""

    keys: tuple[tuple[str, str], ...]
    patterns: Mapping[tuple[bool, ...], Mapping[Variable, float]]


def agreements(requirements: Mapping[tuple[str, str], Requirement]) -> Iterator[Agreement]:
    """The groups of criteria that share variables; one that is too large to try is left out."""
    for keys in _groups(requirements):
        patterns = _patterns([requirements[key] for key in keys])
        if patterns is not None:
            yield Agreement(tuple(keys), patterns)


def _groups(requirements: Mapping[tuple[str, str], Requirement]) -> list[list[tuple[str, str]]]:
    groups: list[tuple[set[Variable], list[tuple[str, str]]]] = []
    for key, one in requirements.items():
        mine, members = {part.variable for part in one.parts}, [key]
        apart = []
        for variables, keys in groups:
            if variables & mine:
                mine, members = mine | variables, [*keys, *members]
            else:
                apart.append((variables, keys))
        groups = [*apart, (mine, members)]
    order = {key: i for i, key in enumerate(requirements)}
    return [sorted(keys, key=order.__getitem__) for _, keys in groups]


def _patterns(requirements: Sequence[Requirement]) -> dict[tuple[bool, ...], dict[Variable, float]] | None:
    patterns: dict[tuple[bool, ...], dict[Variable, float]] = {}
    for values in every_value(part for one in requirements for part in one.parts) or ():
        for pattern in itertools.product(*(sorted(one.answers(values)) for one in requirements)):
            patterns.setdefault(pattern, values)
    return patterns or None


def every_value(parts: Iterable[Part]) -> Iterator[dict[Variable, float]] | None:
    """Every combination of representative values; None where they are too many to try."""
    of_variable: dict[Variable, list[Part]] = {}
    for part in parts:
        of_variable.setdefault(part.variable, []).append(part)
    samples = [samples_of(group) for group in of_variable.values()]
    if math.prod(map(len, samples)) > _MOST_SAMPLES:
        return None
    return (dict(zip(of_variable, values, strict=True)) for values in itertools.product(*samples))
