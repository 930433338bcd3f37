"""What a criterion reads: which metrics, which value of a series, which arms."""

from __future__ import annotations

from planner.language.criterion import Comparison, Criterion, Measured, Order
from planner.language.program import Program


def which_value(rule: Measured) -> str:
    """Which value of a series a criterion reads, in words; empty for the final one."""
    step = "" if rule.at is None else f" at step {rule.at}" if isinstance(rule.at, int) else f" ({rule.at})"
    if rule.since is None:
        return step
    since = "its first" if rule.since == "first" else f"step {rule.since}"
    return f"{step}{' as a ratio to' if rule.as_ == 'ratio' else ', change since'} {since}"


Column = tuple[str, str]
"""(metric, which value of its series in words); the words are empty for the final value."""


def columns_read(program: Program, rule: Criterion | Measured) -> list[Column]:
    """The columns that a criterion reads; a floor is a property of a run's data, its final value."""
    if not isinstance(rule, Measured):
        return []
    reads = which_value(rule).strip()
    other = rule.other_metric if isinstance(rule, Comparison) else rule.metric
    floor = program.metrics[rule.metric].floor if rule.against_floor else None
    floors = [(floor, "")] if isinstance(floor, str) else []
    return list(dict.fromkeys([(rule.metric, reads), (other, reads), *floors]))


def improvement_sign(program: Program, rule: Measured) -> float:
    """-1 where improvements are judged and lower values are better, so that they count up; else 1."""
    improves = isinstance(rule, Order) or rule.better_by is not None
    return -1.0 if improves and program.metrics[rule.metric].better == "lower" else 1.0


def phase_metrics(program: Program, phase: str) -> list[str]:
    """The metrics that a phase's criteria use, in the order of the program's list."""
    rules = program.phases[phase].criteria.values()
    wanted = program.with_parts(m for rule in rules for m, _ in columns_read(program, rule))
    return [name for name in program.metrics if name in wanted]
