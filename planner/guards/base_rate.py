"""Base rates: what a gate finds good must be better than what doing nothing clever scores."""

from __future__ import annotations

from collections.abc import Callable

from planner.criteria.judge import required_by_gate
from planner.evidence.evidence import Evidence
from planner.evidence.sample import run_value
from planner.evidence.values import is_finite
from planner.language.criterion import Comparison, Criterion, Measured, Order, Spread
from planner.language.program import Program
from planner.language.readings import which_value
from planner.language.types import Direction
from planner.records.verdict import CriterionResult, GuardResult
from planner.statistics import intervals
from planner.text.numbers import number

FLOOR = "floor"


def judge_floors(
    program: Program, phase: str, evidence: Evidence, result_of: Callable[[str], CriterionResult]
) -> list[GuardResult]:
    """Whether the arms of which the gate finds something good lie beyond the floor of that metric.

    Looked at are the criteria of the gate that are met and that ask for more of what is better; by the
    means over the seeds that hold both the metric and its floor. No result where there are none.
    """
    rules = program.phases[phase]
    required = required_by_gate(program, phase)
    below: dict[str, dict[str, None]] = {}
    looked = False
    for name in (n for n in rules.criteria if n in required):
        rule = rules.criteria[name]
        for arm in _praised(program, rule, result_of(name)):
            assert isinstance(rule, Measured)
            means = _means(program, evidence, arm, rule)
            if means is None:
                continue
            looked, (value, floor) = True, means
            if not _beyond(program.metrics[rule.metric].better, value, floor):
                below.setdefault(rule.metric, {})[_text(program, rule, arm, value, floor)] = None
    consequence = rules.guards.get(FLOOR, "caveat")
    if looked and not below:
        reason = "what the gate finds good lies beyond its base rate"
        return [GuardResult(id=FLOOR, outcome="met", consequence=consequence, reason=reason)]
    return [
        GuardResult(
            id=f"{FLOOR}:{metric}",
            outcome="not_met",
            consequence=consequence,
            observed=metric,
            reason=f"{'; '.join(texts)}: an improvement below the base rate is none",
        )
        for metric, texts in below.items()
    ]


def _praised(program: Program, rule: Criterion, result: CriterionResult) -> list[str]:
    """The arms of which a criterion that is met says that they are good on a metric with a floor."""
    if not isinstance(rule, Measured) or isinstance(rule, Spread) or result.outcome != "met":
        return []
    metric = program.metrics[rule.metric]
    if metric.floor is None or metric.better == "neither" or rule.against_floor or rule.over_seeds:
        return []
    if isinstance(rule, Order):
        return rule.subjects[:1]
    if isinstance(rule, Comparison) and rule.other_metric != rule.metric:
        return []
    upwards = rule.threshold_key in ("above", "at_least")
    downwards = rule.threshold_key in ("below", "at_most")
    if rule.better_by is None and not (upwards if metric.better == "higher" else downwards):
        return []
    outcomes = {part.id: part.outcome for part in result.parts}
    return [arm for arm in rule.subjects if outcomes.get(arm, "met") == "met"]


def _means(program: Program, evidence: Evidence, arm: str, rule: Measured) -> tuple[float, float] | None:
    """(the arm's value, its floor), as means over the seeds that hold both; None where none does."""
    floor = program.metrics[rule.metric].floor
    own = rule.model_copy(update={"since": None})  # the value itself, not what it has changed by
    pairs = []
    for _, run in sorted(evidence.of(arm).items()):
        value = run_value(program, run, rule.metric, own)
        base = run_value(program, run, floor) if isinstance(floor, str) else floor
        if value is not None and base is not None and is_finite(value) and is_finite(base):
            pairs.append((value, float(base)))
    if not pairs:
        return None
    values, bases = zip(*pairs, strict=True)
    return intervals.mean(values), intervals.mean(bases)


def _beyond(better: Direction, value: float, floor: float) -> bool:
    return value > floor if better == "higher" else value < floor


def _text(program: Program, rule: Measured, arm: str, value: float, base: float) -> str:
    floor = program.metrics[rule.metric].floor
    reads = which_value(rule.model_copy(update={"since": None}))
    name = f"{floor} = {number(base)}" if isinstance(floor, str) else number(base)
    return f"{arm}.{rule.metric}{reads} = {number(value)} is not beyond its floor, {name}"
