"""Whether what a verdict says of its criteria follows from its own table of results."""

from __future__ import annotations

import math
from collections.abc import Iterator

from planner import intervals
from planner.criterion import Comparison, Level, Measured
from planner.evidence import is_finite
from planner.program import Program
from planner.records import CriterionResult, Record, Verdict

_CLOSE = 1e-9


class Arithmetic(Record):
    """What came of computing the observed values again.

    Attributes:
        agree: how many were found again.
        elsewhere: criteria whose values are no part of the table: they are read from series, are
            orders or spreads, or no seed counts.
        faults: a sentence for every value that the table contradicts.
    """

    agree: int
    elsewhere: tuple[str, ...]
    faults: tuple[str, ...]


def check_arithmetic(program: Program, verdict: Verdict) -> Arithmetic:
    """Computes every observed level and comparison again from the values in the verdict's table."""
    agree, elsewhere, faults = 0, [], []
    for result in verdict.criteria:
        rule = program.phases[verdict.phase].criteria.get(result.id)
        if result.observed is None or not isinstance(rule, Measured):
            continue
        candidates = list(_again(program, verdict, rule, result))
        if not candidates:
            elsewhere.append(result.id)
        elif any(math.isclose(c, result.observed, rel_tol=_CLOSE, abs_tol=1e-12) for c in candidates):
            agree += 1
        else:
            told = " or ".join(f"{c:.6g}" for c in candidates)
            faults.append(f"{result.id} says {result.observed:.6g}, and the table gives {told}")
    return Arithmetic(agree=agree, elsewhere=tuple(elsewhere), faults=tuple(faults))


def _again(program: Program, verdict: Verdict, rule: Measured, result: CriterionResult) -> Iterator[float]:
    """The value that a criterion observes, for each arm that it may have been decided by."""
    if not isinstance(rule, Level | Comparison) or rule.at is not None or rule.since is not None:
        return
    table = {(row.arm, row.metric): dict(row.estimate.values) for row in verdict.table}
    for arm in rule.subjects:
        left = table.get((arm, rule.metric), {})
        right = _right(program, rule, arm, table)
        seeds = sorted(s for s in left if right is None or s in right)[: result.n]
        values = [_joined(program, rule, left[s], None if right is None else right[s]) for s in seeds]
        if values and all(map(is_finite, values)):
            yield intervals.sd(values) if rule.over_seeds else intervals.mean(values)


def _right(
    program: Program, rule: Measured, arm: str, table: dict[tuple[str, str], dict[int, float]]
) -> dict[int, float] | None:
    """What is subtracted or divided by, seed by seed; None where nothing is: a number is a threshold."""
    if isinstance(rule, Comparison):
        return table.get((rule.versus or arm, rule.other_metric), {})
    floor = program.metrics[rule.metric].floor if rule.against_floor else None
    if isinstance(floor, str):
        return table.get((arm, floor), {})
    return None


def _joined(program: Program, rule: Measured, left: float, right: float | None) -> float:
    if right is None:
        return left
    if rule.as_ == "ratio":
        return left / right if right else math.nan
    if rule.better_by is not None and program.metrics[rule.metric].better == "lower":
        return right - left
    return left - right
