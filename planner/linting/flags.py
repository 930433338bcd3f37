"""Rates of 0 and 1 that no record of the planned seeds could show, a perfect one included."""

from __future__ import annotations

from collections.abc import Iterator

from planner.criteria.test_design import TestDesign
from planner.judging.verdict import build_test_design
from planner.language.criterion import Level
from planner.language.finding import Finding, error, warning
from planner.language.program import Phase, Program
from planner.statistics.bounds import Design
from planner.statistics.rates import mean_bounds
from planner.text.numbers import bound_text, number

_MOST_SEEDS = 1000


def flag_findings(program: Program, name: str, phase: Phase) -> Iterator[Finding]:
    """Criteria on flags that are judged by bounds and can never be met; a guard is about the runs there."""
    design = build_test_design(program, name, phase.fidelity, final=False)
    if design.final:  # values are taken as they are
        return
    for key, rule in phase.criteria.items():
        if key not in design.guarding and isinstance(rule, Level) and _is_rate(program, rule):
            most = design.most_seeds
            best, needed = _best(rule, design.of(key), most), _seeds_to_show(rule, design.of(key), most)
            if needed != most:
                what = f"can never be met: {most} seeds without exception show a rate of {number(best)}"
                report = error if key in design.required else warning
                path = ("phases", name, "criteria", key)
                yield report(path, f"{what}, asked is {_asked(rule)}; {_say(needed)}")


def _is_rate(program: Program, rule: Level) -> bool:
    plain = isinstance(rule.threshold, int | float) and not rule.against_floor and rule.since is None
    tested = rule.treated == "bounds" and rule.threshold_key in ("above", "at_least", "below", "at_most")
    return program.metrics[rule.metric].is_rate and plain and tested and not rule.over_seeds


def _best(rule: Level, design: TestDesign, seeds: int) -> float:
    """The bound that seeds without exception give, at the final look that is planned there."""
    alpha = design.false_pass / (len(rule.subjects) if rule.any_arm else 1)
    lower = mean_bounds([1.0] * seeds, Design(seeds, alpha, design.false_fail), "final").lower
    return lower if rule.threshold_key in ("above", "at_least") else 1.0 - lower


def _shows(rule: Level, best: float) -> bool:
    threshold = rule.threshold
    assert isinstance(threshold, int | float)
    return best >= threshold if rule.threshold_key in ("above", "at_least") else best <= threshold


def _seeds_to_show(rule: Level, design: TestDesign, planned: int) -> int | None:
    """The planned number of seeds where it does, else the least that would; None where none does."""
    low, high = planned - 1, planned
    while not _shows(rule, _best(rule, design, high)):
        low, high = high, high * 2
        if high > _MOST_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        shows = _shows(rule, _best(rule, design, middle))
        low, high = (low, middle) if shows else (middle, high)
    return high


def _say(needed: int | None) -> str:
    return "no number of seeds would do" if needed is None else f"{needed} would do"


def _asked(rule: Level) -> str:
    return bound_text(rule.threshold_key or "", rule.threshold)
