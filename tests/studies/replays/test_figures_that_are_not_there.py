"""An arm or a metric that nobody logged, or that is no number: never judged, always named, never a crash."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from planner.language.criterion import Combined, Comparison, Measured
from planner.language.program import Program
from planner.records.verdict import Verdict
from tests.studies.replays.replaying import (
    PROGRAMS,
    Figures,
    figures_of,
    memo_of,
    program_of,
    replay,
    step_of,
)

pytestmark = pytest.mark.in_turn


def every_run() -> Iterator[tuple[str, str, str]]:
    for name in PROGRAMS:
        for phase, runs in figures_of(name).items():
            yield from ((name, phase, run["arm"]) for run in runs)


def every_metric() -> Iterator[tuple[str, str, str, str]]:
    for name in PROGRAMS:
        for phase, runs in figures_of(name).items():
            for run in runs:
                for metric in {**run["metrics"], **run.get("series", {})}:
                    yield name, phase, run["arm"], metric


def rests_on(program: Program, phase: str, criterion: str, arm: str, metric: str | None = None) -> bool:
    """Whether a criterion reads this arm (and this metric of it)."""
    rule = program.phases[phase].criteria[criterion]
    if isinstance(rule, Combined):
        return any(rests_on(program, phase, part, arm, metric) for part in rule.parts)
    assert isinstance(rule, Measured)
    parts = program.metrics[rule.metric].of or [rule.metric]
    read = {(subject, part) for subject in rule.subjects for part in parts}  # type: ignore[attr-defined]
    if isinstance(rule, Comparison):
        read |= {(rule.versus or subject, rule.other_metric) for subject in rule.subjects}
    return any(arm == a and metric in (None, m) for a, m in read)


def unjudged(program: Program, verdict: Verdict, arm: str, metric: str | None) -> set[str]:
    """Checks that what rests on absent evidence alone has no answer; gives its names."""
    phase, touched = verdict.phase, set()
    for result in verdict.criteria:
        rule = program.phases[phase].criteria[result.id]
        if not rests_on(program, phase, result.id, arm, metric):
            continue
        touched.add(result.id)
        one_of_many = isinstance(rule, Combined) or len(rule.subjects) > 1  # type: ignore[union-attr]
        if not one_of_many or result.kind == "spread":
            assert result.outcome in ("not_applicable", "undecided", "invalid"), result.id
            assert result.observed is None
        else:  # one arm that is there may settle an 'each of', but only against it
            assert result.outcome != "met" or isinstance(rule, Combined), result.id
    return touched


def assert_no_claim_rests_on_nothing(program: Program, verdict: Verdict) -> None:
    met = {c.id for c in verdict.criteria if c.outcome == "met"}
    for claim in verdict.claims:
        if claim.status == "supported":
            assert set(program.phases[verdict.phase].claims[claim.id].supported) <= met


@pytest.mark.parametrize(("name", "phase", "arm"), list(every_run()))
def test_an_arm_that_nobody_ran_is_left_unjudged_and_a_gate_that_needs_it_is_not_decided(
    name: str, phase: str, arm: str
) -> None:
    program, figures = program_of(name), figures_of(name)
    figures[phase] = [run for run in figures[phase] if run["arm"] != arm]
    position = replay(name, figures)
    verdict = step_of(position, phase).verdict
    touched = unjudged(program, verdict, arm, None)
    needed = [n for n in program.phases[phase].gate if n in touched]
    if needed:
        assert (verdict.outcome, verdict.cause) == ("inconclusive", "missing")
    assert verdict.confidence == "provisional"
    assert_no_claim_rests_on_nothing(program, verdict)
    assert arm in memo_of(name, position, phase)


@pytest.mark.parametrize(("name", "phase", "arm", "metric"), list(every_metric()))
def test_a_metric_that_is_missing_gives_no_answer_and_makes_a_gate_that_needs_it_invalid(
    name: str, phase: str, arm: str, metric: str
) -> None:
    program, figures = program_of(name), figures_of(name)
    for run in figures[phase]:
        if run["arm"] == arm:
            run["metrics"].pop(metric, None)
            run.get("series", {}).pop(metric, None)
    verdict = judged(name, figures, phase)
    touched = unjudged(program, verdict, arm, metric)
    if touched & set(program.phases[phase].gate) and verdict.outcome != "blocked":
        assert verdict.outcome == "invalid"
    assert_no_claim_rests_on_nothing(program, verdict)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(("name", "phase", "arm", "metric"), list(every_metric()))
def test_a_metric_that_is_no_number_never_meets_or_misses_a_bound(
    name: str, phase: str, arm: str, metric: str, wrong: float
) -> None:
    program, figures = program_of(name), figures_of(name)
    for run in figures[phase]:
        if run["arm"] == arm:
            points = run.get("series", {}).get(metric)
            if points:
                run["series"][metric] = [[step, wrong] for step, _ in points]
                run["metrics"].pop(metric, None)
            else:
                run["metrics"][metric] = wrong
    verdict = judged(name, figures, phase)
    for result in verdict.criteria:
        rule = program.phases[phase].criteria[result.id]
        if isinstance(rule, Measured) and rests_on(program, phase, result.id, arm, metric):
            assert result.outcome in ("invalid", "undecided", "not_applicable"), result.id
    assert verdict.outcome != "pass" or not any(
        rests_on(program, phase, n, arm, metric) for n in program.phases[phase].gate
    )


def judged(name: str, figures: Figures, phase: str) -> Verdict:
    return step_of(replay(name, figures), phase).verdict
