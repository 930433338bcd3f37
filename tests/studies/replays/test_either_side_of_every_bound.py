"""Every bound that a document's figures meet or miss: the other side of it gives the other answer."""

from __future__ import annotations

from typing import Any

import pytest

from planner.language.program import Program
from planner.language.transitions import openers
from planner.records.decision import Decision
from tests.studies.replays.moving import (
    fed_criteria,
    move,
    outcome_that_follows,
    route_that_follows,
    row_that_follows,
)
from tests.studies.replays.replaying import JUDGED, Figures, figures_of, program_of, replay, step_of

pytestmark = pytest.mark.in_turn

MOVED = [(name, *case) for name, phase in JUDGED for case in fed_criteria(program_of(name), phase)]


def named(value: Any) -> str | None:
    if isinstance(value, tuple):
        return "_over_".join(value)
    return f"{value:.8g}" if isinstance(value, float) else None


def completed(figures: Figures, program: Program) -> Figures:
    """The same figures, from runs that ended by themselves."""
    for runs in figures.values():
        for run in runs:
            if run.pop("status", None) and "epochs_completed" in program.metrics:
                run["metrics"]["epochs_completed"] = 5
    return figures


@pytest.mark.parametrize(("name", "phase", "criterion", "subject", "observed", "outcome"), MOVED, ids=named)
def test_a_bound_crossed_flips_the_criterion_and_what_rests_on_it(
    name: str, phase: str, criterion: str, subject: Any, observed: float, outcome: str
) -> None:
    program = program_of(name)
    figures = completed(figures_of(name), program)
    rule = program.phases[phase].criteria[criterion]
    move(program, figures, phase, rule, subject, observed)  # type: ignore[arg-type]
    assert_follows(program, replay(name, figures), phase, criterion, observed, outcome, ended_early=False)


PARTIAL = [moved for moved in MOVED if moved[0] == "gated_ctr"]


@pytest.mark.parametrize(("name", "phase", "criterion", "subject", "observed", "outcome"), PARTIAL, ids=named)
def test_while_a_run_is_cut_short_no_figure_unblocks_the_phase(
    name: str, phase: str, criterion: str, subject: Any, observed: float, outcome: str
) -> None:
    program, figures = program_of(name), figures_of(name)
    rule = program.phases[phase].criteria[criterion]
    move(program, figures, phase, rule, subject, observed)  # type: ignore[arg-type]
    expected = "undecided" if rule.needs_complete else outcome  # type: ignore[union-attr]
    assert_follows(program, replay(name, figures), phase, criterion, observed, expected, ended_early=True)


def assert_follows(
    program: Program,
    position: Any,
    phase: str,
    criterion: str,
    observed: float,
    outcome: str,
    ended_early: bool,
) -> None:
    step, rules = step_of(position, phase), program.phases[phase]
    verdict = step.verdict
    result = verdict.criterion(criterion)
    assert result is not None
    assert result.outcome == outcome, result.reason
    if outcome != "undecided" or result.observed is not None:
        assert result.observed == pytest.approx(observed, rel=1e-9, abs=1e-12)
    outcomes = {c.id: c.outcome for c in verdict.criteria}
    gate_outcome = outcome_that_follows(rules, outcomes, ended_early)
    case = row_that_follows(rules.cases, outcomes)
    tier = row_that_follows({t.tier: t for t in rules.tiers}, outcomes)
    if gate_outcome == "invalid":
        case = tier = None
    assert (verdict.outcome, verdict.case, verdict.tier) == (gate_outcome, case, tier)
    assert verdict.confidence == "provisional"
    assert any(c.startswith("seeds: 1 seed") for c in verdict.caveats)
    for claim in verdict.claims:
        supported = rules.claims[claim.id].supported
        assert (claim.status == "supported") == all(outcomes[n] == "met" for n in supported), claim.id
    assert_leads_on(program, step.decision, phase, route_that_follows(rules, gate_outcome, case or tier))


def assert_leads_on(program: Program, decision: Decision, phase: str, route: str | None) -> None:
    rules, holders = program.phases[phase], openers(program, phase)
    if route in ("stop", "wait"):
        assert decision.action == route
    elif route == "triage" or (route is None and str(decision.rule) == f"{phase}.next (default: triage)"):
        assert decision.rule.holder == phase
        assert rules.triage is not None
    elif route == "back" or (route is None and holders):
        assert decision.rule.holder in holders
        assert decision.phase == phase
    elif route is not None:
        assert decision.target == route
