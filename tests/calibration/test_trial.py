"""The rules applied to simulated runs: how often it errs where the answer is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from planner.calibration.constraints import Role
from planner.calibration.noise_model import Normals, anchors_of, noise_of
from planner.calibration.scenarios import Scenario, Setting, gate_scenario, path_scenario, weakest_scenarios
from planner.calibration.simulator import Simulated, SimulationPlan
from planner.calibration.summary import Tally, path_of, quantile, rate_of, tally_of
from planner.calibration.trial import GateTrial, approved, try_gate, try_path
from planner.criteria.test_design import TestDesign
from planner.deciding.situation import PlanningState
from planner.deciding.walk import build_plan
from planner.evidence.evidence import Evidence
from planner.evidence.run_selection import RunSelector, Snapshot
from planner.io.commands.parallel_trials import seeded_normals
from planner.judging.conclusion import PhaseEvaluator
from planner.judging.verdict import build_test_design, judge_outcome, judge_phase
from planner.language.program import Program
from planner.records.runs import Run
from planner.records.verdict import Verdict
from planner.statistics.answers import better_by
from planner.statistics.bounds import Design, bounds_of, stage_of
from planner.statistics.moments import moments_of
from tests.support.builders import PHASE, make_program
from tests.support.worlds import catalog_of

pytestmark = pytest.mark.in_turn

BETTER = {"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1}
LEVEL = {"metric": "acc", "arm": "base", "at_least": 0.7}
ARMS = {name: {"kind": name} for name in ("base", "new")}


def program_of(criteria: Mapping[str, Mapping[str, Any]], **more: Any) -> Program:
    """One gate with the whole error budget, over two arms."""
    budget = {"gates": 1, "seeds_per_arm": 6, **more.pop("budget", {})}
    return make_program(criteria, arms=ARMS, budget=budget, **more)


def setting_of(program: Program, sd: float = 0.1, **more: Any) -> Setting:
    return Setting(
        program, noise_of(program, [], dict.fromkeys(program.metrics, sd)), anchors_of(program, []), **more
    )


def trials(setting: Setting, scenario: Scenario, count: int) -> list[GateTrial]:
    plan = SimulationPlan(setting, scenario, [PHASE])
    return [try_gate(plan, PHASE, seeded_normals(1, "abc", i)) for i in range(count)]


def tally(program: Program, role: Role, count: int, **more: Any) -> Tally:
    setting = setting_of(program, **more)
    return tally_of(trials(setting, gate_scenario(setting, PHASE, role), count))


@pytest.mark.parametrize("role", ["null", "effect"])
def test_a_gate_answers_what_bounds_say_of_the_same_differences(role: Role) -> None:
    setting = setting_of(program_of({"c": BETTER}, budget={"seeds_per_arm": 8}))
    plan, answers = SimulationPlan(setting, gate_scenario(setting, PHASE, role), [PHASE]), set()
    for i in range(40):
        trial = try_gate(plan, PHASE, seeded_normals(1, "abc", i))
        differences = _differences(plan, seeded_normals(1, "abc", i), trial.runs // 2)
        answer, used = first_answer(differences, planned=8)
        outcomes = {"supported": "pass", "refuted": "fail", "undecided": "inconclusive"}
        assert trial.judged.outcome == outcomes[answer]
        assert trial.runs == 2 * used
        answers.add(answer)
    assert len(answers) > 1


def first_answer(differences: list[float], planned: int) -> tuple[str, int]:
    """What bounds say first, and after how many seeds."""
    for n in range(3, len(differences) + 1):
        moments, stage = moments_of(differences[:n]), stage_of(n, planned)
        said = better_by(moments.mean, bounds_of(moments, Design(planned, 0.05, 0.1)), 0.1, stage)
        if said != "undecided":
            break
    return said, n


def _differences(plan: SimulationPlan, normals: Normals, seeds: int) -> list[float]:
    """What the two arms differ by, over runs that are made in the order of a trial."""
    simulated = Simulated(plan, normals)
    simulated.make(simulated.missing(PHASE, "standard", {"base": 3, "new": 3}))
    for count in range(4, seeds + 1):  # those of a criterion: the arm, then what it is held against
        simulated.make(simulated.missing(PHASE, "standard", {"new": count, "base": count}))
    evidence = simulated.evidence_of(PHASE, "standard")
    pairs = zip(evidence.of("new").values(), evidence.of("base").values(), strict=True)
    return [new.metrics["acc"] - base.metrics["acc"] for new, base in pairs]


def assert_about(count: float, rate: float, n: int) -> None:
    """A share that lies within three Monte-Carlo standard errors of the true rate."""
    assert abs(count - rate) <= 3 * math.sqrt(rate * (1 - rate) / n)


def test_a_level_on_its_bound_passes_with_the_error_rate_at_most() -> None:
    rates = tally(program_of({"c": LEVEL}, budget={"false_pass": 0.2}), "null", 300)
    assert 0.05 < rates.tested.rate <= 0.2 + 3 * rates.tested.se
    assert rates.passed.rate == rates.tested.rate


def test_an_equivalence_on_its_margin_passes_with_the_error_rate_at_most() -> None:
    rule = {"metric": "acc", "arm": "new", "versus": "base", "within": 0.5}
    rates = tally(program_of({"c": rule}, budget={"false_pass": 0.2}), "null", 300)
    assert 0.05 < rates.tested.rate <= 0.2 + 3 * rates.tested.se


def test_a_point_gate_on_its_bound_passes_every_other_time_and_is_no_tested_pass() -> None:
    rates = tally(program_of({"c": {**LEVEL, "treatment": "point"}}, seeds=1), "null", 300)
    assert_about(rates.passed.rate, 0.5, 300)
    assert rates.tested.rate == rates.confirmed.rate == 0
    assert rates.runs == 2


def test_a_gate_of_two_criteria_passes_falsely_most_often_where_one_alone_is_untrue() -> None:
    criteria = {"a": LEVEL, "b": {"metric": "loss", "arm": "base", "below": 0.5}}
    setting = setting_of(program_of(criteria, budget={"false_pass": 0.4}))
    null = tally_of(trials(setting, gate_scenario(setting, PHASE, "null"), 150))
    weakest = tally_of(trials(setting, weakest_scenarios(setting, PHASE)["a"], 150))
    assert weakest.tested.rate > null.tested.rate
    assert weakest.tested.rate <= 0.4 + 3 * weakest.tested.se


def test_a_budget_that_pays_for_three_seeds_leaves_more_undecided_and_takes_no_more_runs() -> None:
    rich = tally(program_of({"c": BETTER}), "effect", 80)
    poor = tally(program_of({"c": BETTER}, budget={"runs": 6}), "effect", 80)
    assert poor.runs_90 == 6
    assert poor.inconclusive.rate > rich.inconclusive.rate


def test_a_confound_keeps_a_tested_pass_from_being_confirmed() -> None:
    arms = {"base": {"kind": "base", "lr": 1}, "new": {"kind": "new", "lr": 2}}
    program = make_program({"c": BETTER}, arms=arms, budget={"gates": 1})
    rates = tally(program, "effect", 20, sd=0.01)
    assert rates.tested.rate > 0.5
    assert rates.confirmed.rate == 0


def test_less_noise_gives_more_power() -> None:
    noisy, quiet = (tally(program_of({"c": BETTER}), "effect", 40, sd=sd) for sd in (0.2, 0.02))
    assert quiet.passed.rate > noisy.passed.rate
    assert quiet.runs < noisy.runs


# --- the path --------------------------------------------------------------------------------------


def two_phases(**first: Any) -> Program:
    second = {"question": "Again?", "same_as": PHASE, "with": {"again": True}, "next": {"pass": "stop"}}
    following = {"pass": "second", "fail": "second", "inconclusive": "second"}
    return program_of({"c": BETTER}, more={"second": second}, next=following, **first)


def test_a_path_goes_where_the_verdicts_lead_and_counts_any_false_pass_once() -> None:
    setting = setting_of(two_phases())
    plan = SimulationPlan(setting, path_scenario(setting, "null"), setting.program.phases)
    paths = [try_path(plan, seeded_normals(2, "abc", i)) for i in range(20)]
    row = path_of(paths, [PHASE, "second"], {}, {})
    assert row.reached == {PHASE: 1.0, "second": 1.0}
    each = [row.passes[name] for name in (PHASE, "second")]
    assert max(each) <= row.passed.rate <= sum(each)
    assert row.ends == {"done": 1.0}


def test_passes_of_gates_that_hold_or_are_infeasible_are_no_false_ones() -> None:
    setting = setting_of(two_phases(), sd=0.001)
    plan = SimulationPlan(setting, path_scenario(setting, "effect"), setting.program.phases)
    paths = [try_path(plan, seeded_normals(2, "abc", 0))]
    assert path_of(paths, [PHASE, "second"], {}, {}).passed.rate == 1
    assert path_of(paths, [PHASE, "second"], {PHASE: "it holds"}, {"second": "elsewhere"}).passed.rate == 0


def test_a_point_gate_holds_where_the_others_of_a_path_are_null() -> None:
    program = two_phases()
    point = make_program(
        {"c": {**LEVEL, "treatment": "point"}},
        arms=ARMS,
        more={
            "second": program.phases[PHASE].model_dump(by_alias=True, exclude_defaults=True) | {"next": {}}
        },
        next={"pass": "second"},
    )
    setting = setting_of(point)
    plan = SimulationPlan(setting, path_scenario(setting, "null"), point.phases)
    assert all("second" in try_path(plan, seeded_normals(3, "abc", i)).judged for i in range(5))


def test_nobody_is_waited_for_along_a_path() -> None:
    triage = {"options": [{"option": "o", "rationale": "r", "opens": "second", "needs_person": "to_act"}]}
    second = {"question": "Again?", "same_as": PHASE, "with": {"again": True}}
    program = program_of({"c": BETTER}, more={"second": second}, triage=triage)
    setting = setting_of(program, sd=0.01)
    for variant, reached in ((program, False), (approved(program), True)):
        simulated = replace(setting, program=variant)
        plan = SimulationPlan(simulated, path_scenario(simulated, "null"), variant.phases)
        assert ("second" in try_path(plan, seeded_normals(4, "abc", 0)).judged) is reached


# --- what stands in for the world --------------------------------------------------------------------


def test_simulated_runs_are_selected_and_missing_as_real_ones_are() -> None:
    program = two_phases()
    setting = setting_of(program)
    simulated = Simulated(
        SimulationPlan(setting, path_scenario(setting, "null"), program.phases), seeded_normals(5, "abc", 0)
    )
    wanted = {"new": 2, "base": 3}
    planned = simulated.missing(PHASE, "standard", wanted)
    simulated.make(planned[:4])
    catalog = catalog_of(program)
    runs = [
        run.model_copy(
            update={"fingerprint": catalog.planned(PHASE, run.arm, "standard", run.seed).fingerprint}
        )
        for by_seed in simulated.made.values()
        for run in by_seed.values()
    ]
    recall = RunSelector(program, Snapshot(tuple(runs)), catalog)
    empty = RunSelector(program, Snapshot(()), catalog)
    assert _arms_and_seeds(planned) == _arms_and_seeds(empty.missing(PHASE, "standard", wanted))
    for phase in program.phases:
        assert _arms_and_seeds(simulated.missing(phase, "standard", wanted)) == _arms_and_seeds(
            recall.missing(phase, "standard", wanted)
        )
        assert _seen(simulated.evidence_of(phase, "standard")) == _seen(recall.evidence_of(phase, "standard"))


def _arms_and_seeds(planned: Any) -> list[tuple[str, int]]:
    return [(run.arm, run.seed) for run in planned]


def _seen(evidence: Evidence) -> dict[str, list[tuple[int, dict[str, float]]]]:
    return {arm: [(seed, run.metrics) for seed, run in by.items()] for arm, by in evidence.runs.items()}


def test_the_details_of_a_verdict_change_none_of_its_answers() -> None:
    criteria = {"c": BETTER, "l": LEVEL, "p": {**LEVEL, "treatment": "point"}}
    program = program_of(criteria)
    setting = setting_of(program)
    simulated = Simulated(
        SimulationPlan(setting, gate_scenario(setting, PHASE, "null"), [PHASE]), seeded_normals(6, "abc", 0)
    )
    simulated.make(simulated.missing(PHASE, "standard", {"base": 5, "new": 5}))
    evidence = simulated.evidence_of(PHASE, "standard")
    design = build_test_design(program, PHASE, "standard", final=True)
    full = judge_phase(program, PHASE, evidence, design)
    bare = judge_outcome(PhaseEvaluator(program, PHASE, evidence, design, {}))
    assert any(c.flips_at is not None for c in full.criteria)
    assert not any(c.flips_at is not None for c in bare.criteria)
    assert full.table
    assert not bare.table
    kept = {"outcome", "confidence", "caveats", "guards", "claims", "seeds", "run_ids"}
    assert full.model_dump(include=kept) == bare.model_dump(include=kept)
    shared = {"id", "outcome", "observed", "interval", "n", "treatment", "margin"}
    assert [c.model_dump(include=shared) for c in full.criteria] == [
        c.model_dump(include=shared) for c in bare.criteria
    ]


def test_a_path_can_begin_at_any_phase_and_be_judged_by_another_judge() -> None:
    program = two_phases()
    judged: list[str] = []

    def judge(program: Program, phase: str, evidence: Evidence, design: TestDesign, *more: Any) -> Any:
        judged.append(phase)
        return judge_phase(program, phase, evidence, design, *more)

    runs = {
        arm: {
            s: Run(id=f"{arm}{s}", phase="second", arm=arm, seed=s, metrics={"acc": s / 10}) for s in range(6)
        }
        for arm in ARMS
    }
    situation = PlanningState(
        program,
        lambda phase, fidelity: Evidence(phase, fidelity, runs),
        lambda *_: [],
        begin="second",
        judge=judge,
    )
    assert build_plan(situation).steps[0].verdict.phase == "second"
    assert set(judged) == {"second"}


def four_arms_in_two_phases() -> Program:
    """A second phase that compares other arms than the first."""
    arms = {name: {"kind": name} for name in ("base", "new", "old", "other")}
    second = {
        "question": "And these?",
        "arms": ["old", "other"],
        "criteria": {"c": {**BETTER, "arm": "other", "versus": "old"}},
        "gate": ["c"],
        "factor": "kind",
    }
    following = {"pass": "second", "fail": "second", "inconclusive": "second"}
    budget = {"gates": 1, "seeds_per_arm": 6}
    return make_program({"c": BETTER}, arms=arms, budget=budget, more={"second": second}, next=following)


def test_earlier_phases_lend_their_noise_along_a_simulated_path_as_they_do_in_a_campaign() -> None:
    program = four_arms_in_two_phases()
    setting = setting_of(program)
    plan = SimulationPlan(setting, path_scenario(setting, "effect"), list(program.phases))
    lent = 0
    for i in range(10):
        trial = try_path(plan, seeded_normals(1, "abc", i))
        simulated = Simulated(plan, seeded_normals(1, "abc", i))
        outcomes = dict.fromkeys(program.phases, "")
        for verdict in verdicts_of_campaign(program, simulated):
            if outcomes[verdict.phase] != "pass":
                outcomes[verdict.phase] = verdict.outcome
            look = verdict.criteria[0].look
            lent += verdict.phase == "second" and look is not None and look.pool_df > 0
        assert outcomes == {phase: judged.outcome for phase, judged in trial.judged.items()}
        assert trial.runs == simulated.count
    assert lent


def verdicts_of_campaign(program: Program, simulated: Simulated) -> Iterator[Verdict]:
    """Every verdict of a campaign that is judged as ``advance`` judges."""
    while True:
        state = PlanningState(program, simulated.evidence_of, simulated.missing, affordable=1_000_000)
        position = build_plan(state)
        yield from (step.verdict for step in position.steps)
        if not position.launch:
            return
        simulated.make(position.launch)


# --- sums ----------------------------------------------------------------------------------------


def test_a_share_has_an_interval_also_where_nothing_was_counted() -> None:
    nothing, half = rate_of(0, 200), rate_of(100, 200)
    assert (nothing.rate, nothing.se, nothing.low) == (0, 0, 0)
    assert nothing.high == pytest.approx(0.0188, abs=0.0005)  # Wilson
    assert half.se == pytest.approx(math.sqrt(0.25 / 200))
    assert nothing.against(0.05) == "within"
    assert nothing.against(0.005) == "open"
    assert half.against(0.05) == "above"


def test_a_quantile_is_a_value_that_was_seen() -> None:
    assert quantile([3, 1, 2, 10, 4, 5, 6, 7, 8, 9], 0.9) == 9
    assert quantile([5], 0.9) == 5
