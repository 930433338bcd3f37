"""One row of a table of criteria: what is compared, what was observed, the bound, the seeds."""

from __future__ import annotations

from planner.criteria.wording import compared_text
from planner.explaining.recomputation import quantities, values_of
from planner.language.criterion import Level, Measured
from planner.language.program import Program
from planner.language.readings import which_value
from planner.records.base import Record
from planner.records.verdict import CriterionResult, Verdict
from planner.statistics import intervals
from planner.text.numbers import around, bound_text, floor_text, number


class CriterionRow(Record):
    """One criterion in words.

    Attributes:
        compared: arms and metric, and the arm or pair that speaks for all.
        observed: the value with its interval; a dash for none.
        bound: what the value is judged against.
        seeds: how many were judged; ``3 of 6`` where the first three settled it.
    """

    compared: str
    observed: str
    bound: str
    seeds: str


def build_criterion_row(program: Program, verdict: Verdict, result: CriterionResult) -> CriterionRow:
    """One result of a verdict beside the criterion as the program has it now."""
    phase = program.phases.get(verdict.phase)
    rule = phase.criteria.get(result.id) if phase is not None else None
    if result.kind == "combined":
        return CriterionRow(compared="-", observed="-", bound=result.reason, seeds=str(result.n))
    if not isinstance(rule, Measured):
        facts = {"observed": _observed(result), "bound": _bound(result), "seeds": str(result.n)}
        return CriterionRow(compared=result.metric or "-", **facts)
    observed, bound = _observed(result), _bound(result)
    if isinstance(rule, Level) and rule.against_floor:
        observed, bound = _against_floor(program, verdict, rule, result)
    seeds = _seeds(program, verdict, rule, result)
    return CriterionRow(compared=_compared(rule, result), observed=observed, bound=bound, seeds=seeds)


def _seeds(program: Program, verdict: Verdict, rule: Measured, result: CriterionResult) -> str:
    """How many seeds were judged, of those that the arm or pair in question has."""
    counts = [one.n for one in quantities(program, verdict, rule, result)]
    decisive = [n for part, n in zip(result.parts, counts, strict=False) if part.id == decisive_part(result)]
    available = max(decisive or counts, default=0)
    return f"{result.n} of {available}" if result.n < available else str(result.n)


def _observed(result: CriterionResult) -> str:
    return f"{number(result.observed)}{around(result.interval)}"


def _bound(result: CriterionResult) -> str:
    return bound_text(result.bound, result.threshold)


def _against_floor(
    program: Program, verdict: Verdict, rule: Level, result: CriterionResult
) -> tuple[str, str]:
    """(observed, bound) by a metric's floor; where that is a metric, the value itself and what is beyond."""
    floor = program.metrics[rule.metric].floor
    if not isinstance(floor, str):
        return _observed(result), floor_text(result.bound, floor)
    arm = rule.subjects[0] if len(rule.subjects) == 1 else decisive_part(result)
    base = _mean_of_floor(verdict, arm, rule, floor, result.n)
    bound = floor_text(result.bound, base, floor)
    if base is None or result.observed is None or rule.of_deviation:
        return _observed(result), bound
    beyond = f"beyond it by {number(result.observed, signed=True)}{around(result.interval)}"
    return f"{number(base + result.observed)}, {beyond}", bound


def _mean_of_floor(verdict: Verdict, arm: str, rule: Level, floor: str, n: int) -> float | None:
    """The mean of a floor over the seeds on which an arm was judged."""
    table = values_of(verdict)
    own = table.get((arm, rule.metric, which_value(rule).strip()), {})
    base = table.get((arm, floor, ""), {})
    counted = [base[seed] for seed in sorted(own) if seed in base][:n]
    return intervals.mean(counted) if counted else None


def decisive_part(result: CriterionResult) -> str:
    """The arm or pair that decides a result made of several; empty where it is one."""
    decisive = [p for p in result.parts if p.outcome == result.outcome and p.observed == result.observed]
    return decisive[0].id if decisive and result.observed is not None else ""


def _compared(rule: Measured, result: CriterionResult) -> str:
    chosen = decisive_part(result)
    return f"{compared_text(rule)}; decided by {chosen}" if chosen else compared_text(rule)
