"""The noise floor: what was measured, what it hides, and that nothing is spent on what is hidden."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from planner.deciding.walk import build_plan
from planner.errors import ProgramError
from planner.evidence.run_selection import RunSelector, Snapshot
from planner.judging.futility import futility_error, noise_findings, undetectable_effects
from planner.judging.noise_floor import detectable_effect_text
from planner.language.program import Program, build
from planner.records.runs import Run
from planner.records.verdict import DetectableEffect
from planner.statistics import power
from planner.statistics.intervals import sd
from tests.support.worlds import CODE, World, catalog_of, own_run, scores, situation_of, small, stand

SMALL = small()
LOUD = (0.0, 4.0, -3.0, 1.0, -5.0, 2.0)
QUIET = (0.0, 0.01, -0.01, 0.005, -0.005, 0.0)


def runs(arm: str, values: tuple[float, ...], program: Program = SMALL, phase: str = "first") -> list[Run]:
    return [own_run(program, phase, arm, seed, {"score": value}) for seed, value in enumerate(values)]


def floors(program: Program, made: list[Run], phase: str = "first") -> list[DetectableEffect]:
    recall = RunSelector(program, Snapshot(made), catalog_of(program))
    return undetectable_effects(program, recall.evidence_of(phase, "standard"))


def test_the_noise_of_a_baseline_alone_is_that_of_a_difference_of_two_of_its_runs() -> None:
    (floor,) = floors(SMALL, runs("base", LOUD))
    assert floor.sd == pytest.approx(math.sqrt(2) * sd(LOUD))
    assert (floor.n, floor.of) == (6, "two runs of base")


def test_where_both_arms_ran_the_noise_is_that_of_their_paired_differences() -> None:
    shifted = tuple(value + 1.0 + 0.001 * i for i, value in enumerate(LOUD))
    assert floors(SMALL, runs("base", LOUD) + runs("new", shifted)) == []  # they move together


def test_a_floor_names_what_the_seeds_resolve_and_what_the_threshold_would_need() -> None:
    (floor,) = floors(SMALL, runs("base", LOUD))
    alpha = 0.025  # the first gate has half of the budget of 0.05
    assert floor.seeds == 6
    assert floor.resolves == pytest.approx(power.detectable_effect(floor.sd, 6, alpha, 0.1))
    assert floor.needs == power.seeds_needed(0.5, floor.sd, alpha, 0.1)
    assert floor.needs > 6


def test_a_noise_that_the_program_states_refuses_a_threshold_before_anything_ran() -> None:
    raw = SMALL.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["metrics"]["score"]["noise"] = {"sd": 3.0, "source": "40 runs of May"}
    (floor,) = floors(build(raw), [])
    assert (floor.sd, floor.n) == (pytest.approx(3.0 * math.sqrt(2)), 0)
    assert "the sd of a difference of two runs, as stated by 40 runs of May is 4.243, so 6" in (
        detectable_effect_text(floor)
    )
    raw["metrics"]["score"]["noise"]["sd"] = 0.01
    assert floors(build(raw), runs("base", LOUD)) == []


def test_a_threshold_above_the_floor_is_not_refused() -> None:
    assert floors(SMALL, runs("base", QUIET)) == []


def test_two_seeds_measure_no_noise() -> None:
    assert floors(SMALL, runs("base", LOUD[:2])) == []


@pytest.mark.parametrize(("factor", "hidden"), [(1.02, True), (0.98, False)])
def test_what_the_lower_end_of_the_noise_leaves_open_is_not_refused(factor: float, hidden: bool) -> None:
    """Three seeds say little of the noise: sqrt(2 / 4.605) of what they show is its one-sided 90% limit."""
    measured = math.sqrt(2) * sd(LOUD[:3]) * math.sqrt(2 / 4.60517)
    scale = factor * 0.5 / power.detectable_effect(measured, 6, 0.025, 0.1)
    refused = floors(SMALL, runs("base", tuple(scale * value for value in LOUD[:3])))
    assert bool(refused) == hidden


def test_an_advance_refuses_the_phase_before_anything_is_run_for_it() -> None:
    position = build_plan(situation_of(SMALL, runs("base", LOUD)))
    assert position.launch == ()
    assert [floor.criterion for floor in position.refused] == ["higher"]
    text = str(futility_error(position.phase, position.refused))
    assert "phases.first.criteria.higher" in text
    assert f"would need {position.refused[0].needs} seeds" in text


def test_what_was_judged_before_a_refusal_is_recorded(tmp_path: Path) -> None:
    world = World(tmp_path, SMALL, lambda arm, seed: {"score": LOUD[seed % 6] if arm == "base" else 0.0})
    world.advance()
    position = world.advance().plan
    assert [step.verdict.phase for step in position.steps] == ["first"]
    assert position.steps[0].verdict.outcome == "inconclusive"
    assert (position.phase, len(position.refused)) == ("second", 1)


def test_a_smoke_run_decides_nothing_so_nothing_is_refused() -> None:
    smoke = [
        own_run(SMALL, "first", "base", seed, {"score": value}, fidelity="smoke")
        for seed, value in enumerate(LOUD)
    ]
    assert not build_plan(situation_of(SMALL, smoke, fidelity="smoke")).refused


def test_no_seeds_are_added_where_noise_hides_the_smallest_effect_and_none_is_seen() -> None:
    made = runs("base", LOUD[:3]) + runs("new", (1.0, -4.0, 5.0))
    position = stand(SMALL, made)
    verdict = position.steps[0].verdict
    assert (verdict.outcome, verdict.cause) == ("inconclusive", "underpowered")
    assert verdict.floors[0].refused


def test_an_effect_far_larger_than_the_noise_gets_its_seeds_all_the_same() -> None:
    made = runs("base", (0.0, 1.0, 2.0)) + runs("new", (9.0, 13.0, 12.0))
    position = stand(SMALL, made)
    assert position.interim is not None
    assert position.interim.floors[0].refused
    assert position.decision is not None
    assert position.decision.action == "add_seeds"


def with_criterion(**criterion: Any) -> Program:
    raw = SMALL.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["criteria"]["higher"] = {"metric": "score", **criterion}
    raw["phases"] = {"first": {**raw["phases"]["first"], "triage": None}}
    raw["phases"]["first"].pop("triage")
    return build(raw)


@pytest.mark.parametrize(
    ("criterion", "hidden"),
    [
        ({"arm": "new", "versus": "base", "within": 0.5}, True),
        ({"spread_of": ["new", "base"], "at_most": 0.5}, True),
        ({"arm": "new", "versus": "base", "at_least": 0.5}, False),
        ({"arm": "new", "versus": "base", "as": "ratio", "within": 0.5}, False),
        ({"arm": "new", "at_least": 0.5}, False),
    ],
)
def test_only_a_stated_smallest_effect_or_margin_can_lie_under_the_floor(
    criterion: Mapping[str, Any], hidden: bool
) -> None:
    program = with_criterion(**criterion)
    other = tuple(reversed(LOUD))
    refused = floors(program, runs("base", LOUD, program) + runs("new", other, program))
    assert bool(refused) == hidden


def test_check_gives_a_finding_at_the_criterion_for_what_the_runs_hide() -> None:
    recall = RunSelector(SMALL, Snapshot(runs("base", LOUD)), catalog_of(SMALL, code=CODE))
    findings = noise_findings(SMALL, recall.evidence_of)
    # second and third compare with the same baseline
    assert [finding.where[1] for finding in findings] == ["first", "second", "third"]
    assert all(finding.severity == "error" for finding in findings)
    assert "lies under the noise floor" in findings[0].what


def test_a_quiet_world_is_never_refused(tmp_path: Path) -> None:
    world = World(tmp_path, SMALL, scores(new=3.0))
    try:
        world.advance()
    except ProgramError as error:  # pragma: no cover - the failure that this test is about
        pytest.fail(str(error))
