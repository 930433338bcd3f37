"""Whether what a verdict says of its criteria follows from its own tables of results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from planner.evidence.values import is_finite
from planner.language.criterion import Blocked, Comparison, Level, Measured, Order, Spread
from planner.language.program import Program
from planner.language.readings import improvement_sign, which_value
from planner.records.base import Record
from planner.records.verdict import CriterionResult, Verdict
from planner.statistics import intervals

_CLOSE = 1e-9
Values = Mapping[int, float]
"""Seed -> value."""


class Recomputation(Record):
    """The result of computing the observed values again.

    Attributes:
        agree: how many were found again.
        elsewhere: criteria whose values are no part of the tables.
        faults: a sentence for every value that the tables contradict.
    """

    agree: int
    elsewhere: tuple[str, ...]
    faults: tuple[str, ...]


def recompute(program: Program, verdict: Verdict) -> Recomputation:
    """Computes every observed value again from the values in the verdict's tables."""
    agree, elsewhere, faults = 0, [], []
    for result in verdict.criteria:
        rule = program.phases[verdict.phase].criteria.get(result.id)
        if result.observed is None or not isinstance(rule, Measured):
            continue
        if result.by_signs:  # which side a value that was cut off lies on stands in no table
            elsewhere.append(result.id)
            continue
        candidates = list(_recomputed(program, verdict, rule, result))
        if not candidates:
            elsewhere.append(result.id)
        elif any(math.isclose(c, result.observed, rel_tol=_CLOSE, abs_tol=1e-12) for c in candidates):
            agree += 1
        else:
            values = " or ".join(f"{c:.6g}" for c in candidates)
            faults.append(f"{result.id} says {result.observed:.6g}, and the table gives {values}")
    return Recomputation(agree=agree, elsewhere=tuple(elsewhere), faults=tuple(faults))


def values_of(verdict: Verdict) -> Mapping[tuple[str, str, str], Values]:
    """(arm, metric, which value of its series) -> the values in a verdict's tables."""
    rows = (*verdict.table, *verdict.readings)
    return {(row.arm, row.metric, row.reads): dict(row.estimate.values) for row in rows}


def _recomputed(
    program: Program, verdict: Verdict, rule: Measured, result: CriterionResult
) -> Iterator[float]:
    """The value that a criterion observes, for each arm or pair that it may have been decided by."""
    for quantity in quantities(program, verdict, rule, result):
        first = result.chosen_on if result.fresh else 0
        ours = [value for _, value in sorted(quantity.ours.items())]
        counted = ours[first:] if quantity.other else ours[first : first + result.n]
        numbers = [*counted, *(quantity.other or {}).values()]
        if counted and all(map(is_finite, numbers)):
            yield _observed(program, rule, counted, quantity)


def _observed(program: Program, rule: Measured, counted: list[float], quantity: Quantities) -> float:
    logged = program.metrics[rule.metric].transform is not None
    ours, theirs = counted, list((quantity.other or {}).values())
    if logged:
        ours, theirs = ([math.log(value) for value in values] for values in (ours, theirs))
    if rule.of_deviation:
        return intervals.sd(ours)
    if rule.of_every_seed:
        observed = min(ours) if rule.over_seeds == "min" else max(ours)
    else:
        observed = intervals.mean(ours) - (intervals.mean(theirs) if theirs else 0.0)
    # Of two arms that are to be alike, the one that is ahead over all seeds comes first.
    observed = abs(observed) if isinstance(rule, Spread) else observed
    return math.exp(observed) if logged else observed


@dataclass(frozen=True)
class Quantities:
    """The values of one arm or pair that a criterion judges.

    Attributes:
        ours: of one arm, or differences seed by seed.
        other: the other arm's, where the two are not paired.
    """

    ours: Values
    other: Values | None = None

    @property
    def n(self) -> int:
        """How many seeds there are; of two arms that are not paired, those of the smaller."""
        return len(self.ours) if self.other is None else min(len(self.ours), len(self.other))


def quantities(
    program: Program, verdict: Verdict, rule: Measured, result: CriterionResult
) -> Iterator[Quantities]:
    """The values of every seed, for each arm or pair that a criterion judges."""
    table, reads = values_of(verdict), which_value(rule).strip()
    looks = {part.id: part.look for part in result.parts or (result,)}

    def of(arm: str, metric: str, reads: str = reads) -> Values:
        return table.get((arm, metric, reads), {})

    def joined(label: str, left: Values, right: Values) -> Quantities:
        look = looks.get(label if result.parts else result.id)
        paired = look.paired if look is not None else bool(left.keys() & right.keys())
        return _joined(program, rule, left, right, paired)

    if isinstance(rule, Order | Spread):
        sign = ">" if isinstance(rule, Order) else "~"
        for one, other in rule.judged_pairs:
            yield joined(f"{one} {sign} {other}", of(one, rule.metric), of(other, rule.metric))
    elif isinstance(rule, Comparison):
        for arm in rule.subjects:
            yield joined(arm, of(arm, rule.metric), of(rule.versus or arm, rule.other_metric))
    elif isinstance(rule, Blocked):
        yield from _of_blocks(program, rule, of, joined)
    elif isinstance(rule, Level):
        floor = program.metrics[rule.metric].floor if rule.against_floor else None
        for arm in rule.subjects:
            own = of(arm, rule.metric)
            yield joined(arm, own, of(arm, floor, "")) if isinstance(floor, str) else Quantities(own)


def _of_blocks(
    program: Program,
    rule: Blocked,
    of: Callable[[str, str], Values],
    joined: Callable[[str, Values, Values], Quantities],
) -> Iterator[Quantities]:
    blocks = [(one, of(one, rule.metric), of(other, rule.metric)) for one, other in rule.judged_pairs]
    if rule.over_blocks == "each":
        yield from (joined(*block) for block in blocks)
        return
    values = [_joined(program, rule, ours, theirs, True).ours for _, ours, theirs in blocks]
    seeds = sorted(set.intersection(*(set(block) for block in values)))
    yield Quantities({seed: intervals.mean([block[seed] for block in values]) for seed in seeds})


def _joined(program: Program, rule: Measured, left: Values, right: Values, paired: bool) -> Quantities:
    """Difference or ratio, over the seeds that both have if they are paired; improvements count up."""
    seeds = [seed for seed in left if seed in right]
    if isinstance(rule, Comparison) and rule.as_ == "ratio":
        if not paired:  # of geometric means
            return Quantities(left, right)
        return Quantities({s: left[s] / right[s] if right[s] else math.nan for s in seeds})
    sign = improvement_sign(program, rule)
    if not paired:
        return Quantities({s: sign * v for s, v in left.items()}, {s: sign * v for s, v in right.items()})
    return Quantities({s: sign * (left[s] - right[s]) for s in seeds})
