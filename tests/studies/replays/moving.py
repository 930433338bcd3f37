"""Figures moved to either side of the bounds of a criterion, and what the program says must follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations, pairwise
from typing import Any

from planner.evidence.sample import run_value
from planner.language.criterion import Comparison, Level, Measured, Order, Spread
from planner.language.program import Phase, Program
from tests.studies.replays.replaying import Figures, Raw, raw_run
from tests.support.reference_figures import as_run

Target = tuple[float, str]
"""What is to be observed, and the outcome that must follow at point value."""


def targets_of(program: Program, rule: Measured) -> list[Target]:
    """Values just on either side of every bound of a criterion."""
    met, lost = "met", "not_met"
    if isinstance(rule, Order):
        return [(-1e-6, lost), (1e-6, met)]
    if rule.better_by is not None:
        d = rule.better_by
        return [(-1e-6 * d, lost), (1e-3 * d, "undecided"), (0.999 * d, "undecided"), (1.001 * d, met)]
    floor = program.metrics[rule.metric].floor if rule.against_floor else None
    bound = floor if isinstance(floor, float | int) else rule.threshold
    key = rule.threshold_key
    if isinstance(rule, Spread):
        return [(bound - 1e-6, met), (bound + 1e-6, lost)]
    if key in ("between", "within"):
        centre = 1.0 if rule.as_ == "ratio" else 0.0
        low, high = bound if key == "between" else (centre - bound, centre + bound)
        return [(low - 1e-6, lost), (low + 1e-6, met), (high - 1e-6, met), (high + 1e-6, lost)]
    up = key in ("above", "at_least")
    sides = [(bound - 1e-6, lost if up else met), (bound + 1e-6, met if up else lost)]
    exact = isinstance(rule, Level) and rule.since is None and not isinstance(floor, str)
    on = [(bound, met if key in ("at_least", "at_most") else lost)] if exact else []
    return sides + on


def subjects_of(rule: Measured) -> list[Any]:
    """What decides a criterion one at a time: arms, or pairs of arms."""
    if isinstance(rule, Order):
        return list(pairwise(rule.subjects))
    if isinstance(rule, Spread):
        return list(combinations(rule.subjects, 2))
    return list(rule.subjects)  # type: ignore[attr-defined]


def move(
    program: Program, figures: Figures, phase: str, rule: Measured, subject: Any, observed: float
) -> None:
    """Changes the figures of a phase so that the criterion observes that value at that subject.

    Other subjects are put where they do not decide.
    """
    source = program.phases[phase].runs_of or phase
    runs = {arm: raw_run(figures, source, arm) for arm in _arms(rule)}
    if isinstance(rule, Order):
        _put_in_order(program, rule, runs, subject, observed)
    elif isinstance(rule, Spread):
        one, other = subject
        base = _read(program, runs[one], rule.metric, rule, 0.5)
        for arm, run in runs.items():
            put(program, run, rule.metric, rule, base + observed if arm == other else base)
    else:
        safe = [
            v for v, outcome in targets_of(program, rule) if outcome == ("not_met" if _any(rule) else "met")
        ]
        for arm in rule.subjects:  # type: ignore[attr-defined]
            value = observed if arm == subject else safe[0]
            _put_level(program, rule, runs, arm, value)


def _any(rule: Measured) -> bool:
    return bool(getattr(rule, "any_arm", None))


def _arms(rule: Measured) -> list[str]:
    versus = getattr(rule, "versus", None)
    return [*rule.subjects, *([versus] if versus else [])]  # type: ignore[attr-defined]


def _put_in_order(
    program: Program, rule: Order, runs: Mapping[str, Raw], pair: tuple[str, str], gap: float
) -> None:
    """Best first, a wide gap between all neighbours but this pair."""
    sign = 1.0 if program.metrics[rule.metric].better == "lower" else -1.0
    value = -0.2 * sign
    for arm, after in zip(rule.subjects, [*rule.subjects[1:], None], strict=True):
        put(program, runs[arm], rule.metric, rule, value)
        value += sign * (gap if (arm, after) == pair else 0.05)


def _put_level(program: Program, rule: Measured, runs: Mapping[str, Raw], arm: str, observed: float) -> None:
    value = observed
    if isinstance(rule, Level) and rule.against_floor:
        floor = program.metrics[rule.metric].floor
        if isinstance(floor, str):
            value += runs[arm]["metrics"].setdefault(floor, 0.1)
    if isinstance(rule, Comparison):
        other = runs[rule.versus] if rule.versus else runs[arm]
        base = _read(program, other, rule.other_metric, rule, 0.5)
        put(program, other, rule.other_metric, rule, base)
        lower = rule.better_by is not None and program.metrics[rule.metric].better == "lower"
        value = base * observed if rule.as_ == "ratio" else base - observed if lower else base + observed
    put(program, runs[arm], rule.metric, rule, value)


def _read(program: Program, raw: Raw, metric: str, rule: Measured, default: float) -> float:
    value = run_value(program, as_run(raw, "any"), metric, rule)
    return default if value is None or (rule.as_ == "ratio" and not value) else value


def put(program: Program, raw: Raw, metric: str, rule: Measured, value: float) -> None:
    """Sets a metric of a run so that a criterion with the modifiers of ``rule`` reads that value."""
    declared = program.metrics[metric]
    if declared.share is not None:
        rest = sum(_read(program, raw, m, rule, 1.0) for m in declared.of if m != declared.share)
        for other in declared.of:
            put(program, raw, other, rule, _read(program, raw, other, rule, rest and 1.0))
        put(program, raw, declared.share, rule, value / (1 - value) * rest)
        return
    series = raw.setdefault("series", {})
    if rule.since is not None:
        old = series.get(metric, [])
        first = old[0] if old else [0, 1.0]
        last = old[-1][0] if len(old) > 1 else first[0] + 1
        series[metric] = [first, [last, first[1] * value if rule.as_ == "ratio" else first[1] + value]]
    elif isinstance(rule.at, int):
        kept = [point for point in series.get(metric, []) if point[0] != rule.at]
        series[metric] = sorted([*kept, [rule.at, value]])
    elif rule.at == "slope":
        series[metric] = [[0, 0.0], [1, value]]
    elif rule.at is not None:
        series[metric] = [[0, value], [1, value]]
    else:
        series.pop(metric, None)
        raw["metrics"][metric] = value
    if metric in series:
        raw["metrics"].pop(metric, None)


# --- what follows ------------------------------------------------------------------------------


def outcome_that_follows(rules: Phase, outcomes: Mapping[str, str], ended_early: bool) -> str:
    """The outcome of a gate whose criteria all have evidence, as the documentation words it."""
    broken = {consequence for name, consequence in rules.guards.items() if outcomes.get(name) == "not_met"}
    if ended_early:
        broken.add(rules.guards.get("complete", "caveat"))
    for outcome in ("blocked", "invalid"):
        if outcome in broken:
            return outcome
    gate = {outcomes[name] for name in rules.gate}
    return "fail" if "not_met" in gate else "pass" if gate == {"met"} else "inconclusive"


def row_that_follows(rows: Mapping[str, Any], outcomes: Mapping[str, str]) -> str | None:
    """The first row of a table that holds, unless one before it may hold too."""
    for name, row in rows.items():
        conditions = [(outcomes[n], "met") for n in row.when] + [(outcomes[n], "not_met") for n in row.unless]
        if row.otherwise or all(outcome == wanted for outcome, wanted in conditions):
            return name
        if not any(outcome in ("met", "not_met") and outcome != wanted for outcome, wanted in conditions):
            return None
    return None


def route_that_follows(rules: Phase, outcome: str, row: str | None) -> str | None:
    """What ``next`` says; None where a default holds."""
    answers = [outcome] if outcome in ("invalid", "blocked") else [row, outcome]
    return next((rules.next[a] for a in answers if a in rules.next), None)


def fed_criteria(program: Program, phase: str) -> Iterator[tuple[str, str, Any, float, str]]:
    """(phase, criterion, subject, observed, outcome) for every side of every bound of a phase."""
    for name, rule in program.phases[phase].criteria.items():
        if isinstance(rule, Measured) and rule.over_seeds is None:
            for subject in subjects_of(rule):
                for observed, outcome in targets_of(program, rule):
                    yield phase, name, subject, observed, outcome
