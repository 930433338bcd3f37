"""Scenarios: each criterion as the scenario's name says, or why it is not."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.calibration.constraints import Cell, Constraint
from planner.calibration.noise_model import anchors_of, draw, gate_metrics, noise_of
from planner.calibration.scenarios import Scenario, Setting, gate_scenario, stated_scenario, weakest_scenarios
from planner.calibration.simulator import Simulated, SimulationPlan
from planner.calibration.solver import Means
from planner.criteria.test_design import TestDesign
from planner.errors import UsageError
from planner.judging.conclusion import PhaseEvaluator
from planner.judging.verdict import judge_outcome, judge_phase
from planner.language.program import Program
from planner.records.verdict import CriterionResult, Estimate, TableRow
from tests.support.builders import PHASE, make_program

QUIET = 1e-8
"""A noise so small that what is observed is the mean."""


def setting_of(program: Program, noise: float = QUIET, **more: Any) -> Setting:
    noises = noise_of(program, [], dict.fromkeys(program.metrics, noise))
    return Setting(program, noises, anchors_of(program, []), **more)


def observed(
    setting: Setting, scenario: Scenario, seeds: int = 3, planned: int = 6
) -> dict[str, CriterionResult]:
    """What the judge sees of each criterion in a scenario."""
    program = setting.program
    chance = random.Random(0)
    simulated = Simulated(
        SimulationPlan(setting, scenario, [PHASE]),
        lambda count: [chance.gauss(0.5, 1.0) for _ in range(count)],
    )
    simulated.make(simulated.missing(PHASE, "standard", dict.fromkeys(program.phases[PHASE].arms, seeds)))
    evidence = simulated.evidence_of(PHASE, "standard")
    verdict = judge_outcome(PhaseEvaluator(program, PHASE, evidence, TestDesign(seeds, planned), {}))
    return {result.id: result for result in verdict.criteria}


NULLS = {
    "level": ({"metric": "acc", "arm": "base", "at_least": 0.7}, 0.7),
    "floor": ({"metric": "acc", "arm": "base", "above": "floor"}, 0.5),
    "floor metric": ({"metric": "f1", "arm": "base", "above": "floor"}, 0.0),
    "range": ({"metric": "acc", "arm": "base", "between": [0.2, 0.4]}, 0.4),
    "better": ({"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}, 0.0),
    "lower is better": ({"metric": "loss", "arm": "new", "versus": "base", "better_by": 0.1}, 0.0),
    "difference": ({"metric": "acc", "arm": "new", "versus": "base", "at_least": 0.1}, 0.1),
    "ratio": ({"metric": "acc", "arm": "new", "versus": "base", "as": "ratio", "at_most": 0.4}, 0.4),
    "equivalence": ({"metric": "acc", "arm": "new", "versus": "base", "within": 0.05}, 0.05),
    "two metrics": ({"metric": "acc", "arm": "new", "versus_metric": "f1", "at_most": -0.1}, -0.1),
    "order": ({"metric": "acc", "best_first": ["base", "new", "third"]}, 0.0),
    "spread": ({"metric": "acc", "spread_of": ["base", "new", "third"], "at_most": 0.02}, 0.02),
    "a step": ({"metric": "acc", "arm": "new", "at": 4, "below": 0.3}, 0.3),
    "a change": ({"metric": "acc", "arm": "new", "since": "first", "as": "ratio", "at_least": 2.0}, 2.0),
    "a slope": ({"metric": "acc", "arm": "new", "at": "slope", "above": 0.25}, 0.25),
}


@pytest.mark.parametrize("name", NULLS)
def test_a_null_criterion_lies_exactly_on_its_bound(name: str) -> None:
    rule, bound = NULLS[name]
    setting = setting_of(make_program({"c": rule}))
    scenario = gate_scenario(setting, PHASE, "null")
    assert not scenario.infeasible
    assert observed(setting, scenario)["c"].observed == pytest.approx(bound, abs=1e-6)


@pytest.mark.parametrize("name", NULLS)
def test_a_criterion_with_an_effect_is_met_once_there_is_no_noise(name: str) -> None:
    setting = setting_of(make_program({"c": NULLS[name][0]}), beyond=1e4)
    scenario = gate_scenario(setting, PHASE, "effect")
    assert not scenario.infeasible
    assert observed(setting, scenario)["c"].outcome == "met"


def test_an_effect_is_the_smallest_that_matters_and_no_more() -> None:
    setting = setting_of(make_program({"c": NULLS["better"][0]}))
    result = observed(setting, gate_scenario(setting, PHASE, "effect"))["c"]
    assert result.observed == pytest.approx(0.1)


def test_where_one_of_several_suffices_only_the_first_has_an_effect() -> None:
    rule = {"metric": "acc", "any_arm": ["new", "third"], "versus": "base", "better_by": 0.1}
    setting = setting_of(make_program({"c": rule}))
    parts = observed(setting, gate_scenario(setting, PHASE, "effect"), planned=3)["c"].parts
    assert [part.outcome for part in parts] == ["met", "not_met"]


def test_levels_and_an_order_of_the_same_arms_hold_together() -> None:
    arms = ["base", "new", "third"]
    criteria = {
        "fall": {"metric": "loss", "each_of": arms, "below": 0.0},
        "order": {"metric": "loss", "best_first": arms},
    }
    setting = setting_of(make_program(criteria), beyond=1e4)
    scenario = gate_scenario(setting, PHASE, "effect")
    assert not scenario.infeasible
    assert {result.outcome for result in observed(setting, scenario).values()} == {"met"}


def test_criteria_that_contradict_each_other_are_named_and_not_pretended() -> None:
    criteria = {
        "high": {"metric": "acc", "arm": "base", "at_least": 0.9},
        "low": {"metric": "acc", "arm": "base", "at_most": 0.1},
    }
    scenario = gate_scenario(setting_of(make_program(criteria)), PHASE, "null")
    assert "cannot be put there beside" in scenario.infeasible[PHASE]


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ({"metric": "part_share", "arm": "base", "below": 0.5}, "derived"),
        (
            {"metric": "acc", "arm": "new", "versus": "base", "since": "first", "at_least": 0.1},
            "changes over steps",
        ),
        ({"metric": "acc", "arm": "base", "over_seeds": "sd", "between": [0.1, 0.2]}, "range of deviations"),
    ],
)
def test_a_criterion_that_no_means_satisfy_says_why(rule: dict[str, Any], why: str) -> None:
    scenario = gate_scenario(setting_of(make_program({"c": rule})), PHASE, "null")
    assert why in scenario.infeasible[PHASE]


def test_a_deviation_over_seeds_is_set_by_the_noise() -> None:
    rule = {"metric": "acc", "arm": "base", "over_seeds": "sd", "at_most": 0.02}
    setting = setting_of(make_program({"c": rule}))
    sds = {role: set(gate_scenario(setting, PHASE, role).sds.values()) for role in ("null", "effect")}
    assert sds == {"null": {0.02}, "effect": {0.01}}


def test_in_a_weakest_scenario_one_criterion_alone_is_on_its_bound() -> None:
    criteria = {"a": NULLS["level"][0], "b": {"metric": "loss", "arm": "base", "below": 0.5}}
    setting = setting_of(make_program(criteria))
    scenarios = weakest_scenarios(setting, PHASE)
    assert list(scenarios) == ["a", "b"]
    results = observed(setting, scenarios["a"])
    assert results["a"].observed == pytest.approx(0.7, abs=1e-6)
    assert results["b"].outcome == "met"


def test_in_a_weakest_scenario_a_range_that_another_criterion_asks_for_holds_beyond_doubt() -> None:
    criteria = {"a": NULLS["level"][0], "range": {"metric": "loss", "arm": "base", "between": [2.0, 4.0]}}
    setting = setting_of(make_program(criteria), noise=1.0)
    scenarios = weakest_scenarios(setting, PHASE)
    assert list(scenarios["a"].sds.values()) == [0.05]
    assert not scenarios["range"].sds  # its own noise stays where it is itself on its bound
    assert observed(setting, scenarios["a"], planned=3)["range"].outcome == "met"


def test_an_infeasible_weakest_scenario_says_so_and_one_of_a_deviation_is_set_by_noise() -> None:
    arms = ["base", "new"]
    criteria = {
        "fall": {"metric": "loss", "each_of": arms, "below": 0.0},
        "order": {"metric": "loss", "best_first": arms},
        "steady": {"metric": "acc", "arm": "base", "over_seeds": "sd", "at_most": 0.02},
    }
    scenarios = weakest_scenarios(setting_of(make_program(criteria)), PHASE)
    assert (
        "cannot be put there" in scenarios["fall"].infeasible[PHASE]
    )  # base on its bound, new below, and after it
    assert set(scenarios["steady"].sds.values()) == {0.02}
    assert set(scenarios["order"].sds.values()) == {0.001}


def test_a_gate_of_one_criterion_has_no_weaker_scenario_than_its_null() -> None:
    assert weakest_scenarios(setting_of(make_program({"c": NULLS["better"][0]})), PHASE) == {}


def test_stated_means_are_where_they_were_stated() -> None:
    program = make_program({"c": NULLS["difference"][0]})
    setting = setting_of(program, effects={("new", "acc"): 3.0, ("base", "acc"): 1.5})
    assert observed(setting, stated_scenario(setting))["c"].observed == pytest.approx(1.5)


@pytest.mark.parametrize("key", [("nobody", "acc"), ("new", "nothing")])
def test_a_stated_mean_of_what_is_not_there_is_refused(key: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="tiny has no"):
        stated_scenario(setting_of(make_program({"c": NULLS["level"][0]}), effects={key: 1.0}))


CELLS = st.sampled_from([Cell(name, "acc") for name in "abc"])
NUMBERS = st.floats(-5, 5).map(lambda x: round(x, 3))
CONSTRAINTS = st.builds(
    Constraint,
    criterion=st.sampled_from(["one", "two", "three"]),
    left=CELLS,
    right=st.none() | CELLS,
    target=NUMBERS,
    sense=st.sampled_from([-1, 0, 1]),
    by=st.floats(0, 2),
)


@given(st.lists(CONSTRAINTS, max_size=5))
def test_constraints_are_satisfied_or_named_and_then_nothing_has_moved(constraints: list[Constraint]) -> None:
    means = Means({"acc": 1.0})
    unmet = means.satisfy(constraints)
    if unmet:
        assert set(unmet) <= {constraint.criterion for constraint in constraints}
        assert not means.assigned
        return
    for constraint in constraints:
        gap = (
            means.of(constraint.left)
            - (means.of(constraint.right) if constraint.right else 0.0)
            - constraint.target
        )
        assert abs(gap) < 1e-6 if constraint.sense == 0 else constraint.sense * gap >= constraint.by - 1e-6


# --- noise ---------------------------------------------------------------------------------------


def test_noise_is_measured_on_recorded_tables_pair_by_pair() -> None:
    program = make_program({"c": NULLS["better"][0]})
    verdict = _recorded(program, {"base": [0.1, 0.2, 0.3], "new": [0.2, 0.3, 0.4 + 0.03]})
    noise = noise_of(program, [verdict], {})["acc"]
    assert noise.source == "measured"
    assert noise.paired == pytest.approx(0.03 / 3**0.5)  # the differences are .1, .1, .13
    assert noise.alone == pytest.approx(((0.01 * 2 + 0.0266) / 4) ** 0.5, rel=0.02)


def test_arms_that_nothing_compares_give_the_noise_of_a_difference_by_the_square_root_of_two() -> None:
    program = make_program({"c": NULLS["level"][0]})
    noise = noise_of(program, [_recorded(program, {"base": [0.1, 0.2, 0.3]})], {})["acc"]
    assert noise.paired == pytest.approx(2**0.5 * 0.1)
    assert noise.alone == pytest.approx(0.1)


def test_what_is_stated_outweighs_what_was_measured_and_what_varied_not_at_all_is_assumed() -> None:
    program = make_program({"c": NULLS["better"][0]})
    verdict = _recorded(program, {"base": [0.1, 0.1], "new": [0.2, 0.2]})
    assert noise_of(program, [verdict], {})["acc"].source == "assumed"
    assert noise_of(program, [verdict], {})["acc"].paired == 0.1  # the smallest difference that matters
    assert noise_of(program, [verdict], {"acc": 7.0})["acc"].paired == 7.0


def test_only_the_metrics_that_gates_read_are_reported() -> None:
    program = make_program({"c": NULLS["floor metric"][0], "d": NULLS["level"][0]}, gate=["c"])
    assert gate_metrics(program) == ["f1", "f1_floor"]


@pytest.mark.parametrize("shape", ["normal", "t3", "lognormal"])
def test_noise_of_every_shape_has_mean_nought_and_unit_variance(shape: Any) -> None:
    import numpy as np

    generator = np.random.default_rng(5)
    drawn = draw(lambda count: generator.standard_normal(count).tolist(), 200_000, shape)
    assert np.mean(drawn) == pytest.approx(0.0, abs=0.02)
    assert np.std(drawn) == pytest.approx(1.0, abs=0.15)  # t3 has no fourth moment


def _recorded(program: Program, values: dict[str, list[float]]) -> Any:
    """A verdict whose table holds these values of ``acc``."""
    setting = setting_of(program)
    simulated = Simulated(
        SimulationPlan(setting, Scenario("empty", {}), [PHASE]), lambda count: [0.0] * count
    )
    verdict = judge_phase(program, PHASE, simulated.evidence_of(PHASE, "standard"), TestDesign(3, 6))
    rows = [
        TableRow(
            arm=arm,
            metric="acc",
            unit="fraction",
            reads="",
            estimate=Estimate(
                value=sum(measured) / len(measured),
                n=len(measured),
                values=tuple(enumerate(measured)),
                run_ids=(),
            ),
        )
        for arm, measured in values.items()
    ]
    return verdict.model_copy(update={"table": tuple(rows)})


def test_a_setting_keeps_phases_of_equal_parameters_on_shared_runs() -> None:
    more = {"again": {"question": "Again?", "same_as": PHASE}}
    program = make_program({"c": NULLS["level"][0]}, more=more)
    setting = setting_of(program)
    assert setting.builder(PHASE).config("base") == setting.builder("again").config("base")
    smoke = replace(setting, fidelity="smoke")
    assert smoke.builder(PHASE).config("base") != setting.builder(PHASE).config("base")
