"""The table of results in a memo: every metric that a phase speaks of, by arm."""

from __future__ import annotations

from planner import intervals
from planner.criteria.answer import Judging
from planner.evidence import Evidence, is_finite, run_value
from planner.program import Program
from planner.records import Estimate, TableRow


def phase_metrics(program: Program, phase: str) -> list[str]:
    """The metrics that a phase's criteria use, in the order of the program's list."""
    used: set[str] = set()
    for rule in program.phases[phase].criteria.values():
        metric = getattr(rule, "metric", None)
        used |= {m for m in (metric, getattr(rule, "versus_metric", None)) if m}
        if metric and getattr(rule, "against_floor", False):
            floor = program.metrics[metric].floor
            used |= {floor} if isinstance(floor, str) else set()
    wanted = program.with_parts(used)
    return [name for name in program.metrics if name in wanted]


def build_table(program: Program, phase: str, evidence: Evidence, judging: Judging) -> list[TableRow]:
    """Mean and interval of every metric that the phase speaks of, by arm."""
    metrics = phase_metrics(program, phase)
    pictured = [m for figure in program.figures.values() if figure.against is None for m in figure.shows]
    metrics += [m for m in pictured if m in program.metrics and m not in metrics]
    rows = []
    for arm in program.phases[phase].arms:
        for metric in metrics:
            found = {
                seed: value
                for seed, run in sorted(evidence.of(arm).items())
                if (value := run_value(program, run, metric)) is not None and is_finite(value)
            }
            if found:
                estimate = Estimate(
                    value=intervals.mean(list(found.values())),
                    interval=intervals.t_interval(list(found.values()), judging.level),
                    n=len(found),
                    values=tuple(found.items()),
                    run_ids=tuple(evidence.of(arm)[seed].id for seed in found),
                )
                rows.append(
                    TableRow(arm=arm, metric=metric, unit=program.metrics[metric].unit, estimate=estimate)
                )
    return rows
