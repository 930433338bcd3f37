"""Whether everything that a phase's criteria read is a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from planner.evidence.evidence import Evidence
from planner.evidence.sample import run_value
from planner.evidence.values import is_finite
from planner.language.criterion import Criterion, Measured
from planner.language.program import Program
from planner.language.readings import columns_read, phase_metrics, which_value
from planner.records.runs import Run
from planner.records.verdict import CriterionResult, GuardResult

FINITE = "finite"

Bad = dict[tuple[str, str], list[Run]]
"""(metric, what is wrong with it in words) -> the runs in which it is no number."""


def judge_finite(
    program: Program, phase: str, evidence: Evidence, result_of: Callable[[str], CriterionResult]
) -> list[GuardResult]:
    """Names every value of a counted run that a criterion reads, or may read, and that is not finite.

    It speaks for the criteria that have no answer because of that, so that each value is told once. A gate
    that requires one of them is invalid, whatever follows from this guard.
    """
    if not evidence.all_runs:
        return []
    rules, bad = program.phases[phase], _not_finite(program, phase, evidence)
    unanswered = tuple(
        name
        for name, rule in rules.criteria.items()
        if result_of(name).cause == "not_finite" and _reads(program, rule, result_of(name), bad)
    )
    reason = "; ".join(f"{what} in {_listed(found)}" for (_, what), found in bad.items())
    if unanswered:
        reason += f"; without an answer: {', '.join(unanswered)}"
    return [
        GuardResult(
            id=FINITE,
            outcome="not_met" if bad else "met",
            consequence=rules.guards.get(FINITE, "caveat"),
            observed=float(sum(map(len, bad.values()))),
            reason=reason or "every value that criteria read is finite",
            criteria=unanswered,
        )
    ]


def _not_finite(program: Program, phase: str, evidence: Evidence) -> Bad:
    """Final values first, then what criteria read of a series."""
    bad: Bad = {}
    for run in evidence.all_runs:
        told: set[str] = set()
        for metric, reads, value in _values(program, phase, run):
            parts = program.metrics[metric].of
            if is_finite(value) or metric in told or told.intersection(parts):
                continue
            told.add(metric)
            kind = "NaN" if math.isnan(value) else "infinite"
            bad.setdefault((metric, f"{metric}{reads} is {kind}"), []).append(run)
    return bad


def _reads(program: Program, rule: Criterion, result: CriterionResult, bad: Bad) -> bool:
    """Whether a measured criterion reads one of these values; a combined one reads none itself."""
    metrics = program.with_parts(metric for metric, _ in columns_read(program, rule))
    runs = {run.id for (metric, _), found in bad.items() if metric in metrics for run in found}
    return bool(runs & set(result.run_ids))


class _Held(NamedTuple):
    """A value that a run holds; ``reads`` says in words which of a series it is."""

    metric: str
    reads: str
    value: float


def _values(program: Program, phase: str, run: Run) -> Iterator[_Held]:
    """What a run holds; a share comes after its parts."""
    used = sorted(phase_metrics(program, phase), key=lambda metric: bool(program.metrics[metric].of))
    rules = [rule for rule in program.phases[phase].criteria.values() if isinstance(rule, Measured)]
    readings = [(m, rule) for rule in rules for m, reads in columns_read(program, rule) if reads]
    for metric, rule in [*((metric, None) for metric in used), *readings]:
        value = run_value(program, run, metric, rule)
        if value is not None:
            yield _Held(metric, which_value(rule) if rule is not None else "", value)


def _listed(runs: list[Run]) -> str:
    return ", ".join(f"run {run.id} ({run.arm}, seed {run.seed})" for run in runs)
