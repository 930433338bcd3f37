"""Whether what a verdict says of its criteria follows from its own tables of results."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from planner.evidence.values import is_finite
from planner.language.criterion import Comparison, Level, Measured, Order, Spread
from planner.language.program import Program
from planner.language.readings import which_value
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
    for by_seed in quantities(program, verdict, rule):
        values = [value for _, value in sorted(by_seed.items())]
        first = result.chosen_on if result.fresh else 0
        counted = values[first : first + result.n]
        if not counted or not all(map(is_finite, counted)):
            continue
        # Of two arms that are to be alike, the one that is ahead over all seeds comes first.
        sign = -1.0 if isinstance(rule, Spread) and math.fsum(values) < 0 else 1.0
        if rule.of_every_seed:
            yield min(counted) if rule.over_seeds == "min" else max(counted)
        else:
            yield intervals.sd(counted) if rule.of_deviation else sign * intervals.mean(counted)


def quantities(program: Program, verdict: Verdict, rule: Measured) -> Iterator[Values]:
    """The value of every seed, for each arm or pair that a criterion judges."""
    table, reads = values_of(verdict), which_value(rule).strip()

    def of(arm: str, metric: str, reads: str = reads) -> Values:
        return table.get((arm, metric, reads), {})

    if isinstance(rule, Order | Spread):
        for one, other in rule.judged_pairs:
            yield _joined(program, rule, of(one, rule.metric), of(other, rule.metric))
    elif isinstance(rule, Comparison):
        for arm in rule.subjects:
            right = of(rule.versus or arm, rule.other_metric)
            yield _joined(program, rule, of(arm, rule.metric), right)
    elif isinstance(rule, Level):
        floor = program.metrics[rule.metric].floor if rule.against_floor else None
        for arm in rule.subjects:
            own = of(arm, rule.metric)
            yield _joined(program, rule, own, of(arm, floor, "")) if isinstance(floor, str) else own


def _joined(program: Program, rule: Measured, left: Values, right: Values) -> Values:
    """Difference or ratio, over the seeds that both have; an improvement counts upwards."""
    seeds = [seed for seed in left if seed in right]
    if isinstance(rule, Comparison) and rule.as_ == "ratio":
        return {s: left[s] / right[s] if right[s] else math.nan for s in seeds}
    improves = isinstance(rule, Order) or rule.better_by is not None
    sign = -1.0 if improves and program.metrics[rule.metric].better == "lower" else 1.0
    return {s: sign * (left[s] - right[s]) for s in seeds}
