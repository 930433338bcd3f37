"""Every branch of ``contrastive_retrieval`` with scripted runs, and another encoder's bank with real ones."""

from __future__ import annotations

import json
import random
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from planner.io.programs.loader import load_program
from planner.io.workers.in_process import InProcessLauncher
from planner.language.program import Program
from planner.records.decision import Decision
from planner.records.jobs import Event, Job
from planner.records.verdict import Verdict
from tests.support.variation import varied
from tests.support.worlds import ROOT, Scripted, World, foreign_run, stand

pytestmark = [pytest.mark.slow, pytest.mark.in_turn]
FILE = ROOT / "knowledge" / "programs" / "contrastive_retrieval.yaml"
PROGRAM = load_program(FILE)
REFERENCE = json.loads((ROOT / "tests" / "reference" / "contrastive_retrieval.json").read_text())

RANDOM, DISJOINT = "random_windows", "article_disjoint"
Values = dict[str, float]
START = ["preflight", "leak_check", "phase1", "projection_test", "raw_infonce"]


def usual(arm: str, split: str) -> Values:
    """What the runs measure where nothing is said: InfoNCE lifts nothing, and recall is memory."""
    other = arm.endswith("_other_encoder")
    seen = split == RANDOM
    return {
        "recall_at_5": 0.0 if other else 0.13 if seen else 0.03,
        "recall_at_5_context_left_out": 0.14 if seen else 0.03,
        "recall_at_5_projected": 0.10,
        "train_recall_at_5": 0.6,
        "eval_cosine": 0.6,
        "train_val_cosine": 0.6,
        "raw_cosine": 0.25 if other else 0.6,
        "projected_cosine": 0.0 if other else 0.4,
        "negative_cosine": 0.25,
        "leak_overlap": float(seen),
        "target_bank_cosine": 0.15 if other else 1.0,
        "oracle_recall_at_1": 0.0 if other else 1.0,
    }


class BySplit(Scripted):
    """Runs that measure what is usual, with what a test says put over it; recall is noisy.

    Attributes:
        said: (arm, split) -> metrics, or the outcome with which the run fails.
        noise: of the recall, over seeds; everything else varies a little.
    """

    def __init__(self, said: dict[tuple[str, str], Values | str], noise: float) -> None:
        super().__init__(lambda arm, seed: "lost")
        self.said, self.noise = said, noise

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        for job in jobs:
            measured = self._measure(job)
            self.script = lambda *_, measured=measured: measured
            yield from super().run([job])

    def _measure(self, job: Job) -> Values | str:
        split = job.params["split"]
        said = self.said.get((job.arm, split), {})
        if isinstance(said, str):
            return said
        values = {**usual(job.arm, split), **said}
        shift = self.noise * random.Random(f"{job.arm} {job.seed}").uniform(-1.0, 1.0)
        values["recall_at_5"] += shift if values["recall_at_5"] else 0.0
        return varied(PROGRAM, values, job.arm, job.seed)


def world(
    folder: Path, said: dict[tuple[str, str], Values | str] | None = None, noise: float = 0.001
) -> World:
    """A world with the program that ships."""
    made = World(folder, PROGRAM, lambda arm, seed: "lost")
    made.launcher = BySplit(said or {}, noise)
    return made


def judged(here: World) -> dict[str, Verdict]:
    """The verdicts on the way, in their order."""
    state = here.at
    return {phase: state.verdicts[phase] for phase in state.path if phase in state.verdicts}


def decided(here: World, phase: str) -> Decision:
    return here.at.decisions[phase]


def lifted(*arms: str, split: str = RANDOM, by: float = 0.2) -> dict[tuple[str, str], Values | str]:
    """These arms find more than usual."""
    return {(arm, split): {"recall_at_5": usual(arm, split)["recall_at_5"] + by} for arm in arms}


# --- before the first comparison -----------------------------------------------------------------


def test_a_sound_space_with_a_leak_is_a_caveat_and_leads_to_the_leak_check(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.advance(until="preflight")
    verdict = judged(here)["preflight"]
    assert (verdict.outcome, verdict.case, verdict.confidence) == ("pass", "leaks", "provisional")
    assert any(c.startswith("no_leak") and "leak_overlap = 1" in c for c in verdict.caveats)
    assert decided(here, "preflight").target == "leak_check"
    assert {c.id: c.status for c in verdict.claims} == {"another_encoder_means_zero": "supported"}


def test_an_evaluation_without_a_leak_leads_straight_to_the_first_comparison(tmp_path: Path) -> None:
    here = world(tmp_path, {("ar_only", RANDOM): {"leak_overlap": 0.0}})
    here.advance(until="preflight")
    assert judged(here)["preflight"].case == "trusted"
    assert decided(here, "preflight").target == "phase1"


@pytest.mark.parametrize(
    ("fault", "case", "reason"),
    [
        ({"target_bank_cosine": 0.14, "oracle_recall_at_1": 0.0}, "another_space", "different encoders"),
        ({"oracle_recall_at_1": 0.5}, "answer_not_found", "not even the target itself"),
    ],
)
def test_an_evaluation_that_cannot_be_trusted_waits_for_a_person_who_may_go_on(
    tmp_path: Path, fault: Values, case: str, reason: str
) -> None:
    here = world(tmp_path, {("ar_only", RANDOM): fault})
    assert here.advance().plan.state == "waiting"
    assert [*judged(here)] == ["preflight"]
    assert (judged(here)["preflight"].outcome, judged(here)["preflight"].case) == ("fail", case)
    decision = decided(here, "preflight")
    assert (decision.action, decision.needs_person) == ("wait", "to_act")
    assert reason in decision.reason
    assert here.advance(accept=True).plan.state == "waiting"
    here.say("preflight", choose="phase1")
    here.advance(until="phase1")
    assert [*judged(here)] == ["preflight", "phase1"]


def test_a_preflight_whose_runs_are_lost_waits(tmp_path: Path) -> None:
    here = world(tmp_path, {("ar_only", RANDOM): "code_error"})
    assert here.advance().plan.state == "waiting"
    verdict = judged(here)["preflight"]
    assert (verdict.outcome, verdict.cause, verdict.case) == ("inconclusive", "missing", None)


@pytest.mark.parametrize(
    ("new", "noise", "outcome", "case", "status"),
    [
        (0.03, 0.001, "fail", "memorised", "supported"),
        (0.13, 0.001, "pass", "carries_over", "refuted"),
        (0.12, 0.05, "inconclusive", None, "refuted"),
    ],
)
def test_the_leak_check_says_what_recall_on_new_articles_is_and_goes_on(
    tmp_path: Path, new: float, noise: float, outcome: str, case: str | None, status: str
) -> None:
    here = world(tmp_path, {("ar_only_disjoint", DISJOINT): {"recall_at_5": new}}, noise)
    here.advance(until="leak_check")
    verdict = judged(here)["leak_check"]
    assert (verdict.outcome, verdict.case) == (outcome, case)
    assert verdict.claims[0].status == status
    assert decided(here, "leak_check").target == "phase1"
    assert not any(g.id.startswith("confound") and g.outcome == "not_met" for g in verdict.guards)


def test_new_articles_that_are_not_new_make_the_leak_check_invalid(tmp_path: Path) -> None:
    here = world(tmp_path, {("ar_only_disjoint", DISJOINT): {"leak_overlap": 0.25}})
    assert here.advance().plan.state == "waiting"
    assert judged(here)["leak_check"].outcome == "invalid"
    assert decided(here, "leak_check").action == "wait"


# --- the gate and its diagnosis ------------------------------------------------------------------


def test_a_lift_of_ten_points_on_seen_articles_leads_to_new_ones_once_a_person_confirms(
    tmp_path: Path,
) -> None:
    here = world(tmp_path, lifted("infonce_ar"))
    assert here.advance().plan.state == "waiting"
    verdict = judged(here)["phase1"]
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    decision = decided(here, "phase1")
    assert (decision.action, decision.target, decision.needs_person) == ("wait", "phase2", "to_confirm")
    assert "asks for a confirmed verdict and this one is provisional (no_leak" in decision.reason
    here.advance(accept=True)
    assert [*judged(here)] == ["preflight", "leak_check", "phase1", "phase2"]


def test_a_lift_of_ten_points_without_a_leak_asks_nobody(tmp_path: Path) -> None:
    arms = ("ar_only", "infonce_ar")
    clean = {(arm, RANDOM): {"leak_overlap": 0.0} for arm in arms}
    clean["infonce_ar", RANDOM]["recall_at_5"] = 0.4
    here = world(tmp_path, {**clean})
    assert here.advance().plan.state == "done"
    assert judged(here)["phase1"].confidence == "confirmed"
    assert [*judged(here)] == ["preflight", "phase1", "phase2"]


def test_a_lift_that_needs_the_context_in_the_bank_still_supports_the_claim(tmp_path: Path) -> None:
    here = world(tmp_path, lifted("infonce_ar"))
    here.advance(until="phase1")
    verdict = judged(here)["phase1"]
    assert {c.id: c.outcome for c in verdict.criteria}["lifts_without_context"] == "not_met"
    assert {c.id: c.status for c in verdict.claims}["infonce_fixes_retrieval"] == "supported"


@pytest.mark.parametrize(("lift", "noise", "outcome"), [(0.0, 0.001, "fail"), (0.1, 0.08, "inconclusive")])
def test_without_the_lift_the_head_is_looked_at_before_an_option_is_taken(
    tmp_path: Path, lift: float, noise: float, outcome: str
) -> None:
    here = world(tmp_path, lifted("infonce_ar", by=lift), noise)
    here.advance(until="phase1")
    assert judged(here)["phase1"].outcome == outcome
    decision = decided(here, "phase1")
    assert (decision.action, decision.target) == ("run_diagnostic", "projection_test")


@pytest.mark.parametrize(
    ("raw", "projected", "outcome", "case"),
    [
        (0.22, -0.12, "pass", "split_objective_conflict"),
        (0.6, 0.5, "fail", "head_is_innocent"),
        (-0.1, -0.12, "fail", "misaligned"),
    ],
)
def test_each_finding_about_the_head_leads_back_to_the_options(
    tmp_path: Path, raw: float, projected: float, outcome: str, case: str
) -> None:
    here = world(tmp_path, {("infonce_ar", RANDOM): {"raw_cosine": raw, "projected_cosine": projected}})
    here.advance(until="projection_test")
    verdict = judged(here)["projection_test"]
    assert (verdict.outcome, verdict.case) == (outcome, case)
    decision = decided(here, "projection_test")
    assert (decision.action, decision.choice) == ("take_option", "raw_infonce")


def test_the_runs_of_the_first_comparison_serve_the_diagnosis_too(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.advance(until="projection_test")
    made = here.launcher.made
    assert len(made) == len(set(made)) + 1  # one is made twice, to see whether it gives the same numbers
    assert made.count(("infonce_ar", 1)) == 1


def test_another_space_is_distinguished_from_a_head_that_harms(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.advance(until="projection_test")
    claims = {c.id: c.status for c in judged(here)["projection_test"].claims}
    assert claims["another_space_imitates_conflict"] == "supported"
    assert claims["space_is_the_cause"] == "supported"
    assert claims["head_harms"] == "supported"
    assert claims["predictions_are_aligned"] == "supported"


# --- the options ---------------------------------------------------------------------------------


def test_raw_infonce_is_tried_once_and_then_two_towers_wait_for_approval(tmp_path: Path) -> None:
    here = world(tmp_path)
    done = here.advance()
    assert done.plan.state == "waiting"
    assert [*judged(here)] == START
    assert decided(here, "projection_test").choice == "raw_infonce"
    assert "one try" in decided(here, "projection_test").reason
    decision = decided(here, "raw_infonce")
    assert (decision.action, decision.choice, decision.needs_person) == ("wait", "two_tower", "to_approve")
    rejected = {r.choice: r.reason for r in decision.rejected}
    assert rejected["raw_infonce"].startswith("tried already")
    assert [*rejected][-2:] == ["temperature_sweep", "clean_articles"]
    assert "discouraged: Do not spend time on temperatures" in rejected["temperature_sweep"]


def test_where_everything_fails_and_is_approved_every_option_is_taken_and_new_articles_end_it(
    tmp_path: Path,
) -> None:
    here = world(tmp_path)
    assert here.advance(accept=True).plan.state == "done"
    options = ["two_tower", "amn_baseline", "pure_infonce", "temperature_sweep", "phase2"]
    assert [*judged(here)] == [*START, *options]
    taken = [decided(here, phase).choice for phase in (*START[3:], *options[:-1])]
    assert taken[0] == "raw_infonce"
    assert taken[1:] == ["two_tower", "amn_baseline", "pure_infonce", "temperature_sweep", "clean_articles"]
    assert decided(here, "phase2").action == "stop"
    assert here.advance(accept=True).steps == ()


def test_both_options_that_ask_for_approval_wait_for_it_and_new_articles_for_a_confirmation(
    tmp_path: Path,
) -> None:
    here = world(tmp_path)
    for option, before in (("two_tower", "raw_infonce"), ("amn_baseline", "two_tower")):
        assert here.advance().plan.state == "waiting"
        assert decided(here, before).choice == option
        here.say(before, choose=option)
    assert here.advance().plan.state == "waiting"
    assert [*judged(here)][-2:] == ["pure_infonce", "temperature_sweep"]
    last = decided(here, "temperature_sweep")
    assert (last.action, last.choice, last.needs_person) == ("wait", "clean_articles", "to_confirm")
    here.say("temperature_sweep", choose="clean_articles")
    here.advance()
    assert [*judged(here)][-1] == "phase2"


@pytest.mark.parametrize(
    ("arm", "phase"),
    [
        ("raw_infonce", "raw_infonce"),
        ("two_tower", "two_tower"),
        ("amn_baseline", "amn_baseline"),
        ("pure_infonce", "pure_infonce"),
        ("infonce_ar_t0.15", "temperature_sweep"),
    ],
)
def test_an_option_that_lifts_recall_leads_to_new_articles(tmp_path: Path, arm: str, phase: str) -> None:
    here = world(tmp_path, lifted(arm))
    assert here.advance(accept=True).plan.state == "done"
    assert [*judged(here)][-2:] == [phase, "phase2"]
    assert judged(here)[phase].outcome == "pass"
    assert str(decided(here, phase).rule) == f"{phase}.next.pass"


@pytest.mark.parametrize("choice", ["pure_infonce", "clean_articles", "temperature_sweep", "phase2"])
def test_a_person_may_choose_otherwise_and_the_recommendation_stays_on_record(
    tmp_path: Path, choice: str
) -> None:
    here = world(tmp_path)
    here.advance()
    here.say("raw_infonce", choose=choice)
    here.advance(every=False)
    opened = {"clean_articles": "phase2"}.get(choice, choice)
    assert [*judged(here)] == [*START, opened]
    decision = decided(here, "raw_infonce")
    assert (decision.choice, decision.recommended) == (choice, "two_tower")


# --- new articles --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lift", "noise", "outcome", "claim"),
    [
        (0.2, 0.001, "pass", "supported"),
        (0.0, 0.001, "fail", "refuted"),
        (0.1, 0.08, "inconclusive", "proposed"),
    ],
)
def test_on_new_articles_each_answer_ends_the_program(
    tmp_path: Path, lift: float, noise: float, outcome: str, claim: str
) -> None:
    more = lifted("raw_infonce", split=DISJOINT, by=lift)
    here = world(tmp_path, {**lifted("infonce_ar", by=0.5), **more}, noise)
    assert here.advance(accept=True).plan.state == "done"
    verdict = judged(here)["phase2"]
    assert verdict.outcome == outcome
    assert {c.id: c.status for c in verdict.claims}["gain_survives"] == claim
    assert decided(here, "phase2").action == "stop"


def test_new_articles_that_were_seen_are_no_evidence(tmp_path: Path) -> None:
    seen = {("two_tower", DISJOINT): {"leak_overlap": 0.1}}
    here = world(tmp_path, {**lifted("infonce_ar"), **seen})
    assert here.advance(accept=True).plan.state == "waiting"
    verdict = judged(here)["phase2"]
    assert (verdict.outcome, verdict.cause) == ("invalid", "no_leak")
    assert {c.status for c in verdict.claims} == {"not_verified"}


# --- the document's own figures ------------------------------------------------------------------


def test_the_documents_figures_lead_to_its_verdict_and_to_its_choice() -> None:
    document = REFERENCE["phases"]["phase1"]
    runs = [
        foreign_run(
            "phase1",
            run["arm"],
            0,
            run["metrics"],
            params={k: str(v) for k, v in run["params"].items()},
        )
        for run in document["runs"]
    ]
    position = stand(PROGRAM, runs, no_run=True)
    steps = {step.verdict.phase: step for step in position.steps}
    assert [*steps] == ["phase1", "projection_test"]
    verdict = steps["phase1"].verdict
    expected = document["expected"]
    assert (verdict.outcome, verdict.confidence) == (expected["outcome"], expected["confidence"])
    assert any("leak_overlap = 0.915" in c for c in verdict.caveats)
    assert steps["projection_test"].verdict.case == expected["diagnosis"]
    decision = steps["projection_test"].decision
    assert decision.choice == expected["triage_choice"]
    order = [decision.choice, *(r.choice for r in decision.rejected)]
    assert [name for name in order if name != "clean_articles"] == expected["triage_order"]


# --- real runs -----------------------------------------------------------------------------------

TINY = (
    "articles: 12, bank_articles: 16, article_length: 24, dim: 12, states: 6, width: 16, steps: 10, "
    "stages: 2, batch_size: 32, timed_queries: 3"
)


def tiny(folder: Path, **protocol: Any) -> Program:
    """The program that ships, on a small corpus and with another protocol."""
    text = FILE.read_text()
    head, rest = text.split("with: {", 1)
    line, rest = rest.split("}", 1)
    said = line
    for key, value in protocol.items():
        said = said.replace(f"{key}: same", f"{key}: {value}")
    (folder / FILE.name).write_text(f"{head}with: {{{said}, {TINY}}}{rest}")
    return load_program(folder / FILE.name)


@pytest.mark.parametrize(("encoder", "outcome"), [("same", "pass"), ("other", "fail")])
def test_real_runs_with_the_bank_of_another_encoder_end_before_any_loss_is_blamed(
    tmp_path: Path, encoder: str, outcome: str
) -> None:
    from experiments import contrastive_retrieval

    here = World(tmp_path, tiny(tmp_path, evaluation_encoder=encoder), lambda arm, seed: "lost")
    here.launcher = InProcessLauncher({"contrastive_retrieval": contrastive_retrieval})  # type: ignore[assignment]
    done = here.advance(until="preflight", fidelity="smoke")
    verdict, decision = judged(here)["preflight"], decided(here, "preflight")
    assert verdict.outcome == outcome
    results = {c.id: c for c in verdict.criteria}
    if encoder == "same":
        assert decision.target == "leak_check"
        assert results["other_encoder_is_noticed"].outcome == "met"
    else:
        assert done.plan.state == "waiting"
        assert "Case another_space (targets and bank come from different encoders" in decision.reason
        assert "target_bank_cosine" in results["same_space"].reason
        assert (results["same_space"].observed or 0) < 0.6
        assert [*judged(here)] == ["preflight"]


def test_real_runs_reach_new_articles_where_a_person_accepts(tmp_path: Path) -> None:
    from experiments import contrastive_retrieval

    here = World(tmp_path, tiny(tmp_path), lambda arm, seed: "lost")
    here.launcher = InProcessLauncher({"contrastive_retrieval": contrastive_retrieval})  # type: ignore[assignment]
    here.advance(accept=True, fidelity="smoke")
    assert [*judged(here)][-1] == "phase2"
    assert judged(here)["phase2"].outcome in ("pass", "fail", "inconclusive")
