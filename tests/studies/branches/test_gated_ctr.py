"""Every branch of ``gated_ctr``, with scripted runs."""

from __future__ import annotations

import json
import random
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from planner.io.programs.loader import load_program
from planner.judging.verdict import build_test_design, judge_phase
from planner.records.decision import Decision
from planner.records.jobs import Ended, Event, Job, Started
from planner.records.runs import Run
from planner.records.verdict import Verdict
from tests.support.reference_figures import reference_evidence
from tests.support.variation import varied, vary
from tests.support.worlds import ROOT, Scripted, World, override, own_run, stand

pytestmark = [pytest.mark.slow, pytest.mark.in_turn]
PROGRAM = load_program(ROOT / "knowledge" / "programs" / "gated_ctr.yaml")
FIRST, FIVE, SEEDS = "regularization", "complete_five_epochs", "multi_seed"
OPTIONS = ["resolve_infrastructure", "use_weak_config", "defer_tuning"]
Values = dict[str, float]

GOOD: Values = {
    "val_auc": 0.60,
    "test_auc": 0.60,
    "gap": 0.05,
    "gap_eval": 0.055,
    "gate_mean": 0.2,
    "best_epoch": 3.0,
    "epochs_completed": 5.0,
    "gpu_available": 0.0,
    "curve_gap": 0.05,
    "curve_gap_eval": 0.055,
    "minutes": 20.0,
}
"""What every arm measures where a test says nothing else; ``minutes`` are those of the last epoch."""
STOPPED: Values = {"epochs_completed": 1.0, "best_epoch": 1.0, "minutes": 1850.0}
"""What differs in a run that was stopped in its second epoch."""
EARLY_SEED = 4
"""The seed at which the best epoch, a whole number, comes one epoch earlier than at the others."""


def values_of(
    said: Mapping[str, Values], arm: str, seed: int, noise: float, unlike: Mapping[str, float] | None = None
) -> Values:
    """One run: what is usual, what is said of all arms (``*``), what is said of this one.

    Args:
        noise: of the AUCs, over seeds; everything else that is no whole number varies a little.
        unlike: what is unlike that in this run alone.
    """
    values = {**GOOD, **said.get("*", {}), **said.get(arm, {})}
    shift = random.Random(f"{arm} {seed}").uniform(-1.0, 1.0)
    for name in ("val_auc", "test_auc"):
        values[name] += noise * shift
    if seed == EARLY_SEED and values["best_epoch"] > 1:
        values["best_epoch"] -= 1.0
    values |= unlike or {}
    minutes = vary(values.pop("minutes"), "minutes", arm, seed)
    return {**varied(PROGRAM, values, arm, seed), "minutes": minutes}


def by_epoch(values: Values) -> Iterable[tuple[str, int, float]]:
    """The metrics of a run, step by step: minutes as a series, the rest at epoch 1."""
    for name, value in values.items():
        if name != "minutes":
            yield name, 1, value
    yield "epoch_minutes", 1, 20.0
    yield "epoch_minutes", 2, values["minutes"]


class Machine(Scripted):
    """A launcher whose runs measure what a test says; those of the arms in ``slow`` are stopped."""

    def __init__(self, said: Mapping[str, Values], noise: float) -> None:
        super().__init__(lambda arm, seed: "lost")
        self.said, self.noise = dict(said), noise
        self.slow: dict[str, str] = {}

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        for job in jobs:
            yield Started(job_id=job.id, pid=0, process_start=0.0, host="here")
            self.made.append((job.arm, job.seed))
            outcome = self.slow.get(job.arm, "ok")
            unlike = STOPPED if outcome != "ok" else None
            values = values_of(self.said, job.arm, job.seed, self.noise, unlike)
            folder = Path(job.folder)
            folder.mkdir(parents=True, exist_ok=True)
            lines = [json.dumps(line) + "\n" for line in by_epoch(values)]
            (folder / "metrics.jsonl").write_text("".join(lines))
            ended: dict[str, Any] = {"outcome": outcome, "reason": "", "seconds": 1.0}
            (folder / "result.json").write_text(json.dumps(ended))
            yield Ended(job_id=job.id, **ended)


def world(folder: Path, said: Mapping[str, Values] | None = None, noise: float = 0.0005) -> World:
    made = World(folder, PROGRAM, lambda arm, seed: "lost")
    made.launcher = Machine(said or {}, noise)
    return made


def slowed(folder: Path, said: Mapping[str, Values] | None = None) -> World:
    """A world in which every run of ``balanced`` is stopped in its second epoch."""
    made = world(folder, said)
    made.launcher.slow = {"balanced": "slowdown"}
    return made


def state_after(here: World) -> str:
    """Where the program stands after one more advance."""
    return here.advance().plan.state


def verdict_and_decision(here: World, phase: str) -> tuple[Verdict, Decision]:
    return here.at.verdicts[phase], here.at.decisions[phase]


def path_of(here: World) -> list[tuple[str, str]]:
    """(phase, outcome) of every phase on the way."""
    return [(p, here.at.verdicts[p].outcome) for p in here.at.path if p in here.at.verdicts]


def runs(phase: str, said: Mapping[str, Values], seeds: int = 6, noise: float = 0.0005) -> list[Run]:
    """Finished runs of every arm of a phase, as many as may be made.

    Best epochs differ at one of the last seeds only, and decide nothing while they are all alike.
    """
    finished = []
    for arm in PROGRAM.phases[phase].arms:
        for seed in range(seeds):
            values = values_of(said, arm, seed, noise)
            series: dict[str, list[tuple[int, float]]] = {}
            for name, step, value in by_epoch(values):
                series.setdefault(name, []).append((step, value))
            metrics = {name: steps[-1][1] for name, steps in series.items()}
            finished.append(own_run(PROGRAM, phase, arm, seed, metrics, series=series))
    return finished


def both(said: Mapping[str, Values], noise: float = 0.0005) -> list[Run]:
    """Runs of the first two phases, which share three arms; the gap of ``balanced`` fails the first."""
    low: dict[str, Values] = {**said, "balanced": {"gap": -0.05, **said.get("balanced", {})}}
    shared = PROGRAM.phases[FIRST].arms
    rest = [run for run in runs(FIVE, low, 6, noise) if run.arm not in shared]
    return [*runs(FIRST, low, 6, noise), *rest]


def first(said: Mapping[str, Values], **more: Any) -> Verdict:
    """The verdict of the first phase, judged on the runs that there are."""
    return stand(PROGRAM, runs(FIRST, said, **more), affordable=0).verdicts[FIRST]


def claims(verdict: Verdict) -> dict[str, str]:
    return {claim.id: claim.status for claim in verdict.claims}


# --- the first phase: tiers and where they lead ----------------------------------------------------


@pytest.mark.parametrize(
    ("balanced", "tier", "outcome", "leads_to"),
    [
        ({}, "1", "pass", SEEDS),
        ({"epochs_completed": 4.0}, "1.5", "pass", SEEDS),
        ({"gap": -0.05, "epochs_completed": 4.0}, "1.5", "fail", FIVE),
        ({"best_epoch": 5.0}, "2", "fail", FIVE),
        ({"gap": -0.05}, "2", "fail", FIVE),
        ({"gap": 0.13}, "2", "fail", FIVE),
        ({"val_auc": 0.572}, "2", "fail", FIVE),
        ({"gap": 0.16}, "3", "fail", FIVE),
        ({"val_auc": 0.56}, "3", "fail", FIVE),
    ],
)
def test_each_tier_is_reached_and_leads_on(balanced: Values, tier: str, outcome: str, leads_to: str) -> None:
    position = stand(PROGRAM, runs(FIRST, {"balanced": balanced}, noise=0.0002))
    step = position.steps[0]
    assert (step.verdict.tier, step.verdict.outcome) == (tier, outcome)
    assert (step.decision.target, position.phase) == (leads_to, leads_to)


def test_all_is_well_and_five_seeds_confirm_it(tmp_path: Path) -> None:
    here = world(tmp_path, {"weak": {"val_auc": 0.58}})
    assert state_after(here) == "done"
    assert path_of(here) == [(FIRST, "pass"), (SEEDS, "pass")]
    assert here.at.verdicts[SEEDS].seeds >= 5


class Scattered(Machine):
    """Runs whose best epoch follows from the seed."""

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        for job in jobs:
            self.said["*"] = {"best_epoch": (3.0, 1.0, 5.0)[job.seed % 3]}
            yield from super().run([job])


def test_best_epochs_that_scatter_leave_the_gate_open_and_lead_to_five_epochs(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.launcher = Scattered({}, 0.0005)
    here.advance(until=FIRST)
    verdict, decision = verdict_and_decision(here, FIRST)
    assert (verdict.outcome, verdict.cause, decision.target) == ("inconclusive", "budget", FIVE)


def test_fewer_epochs_are_a_caveat() -> None:
    verdict = first({"balanced": {"epochs_completed": 4.0}})
    assert any(c.startswith("five_epochs") and "epochs_completed = 4" in c for c in verdict.caveats)


def test_the_learning_rate_is_named_as_a_confound() -> None:
    for phase in (FIRST, SEEDS):
        verdict = stand(PROGRAM, [*runs(FIRST, {}), *runs(SEEDS, {})]).verdicts[phase]
        (confound,) = [g for g in verdict.guards if g.id.startswith("confound:")]
        assert confound.id == "confound:lr"
        assert "0.0003 in balanced and 0.001 in weak" in confound.reason
        assert any(c.startswith("confound:lr") for c in verdict.caveats)
        assert verdict.confidence == "provisional"


def test_a_negative_gap_that_evaluation_mode_does_not_show_is_an_artifact() -> None:
    artifact = {"balanced": {"gap": -0.05, "gap_eval": 0.04, "curve_gap": -0.05, "curve_gap_eval": 0.04}}
    verdict = first(artifact)
    assert claims(verdict)["negative_gap_is_an_artifact"] == "supported"
    real = {"balanced": {"gap": -0.05, "gap_eval": -0.05, "curve_gap": -0.05, "curve_gap_eval": -0.05}}
    verdict = first(real)
    assert claims(verdict)["negative_gap_is_an_artifact"] == "refuted"


def test_a_healthy_gap_carries_the_caveat_that_the_modes_disagree() -> None:
    verdict = first({"balanced": {"gap": 0.05, "gap_eval": 0.09}})
    (claim,) = [c for c in verdict.claims if c.id == "gap_is_healthy"]
    assert claim.status == "supported"
    assert "gap_modes_agree is not met" in claim.caveats[0]
    assert not any(c.startswith("gap_modes_agree") for c in verdict.caveats)  # it doubts that claim alone


@pytest.mark.parametrize(
    ("weak", "strong", "expected"),
    [
        ({"val_auc": 0.58}, {"val_auc": 0.58}, ("supported", "supported")),
        ({"val_auc": 0.60}, {"val_auc": 0.60}, ("equivalent", "refuted")),
        ({"val_auc": 0.62}, {"val_auc": 0.62}, ("refuted", "refuted")),
    ],
)
def test_claims_about_the_arms_follow_their_differences(
    weak: Values, strong: Values, expected: tuple[str, str]
) -> None:
    statuses = claims(first({"weak": weak, "strong": strong}, seeds=6))
    assert (statuses["balanced_beats_weak"], statuses["balanced_beats_strong"]) == expected


def test_the_gate_recovers_in_part() -> None:
    gates = {"weak": {"gate_mean": 0.3}, "strong": {"gate_mean": 0.1}}
    assert claims(first(gates))["gate_partly_recovers"] == "supported"
    gates = {"weak": {"gate_mean": 0.1}, "strong": {"gate_mean": 0.1}}
    assert claims(first(gates))["gate_partly_recovers"] == "refuted"


def test_the_recovery_that_the_document_states_is_checked() -> None:
    statuses = claims(first({"weak": {"val_auc": 0.60 / 0.985}}, noise=0.00001))
    assert statuses["recovery_is_98_5_percent"] == "supported"
    assert claims(first({}))["recovery_is_98_5_percent"] == "refuted"


# --- blocked ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["slowdown", "suspended", "timeout", "killed"])
def test_a_run_that_was_stopped_blocks_and_the_program_waits_for_a_person(
    tmp_path: Path, outcome: str
) -> None:
    here = world(tmp_path, {"*": {"gap": -0.05}})
    here.launcher.slow = {"balanced": outcome}
    assert state_after(here) == "blocked"
    verdict, decision = verdict_and_decision(here, FIRST)
    assert (verdict.outcome, verdict.cause, verdict.tier) == ("blocked", "infrastructure", "1.5")
    assert (decision.choice, decision.needs_person) == (OPTIONS[0], "to_act")
    assert [r.choice for r in decision.rejected] == OPTIONS[1:]
    assert decision.rejected[1].reason.startswith("deferred until gpu_is_there")
    assert "gpu_is_there" in decision.rejected[1].flips_if
    assert path_of(here) == [(FIRST, "blocked")]  # and not multi_seed
    assert any(f"ended early: {outcome}" in c or f"({outcome})" in c for c in verdict.caveats)


def test_a_run_that_was_stopped_is_tried_once_more_first(tmp_path: Path) -> None:
    here = slowed(tmp_path)
    here.advance()
    assert here.launcher.made.count(("balanced", 0)) == 2
    assert here.launcher.made.count(("weak", 1)) == 1


def test_what_a_stopped_run_measured_counts_and_its_best_epoch_does_not(tmp_path: Path) -> None:
    here = slowed(tmp_path, {"*": {"gap": -0.05}})
    here.advance()
    verdict, _ = verdict_and_decision(here, FIRST)
    outcomes = {c.id: c.outcome for c in verdict.criteria}
    assert (outcomes["auc_reached"], outcomes["no_overfitting"]) == ("met", "met")
    gap = next(c for c in verdict.criteria if c.id == "gap_in_target")
    assert (gap.n, gap.observed) == (3, pytest.approx(-0.05, abs=1e-3))
    assert outcomes["best_epoch_2_to_4"] == "undecided"
    assert any("epochs_completed = 1" in c for c in verdict.caveats)


def test_with_the_infrastructure_mended_five_epochs_are_run_and_then_five_seeds(tmp_path: Path) -> None:
    here = slowed(tmp_path, {"*": {"gap": -0.05}, "weak": {"val_auc": 0.58}})
    here.advance()
    assert path_of(here) == [(FIRST, "blocked")]
    here.launcher.slow = {}
    here.say(FIRST, done=OPTIONS[0], reason="num_workers 0")
    here.advance(until=FIVE)
    assert "has done what 'resolve_infrastructure' asks for (num_workers 0)" in _said_after(here, FIRST)
    assert state_after(here) == "done"
    # The runs that are complete now are those of the first phase too.
    assert path_of(here) == [(FIRST, "fail"), (FIVE, "pass"), (SEEDS, "pass")]
    assert {c.id: c.outcome for c in here.at.verdicts[FIVE].criteria}["speed_holds"] == "met"


def _said_after(here: World, phase: str) -> str:
    """The reasons of every decision that was recorded after a phase."""
    records = (entry.record for entry in here.journal.entries(PROGRAM.program))
    return " ".join(r.reason for r in records if isinstance(r, Decision) and r.phase == phase)


def test_infrastructure_that_stays_broken_waits_for_a_person_who_may_choose_the_weak_configuration(
    tmp_path: Path,
) -> None:
    here = slowed(tmp_path)
    here.advance()
    here.say(FIRST, done=OPTIONS[0], reason="a new loader")
    assert state_after(here) == "blocked"
    verdict, decision = verdict_and_decision(here, FIVE)
    assert verdict.outcome == "blocked"
    assert (decision.action, decision.choice, decision.needs_person) == ("wait", None, "to_act")
    assert {c.id: c.outcome for c in verdict.criteria}["speed_holds"] == "not_met"
    here.launcher.slow = {}
    here.say(FIVE, choose=OPTIONS[1], reason="go on")
    here.advance()
    assert path_of(here)[-1][0] == SEEDS


def test_the_weak_configuration_may_be_chosen_at_once(tmp_path: Path) -> None:
    here = slowed(tmp_path)
    here.advance()
    here.launcher.slow = {}
    here.say(FIRST, choose=OPTIONS[1], reason="it cannot be mended")
    here.advance()
    assert [phase for phase, _ in path_of(here)] == [FIRST, SEEDS]
    assert here.at.decisions[FIRST].rejected[0].choice == OPTIONS[0]


def test_tuning_that_was_deferred_comes_back_where_there_is_a_gpu(tmp_path: Path) -> None:
    here = slowed(tmp_path, {"*": {"gpu_available": 1.0}})
    here.advance()
    decision = here.at.decisions[FIRST]
    assert {r.choice: r.reason for r in decision.rejected}[OPTIONS[2]].startswith("comes after")
    here.launcher.slow = {}
    here.say(FIRST, choose=OPTIONS[2], reason="the GPU is here")
    here.advance(until=FIVE)
    assert str(here.at.decisions[FIRST].rule) == f"{FIRST}.triage.{OPTIONS[2]}"
    assert [phase for phase, _ in path_of(here)][:2] == [FIRST, FIVE]


# --- five epochs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("balanced", "outcome", "leads_to"),
    [
        ({}, "pass", SEEDS),
        ({"best_epoch": 5.0}, "fail", None),
        ({"val_auc": 0.56}, "fail", None),
    ],
)
def test_five_epochs_lead_to_five_seeds_or_end_the_program(
    balanced: Values, outcome: str, leads_to: str | None
) -> None:
    position = stand(PROGRAM, both({"balanced": balanced}))
    step = position.steps[1]
    assert (step.verdict.phase, step.verdict.outcome, step.decision.target) == (FIVE, outcome, leads_to)
    assert leads_to is not None or position.state == "done"


def test_five_epochs_that_stay_undecided_lead_to_five_seeds() -> None:
    step = stand(PROGRAM, both({"balanced": {"val_auc": 0.5752}}, noise=0.01)).steps[1]
    assert (step.verdict.phase, step.verdict.outcome, step.decision.target) == (FIVE, "inconclusive", SEEDS)


def five(said: Mapping[str, Values]) -> Verdict:
    """The verdict on five epochs."""
    return stand(PROGRAM, both(said)).verdicts[FIVE]


def test_arms_that_agree_at_equal_learning_rate_say_that_regularization_makes_no_difference() -> None:
    statuses = claims(five({}))
    assert statuses["arms_do_not_differ"] == statuses["no_arm_differs"] == "supported"
    assert statuses["lr_is_the_cause"] == "proposed"  # a little noise is no reason to refute it
    statuses = claims(five({"weak_same_lr": {"val_auc": 0.62}}))
    assert statuses["arms_do_not_differ"] == statuses["no_arm_differs"] == "refuted"


def test_arms_that_agree_on_validation_rows_alone_carry_a_caveat() -> None:
    verdict = five({"weak_same_lr": {"test_auc": 0.62}})
    claims_by_id = {c.id: c for c in verdict.claims}
    assert claims_by_id["no_arm_differs"].status == "supported"
    assert "same_on_test is not met" in claims_by_id["no_arm_differs"].caveats[0]


def test_stronger_regularization_can_turn_out_to_help() -> None:
    statuses = claims(five({"strong": {"val_auc": 0.62, "test_auc": 0.62}}))
    assert (statuses["stronger_is_better"], statuses["arms_do_not_differ"]) == ("supported", "supported")
    assert statuses["no_arm_differs"] == "refuted"
    assert claims(five({"strong": {"val_auc": 0.58}}))["stronger_is_better"] == "refuted"


def test_the_learning_rate_can_turn_out_to_be_the_cause() -> None:
    statuses = claims(five({"weak": {"val_auc": 0.62, "best_epoch": 1.0}}))
    assert statuses["lr_is_the_cause"] == "supported"
    assert statuses["lr_shifts_the_best_epoch"] == "supported"


@pytest.mark.parametrize(
    ("auc", "helps", "costs"), [(0.62, "supported", "refuted"), (0.58, "refuted", "supported")]
)
def test_the_schedule_can_turn_out_to_matter_in_either_direction(auc: float, helps: str, costs: str) -> None:
    statuses = claims(five({"balanced_warmup": {"val_auc": auc}}))
    assert (statuses["schedule_is_the_cause"], statuses["schedule_costs_auc"]) == (helps, costs)


def test_the_gate_can_turn_out_to_follow_regularization() -> None:
    assert claims(five({"strong": {"gate_mean": 0.4}}))["gate_follows_regularization"] == "supported"


def test_schedule_and_learning_rate_are_named_as_confounds_of_the_recipe() -> None:
    verdict = five({"balanced_warmup": {"val_auc": 0.62}})
    named = {g.id: g.reason for g in verdict.guards if g.id.startswith("confound:")}
    assert set(named) == {"confound:lr", "confound:schedule"}
    assert "warmup_cosine in balanced_warmup and none in weak" in named["confound:schedule"]
    assert claims(verdict)["recipe_is_better"] == "supported"


# --- five seeds ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weak", "noise", "outcome"),
    [
        (0.58, 0.0005, "pass"),
        (0.62, 0.0005, "fail"),
        (0.55, 0.0005, "fail"),
    ],
)
def test_five_seeds_end_the_program_whatever_they_say(
    tmp_path: Path, weak: float, noise: float, outcome: str
) -> None:
    here = world(tmp_path, {"weak": {"val_auc": weak}}, noise)
    assert state_after(here) == "done"
    assert path_of(here) == [(FIRST, "pass"), (SEEDS, outcome)]
    assert here.at.decisions[SEEDS].action == "stop"


def test_seeds_that_scatter_are_a_yellow_flag(tmp_path: Path) -> None:
    said: dict[str, Values] = {"*": {"val_auc": 0.65}, "weak": {"val_auc": 0.60}}
    made = [run for phase in (FIRST, SEEDS) for run in runs(phase, said, seeds=6, noise=0.03)]
    position = stand(PROGRAM, list({run.fingerprint: run for run in made}.values()))
    (verdict,) = (step.verdict for step in position.steps if step.verdict.phase == SEEDS)
    assert any(c.startswith("seeds_agree") and "yellow flag" in c for c in verdict.caveats)
    assert not any(c.startswith("seeds_agree") for c in _confirming(tmp_path / "2").caveats)


def _confirming(folder: Path) -> Verdict:
    here = world(folder)
    here.advance()
    return here.at.verdicts[SEEDS]


def test_a_run_that_is_stopped_among_the_five_seeds_waits_for_a_person(tmp_path: Path) -> None:
    here = slowed(tmp_path)
    here.advance()
    here.say(FIRST, choose=OPTIONS[1], reason="it cannot be mended")
    assert state_after(here) == "blocked"
    verdict, decision = verdict_and_decision(here, SEEDS)
    assert (verdict.outcome, decision.action) == ("blocked", "wait")


def test_a_later_seed_that_is_stopped_blocks_the_first_phase_too_whose_run_it_is(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.advance(until=FIRST)
    assert path_of(here) == [(FIRST, "pass")]
    here.launcher.slow = {"weak": "slowdown"}
    assert state_after(here) == "blocked"
    assert path_of(here) == [(FIRST, "blocked")]


# --- the document's figures ------------------------------------------------------------------------


def test_the_documents_figures_give_its_verdict_and_what_it_could_not_know() -> None:
    design = build_test_design(PROGRAM, FIRST, "standard", final=True)
    verdict = judge_phase(PROGRAM, FIRST, reference_evidence("gated_ctr", FIRST), design)
    assert (verdict.outcome, verdict.cause, verdict.tier) == ("blocked", "infrastructure", "1.5")
    assert verdict.means == "qualified success with caveat"
    assert verdict.confidence == "provisional"
    outcomes = {c.id: c.outcome for c in verdict.criteria}
    assert outcomes["auc_reached"] == outcomes["no_overfitting"] == "met"
    gap = next(c for c in verdict.criteria if c.id == "gap_in_target")
    assert (gap.n, gap.observed) == (3, pytest.approx(-0.05, abs=1e-3))
    assert outcomes["best_epoch_2_to_4"] == "undecided"
    assert claims(verdict)["recovery_is_98_5_percent"] == "refuted"
    assert claims(verdict)["negative_gap_is_an_artifact"] == "not_verified"
    assert [g.id for g in verdict.guards if g.id.startswith("confound:")] == ["confound:lr"]


def test_the_documents_figures_lead_to_mending_then_five_epochs_and_never_straight_to_five_seeds() -> None:
    evidence_runs = reference_evidence("gated_ctr", FIRST).all_runs
    plan = stand(PROGRAM, evidence_runs, no_run=True)
    decision = plan.steps[-1].decision
    assert (plan.state, decision.choice, decision.target) == ("blocked", OPTIONS[0], FIVE)
    assert [r.choice for r in decision.rejected] == OPTIONS[1:]


def test_a_person_who_has_mended_nothing_that_was_requested_changes_nothing() -> None:
    finished = runs(FIRST, {})
    word = override(PROGRAM, FIRST, done=OPTIONS[0], reason="a new disk")
    assert stand(PROGRAM, finished, overrides=[word]).steps[0].decision.target == SEEDS
