"""The noise of a comparison, as runs that are in neither of its arms show it.

Arms and seeds are taken out of a group of arms; what is left is noise. The arms compared are no part of it,
or a lucky sample of theirs would count twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from planner.criteria.quantity import MOST_POOLED
from planner.criteria.results import Question
from planner.language.criterion import Measured
from planner.records.verdict import TableRow, Verdict
from planner.statistics import intervals
from planner.statistics.bounds import NO_POOL, PooledNoise

_ENOUGH_TO_DIFFER = 4
"""Groups of fewer degrees of freedom than this say nothing of how their noise differs."""
_DIFFERENT = 4.0
"""Groups whose variances differ by a larger factor are not alike in noise ..."""
_TRUSTED_IF_DIFFERENT = 4
"""... and are worth so many degrees of freedom at most."""


SeedValues = tuple[tuple[int, float], ...]
"""(seed, value) in order of seed."""


@dataclass(frozen=True)
class Row:
    """What the runs of one arm measured."""

    values: SeedValues
    run_ids: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True)
class _Residuals:
    """What is left of a group's values without its arms and seeds."""

    squares: float
    df: int

    @property
    def variance(self) -> float:
        return self.squares / self.df


def pooled_noise(question: Question, rule: Measured, arms: Sequence[str], of_difference: bool) -> PooledNoise:
    """The noise that the other arms of this phase, and of the phases before it, show.

    Args:
        arms: those of the comparison.
        of_difference: between two arms at one seed; else that of one value.

    Returns:
        Its standard deviation, in the metric's unit, and the degrees of freedom that it is worth; none where
        no bounds are asked for. Seeds that are added to this phase make it more exact and not worth more:
        its worth is part of the plan.
    """
    metric = question.program.metrics[rule.metric]
    if rule.treated == "point" or rule.over_seeds or (rule.as_ == "ratio" and not metric.transform):
        return NO_POOL
    if metric.is_rate or metric.known_sd:
        return NO_POOL
    measure = _of_differences if of_difference else _of_values
    tables = list(_tables(question, rule, arms))
    first_batch = max(question.design.seeds, 2)
    groups, worth = [], 0
    for rows in tables:
        first = measure(tuple(row.values[:first_batch] for row in rows))
        whole = measure(tuple(row.values for row in rows))
        if whole is not None and first is not None:
            groups.append(whole)
            worth += first.df
    return _joined(groups, worth)


def _joined(groups: Sequence[_Residuals], worth: int) -> PooledNoise:
    if not groups:
        return NO_POOL
    sd = math.sqrt(sum(group.squares for group in groups) / sum(group.df for group in groups))
    if not math.isfinite(sd):
        return NO_POOL
    large = [group.variance for group in groups if group.df >= _ENOUGH_TO_DIFFER]
    alike = not large or max(large) <= _DIFFERENT * min(large)
    return PooledNoise(sd, min(worth, MOST_POOLED if alike else _TRUSTED_IF_DIFFERENT))


def _tables(question: Question, rule: Measured, arms: Sequence[str]) -> Iterator[list[Row]]:
    """The rows of each phase that may be used: no run of the arms compared, and none twice."""
    taken = {run.id for arm in arms for run in question.evidence.of(arm).values()}
    for rows in (_rows_here(question, rule, arms), *_rows_before(question, rule)):
        apart = []
        for row in rows:
            if not row.run_ids & taken:
                taken |= row.run_ids
                apart.append(row)
        yield apart


def _rows_here(question: Question, rule: Measured, arms: Sequence[str]) -> Iterator[Row]:
    evidence = question.evidence
    for arm in question.program.phases[evidence.phase].arms:
        if arm not in arms and evidence.of(arm):
            ids = frozenset(run.id for run in evidence.of(arm).values())
            yield Row(_by_seed(question.sample(arm, rule.metric, rule).values), ids)


def _rows_before(question: Question, rule: Measured) -> Iterator[list[Row]]:
    """Of each phase before, its arms' final values; of the same data and tier alone."""
    if rule.at is not None or rule.since is not None:
        return
    data = {run.data_digest for run in question.evidence.all_runs if run.own and run.data_digest}
    for verdict in question.earlier.values():
        if _may_be_used(verdict, question.evidence.fidelity, data):
            logged = question.program.metrics[rule.metric].transform == "log"
            yield [_row(row, logged) for row in verdict.table if row.metric == rule.metric]


def _may_be_used(verdict: Verdict, fidelity: str, data: set[str]) -> bool:
    sound = verdict.outcome not in ("invalid", "blocked")
    return sound and verdict.fidelity == fidelity and set(verdict.data_digests) == data


def _row(row: TableRow, logged: bool) -> Row:
    held = dict(row.estimate.values)
    values = {seed: math.log(value) for seed, value in held.items() if value > 0} if logged else held
    return Row(_by_seed(values), frozenset(row.estimate.run_ids))


def _by_seed(values: Mapping[int, float]) -> SeedValues:
    return tuple(sorted(values.items()))


# The same arms' noise is asked for again and again while the values of another are moved.
@lru_cache(4096)
def _of_values(rows: tuple[SeedValues, ...]) -> _Residuals | None:
    """Each arm's values about their own mean."""
    several = [[value for _, value in row] for row in rows if len(row) > 1]
    sds = [intervals.sd(values) for values in several]
    # ``sum`` gives infinity where ``fsum`` would raise; squares beyond all numbers lend no noise.
    squares = sum((len(values) - 1) * sd * sd for values, sd in zip(several, sds, strict=True))
    usable = any(map(intervals.varies, several)) and math.isfinite(squares)
    return _Residuals(squares, sum(len(values) - 1 for values in several)) if usable else None


@lru_cache(4096)
def _of_differences(rows: tuple[SeedValues, ...]) -> _Residuals | None:
    """Values about the sum of their arm's and their seed's means; twice their squares are a difference's."""
    by_seed = [dict(row) for row in rows]
    shared = sorted(set.intersection(*map(set, by_seed))) if rows else []
    if len(rows) < 2 or len(shared) < 2:
        return None
    table = [[values[seed] for seed in shared] for values in by_seed]
    of_arm = [intervals.mean(values) for values in table]
    of_seed = [intervals.mean(values) for values in zip(*table, strict=True)]
    whole = intervals.mean(of_arm)
    residuals = [
        value - of_arm[i] - of_seed[j] + whole
        for i, values in enumerate(table)
        for j, value in enumerate(values)
    ]
    largest = max(abs(value) for values in table for value in values)
    squares = 2 * sum(residual * residual for residual in residuals)
    if max(map(abs, residuals)) <= intervals.SAME * largest or not math.isfinite(squares):
        return None
    return _Residuals(squares, (len(rows) - 1) * (len(shared) - 1))
