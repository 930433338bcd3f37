"""How an arm's results differ from those of the same arm in an earlier phase."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from planner.language.program import Program
from planner.records.base import Record, Value
from planner.records.verdict import Estimate, TableRow, Verdict
from planner.statistics import intervals


class Delta(Record):
    """One metric of one arm: here less there, paired by seed.

    Attributes:
        there: mean in the earlier phase, over the seeds that both have.
        here: mean in this phase, over the same seeds.
        interval: of the difference; None for a single seed.
        n: seeds that both phases have.
    """

    phase: str
    arm: str
    metric: str
    unit: str
    there: Value
    here: Value
    difference: Value
    interval: tuple[Value, Value] | None
    n: int


def deltas(
    program: Program, verdict: Verdict, earlier: Mapping[str, Verdict], metrics: Sequence[str]
) -> list[Delta]:
    """Differences of a verdict's table from those of earlier phases.

    Runs that both phases use are left out: they cannot differ.

    Args:
        earlier: phase -> its verdict, in the order in which they were judged; those from the verdict's own
            phase on are passed over.
        metrics: those that are compared.
    """
    level = 1 - program.budget.false_pass
    others = takewhile(lambda other: other.phase != verdict.phase, earlier.values())
    return [
        delta
        for other in others
        if other.fidelity == verdict.fidelity
        for delta in _between(verdict, other, metrics, level)
    ]


def _between(verdict: Verdict, other: Verdict, metrics: Sequence[str], level: float) -> Iterator[Delta]:
    there = {(row.arm, row.metric): row for row in other.table}
    for row in verdict.table:
        if row.metric in metrics and (row.arm, row.metric) in there:
            delta = _of(row, there[row.arm, row.metric], other.phase, level)
            if delta is not None:
                yield delta


def _of(row: TableRow, before: TableRow, phase: str, level: float) -> Delta | None:
    here, there = _by_seed(row.estimate), _by_seed(before.estimate)
    seeds = [s for s in here if s in there and here[s][1] != there[s][1]]
    if not seeds:
        return None
    differences = [here[s][0] - there[s][0] for s in seeds]
    return Delta(
        phase=phase,
        arm=row.arm,
        metric=row.metric,
        unit=row.unit,
        there=intervals.mean([there[s][0] for s in seeds]),
        here=intervals.mean([here[s][0] for s in seeds]),
        difference=intervals.mean(differences),
        interval=intervals.t_interval(differences, level),
        n=len(seeds),
    )


def _by_seed(estimate: Estimate) -> dict[int, tuple[float, str]]:
    """Seed -> (value, run id)."""
    pairs = zip(estimate.values, estimate.run_ids, strict=True)
    return {seed: (value, run) for (seed, value), run in pairs}
