"""Every branch of ``span_multitask``, with scripted runs in the real loop."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest

from planner.io.programs.loader import load_program
from planner.records.decision import Decision, Rejected
from planner.records.jobs import Ended, Event, Job
from planner.records.verdict import Verdict
from tests.support.variation import varied
from tests.support.worlds import ROOT, Measured, Scripted, World, foreign_run, stand

pytestmark = [pytest.mark.slow, pytest.mark.in_turn]
PROGRAM = load_program(ROOT / "knowledge" / "programs" / "span_multitask.yaml")
REFERENCE = json.loads((ROOT / "tests" / "reference" / "span_multitask.json").read_text())
FIRST = "countdown_normalization"
TRIED = ["single_task", "binary_countdown", "class_weight", "sliding_windows"]

Values = dict[str, float]
USUAL: Values = {
    "loss_type": 0.6,
    "loss_ptr": 0.02,
    "loss_span": 0.6,
    "loss_countdown": 0.1,
    "gradient_share_span": 0.2,
    "gradient_share_countdown": 0.4,
    "span_f1": 0.01,
    "span_f1_best_threshold": 0.03,
    "span_f1_floor": 0.13,
    "average_precision": 0.05,
    "span_base_rate": 0.07,
    "prob_separation": 0.01,
    "label_overlap": 0.0,
}
FOUND: Values = {
    "span_f1": 0.4,
    "span_f1_best_threshold": 0.42,
    "average_precision": 0.4,
    "prob_separation": 0.2,
    "gradient_share_span": 0.6,
}


class AfterTheFirstEpoch(Scripted):
    """Runs whose every metric is of epoch 1, so that a criterion may ask for it there."""

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        folders: dict[str, Path] = {}

        def remembered() -> Iterable[Job]:
            for job in jobs:
                folders[job.id] = Path(job.folder)
                yield job

        for event in super().run(remembered()):
            if isinstance(event, Ended):
                file = folders[event.job_id] / "metrics.jsonl"
                lines = [json.loads(line) for line in file.read_text().splitlines()]
                file.write_text("".join(json.dumps([name, 1, value]) + "\n" for name, _, value in lines))
            yield event


def world(
    folder: Path, failing: tuple[str, ...] = (), loud: dict[str, float] | None = None, **said: Values
) -> World:
    """A world with the program that ships, where nothing learns but what a test says.

    Args:
        failing: arms whose runs end with an error.
        loud: arm -> how far its metrics lie from their mean, up at one seed and down at the next.
        said: arm -> metrics that differ from the usual ones.
    """
    values = {arm: {**USUAL, **said.get(arm, {})} for arm in PROGRAM.arms}
    raw = {"loss_countdown": 10.0, "gradient_share_countdown": 0.9}
    values["baseline"] = {**USUAL, **raw, **said.get("baseline", {})}
    for rules in ("proxies", "proxies_unsigned"):
        values[rules] = {"proxy_correlation": 0.02, **said.get(rules, {})}

    def measure(arm: str, seed: int) -> Measured:
        if arm in failing:
            return "code_error"
        shift = (loud or {}).get(arm, 0.0) * (-1.0) ** seed
        measured = varied(PROGRAM, values[arm], arm, seed, by=0.001)
        return {name: value + shift for name, value in measured.items()}

    made = World(folder, PROGRAM, measure)
    made.launcher = AfterTheFirstEpoch(measure)
    return made


def through(here: World, **wishes: Any) -> dict[str, Verdict]:
    """The verdicts on the way, in their order, once nothing is left to do."""
    here.advance(**wishes)
    return {phase: here.at.verdicts[phase] for phase in here.at.path if phase in here.at.verdicts}


def decided(here: World, phase: str) -> Decision:
    return here.at.decisions[phase]


def rejected(here: World, phase: str, option: str) -> Rejected:
    (entry,) = [r for r in decided(here, phase).rejected if r.choice == option]
    return entry


def statuses(verdict: Verdict) -> dict[str, str]:
    return {claim.id: claim.status for claim in verdict.claims}


# --- the first phase ------------------------------------------------------------------------------


def test_balance_without_detection_is_necessary_not_sufficient_and_goes_to_triage(tmp_path: Path) -> None:
    here = world(tmp_path)
    verdict = through(here, every=False)[FIRST]
    assert (verdict.outcome, verdict.case) == ("fail", "necessary_not_sufficient")
    assert decided(here, FIRST).choice == "single_task"
    claim_statuses = statuses(verdict)
    assert claim_statuses["normalization_balances"] == "supported"
    assert claim_statuses["countdown_dominates_gradient"] == "supported"
    assert claim_statuses["reduced_50_to_100_times"] == "supported"
    assert claim_statuses["proxies_are_usable"] == claim_statuses["balance_enables_spans"] == "refuted"


def test_the_target_below_the_floor_of_calling_everything_positive_is_a_caveat(tmp_path: Path) -> None:
    (verdict,) = through(world(tmp_path), every=False).values()
    (caveat,) = [c for c in verdict.caveats if c.startswith("target_above_floor")]
    assert "the target F1 0.10 lies above the F1 of calling every step positive" in caveat
    high = world(tmp_path / "high", normalized={"span_f1_floor": 0.05})
    (verdict,) = through(high, every=False).values()
    assert not any(c.startswith("target_above_floor") for c in verdict.caveats)


def test_a_share_of_gradient_that_stays_is_named_beside_the_balance_of_the_loss(tmp_path: Path) -> None:
    here = world(tmp_path, normalized={"gradient_share_countdown": 0.7})
    (verdict,) = through(here, every=False).values()
    (claim,) = [c for c in verdict.claims if c.id == "normalization_balances"]
    assert claim.status == "supported"
    assert any("gradient_share_countdown" in caveat for caveat in claim.caveats)


def test_balance_that_is_enough_is_case_solved_and_with_usable_proxies_passes(tmp_path: Path) -> None:
    here = world(tmp_path, normalized=FOUND)
    verdict = through(here, every=False)[FIRST]
    assert (verdict.outcome, verdict.case) == ("fail", "solved")  # the proxies alone keep the gate shut
    assert decided(here, FIRST).choice == "single_task"
    here = world(tmp_path / "proxies", normalized=FOUND, proxies={"proxy_correlation": 0.3})
    verdict = through(here, every=False)[FIRST]
    assert (verdict.outcome, verdict.case) == ("pass", "solved")
    assert decided(here, FIRST).target == "threshold_check"


def test_a_loss_that_stays_large_is_not_balanced(tmp_path: Path) -> None:
    here = world(tmp_path, normalized={"loss_countdown": 5.0})
    verdict = through(here, every=False)[FIRST]
    assert (verdict.outcome, verdict.case) == ("fail", "not_balanced")
    assert decided(here, FIRST).choice == "single_task"


@pytest.mark.parametrize("below", [0.4, 0.6])
def test_either_goal_of_balance_is_enough(tmp_path: Path, below: float) -> None:
    here = world(
        tmp_path,
        baseline={"loss_countdown": 5.0 if below < 0.5 else 20.0},
        normalized={"loss_countdown": below},
    )
    assert through(here, every=False)[FIRST].case == "necessary_not_sufficient"


def test_a_goal_that_stays_undecided_takes_every_seed_and_goes_to_triage(tmp_path: Path) -> None:
    here = world(tmp_path, loud={"proxies": 0.2}, normalized=FOUND, proxies={"proxy_correlation": 0.2})
    assert through(here, every=False)[FIRST].outcome == "inconclusive"
    assert {seed for arm, seed in here.launcher.made if arm == "proxies"} == set(range(6))
    assert str(decided(here, FIRST).rule) == f"{FIRST}.triage.single_task"


def test_runs_that_fail_for_good_refute_nothing(tmp_path: Path) -> None:
    here = world(tmp_path, failing=("proxies",))
    verdict = through(here, every=False)[FIRST]
    assert (verdict.outcome, verdict.case) == ("inconclusive", "necessary_not_sufficient")
    assert statuses(verdict)["proxies_are_usable"] in ("not_verified", "proposed")


def test_at_smoke_one_or_two_seeds_are_provisional(tmp_path: Path) -> None:
    verdict = through(world(tmp_path), every=False, fidelity="smoke")[FIRST]
    assert verdict.confidence == "provisional"


def test_rules_that_ignore_the_direction_are_claims_and_leave_the_gate_alone(tmp_path: Path) -> None:
    verdict = through(world(tmp_path, proxies_unsigned={"proxy_correlation": 0.3}), every=False)[FIRST]
    claim_statuses = statuses(verdict)
    assert (
        claim_statuses["sign_hides_the_proxy"] == claim_statuses["unsigned_proxies_are_usable"] == "supported"
    )
    assert (verdict.outcome, claim_statuses["proxies_are_usable"]) == ("fail", "refuted")


# --- triage ---------------------------------------------------------------------------------------


def test_every_option_is_tried_once_in_order_and_the_deferred_one_is_not(tmp_path: Path) -> None:
    here = world(tmp_path)
    verdicts = through(here)
    assert [*verdicts] == [FIRST, *TRIED, "threshold_check"]
    assert {verdict.outcome for verdict in verdicts.values()} == {"fail"}
    for phase, following in zip([FIRST, *TRIED[:3]], TRIED, strict=True):
        assert decided(here, phase).choice == following
        assert rejected(here, phase, "pretraining").reason.startswith("deferred until")
    last = decided(here, "threshold_check")
    assert last.action == "stop"
    assert "no triage option" in last.reason
    assert rejected(here, "threshold_check", "pretraining").reason.startswith("deferred until")
    assert rejected(here, "threshold_check", "single_task").reason == "tried already: fail"


def test_pretraining_comes_back_once_f1_is_above_20_in_the_supervised_setting(tmp_path: Path) -> None:
    here = world(tmp_path, single_task={"span_f1": 0.25})
    verdicts = through(here)
    assert verdicts["single_task"].outcome == "fail"  # the probabilities still do not separate
    assert [*verdicts] == [FIRST, *TRIED, "pretraining", "threshold_check"]
    assert decided(here, "sliding_windows").choice == "pretraining"


@pytest.mark.parametrize("f1", [0.15, 0.195])
def test_an_f1_short_of_20_does_not_bring_it_back(tmp_path: Path, f1: float) -> None:
    assert "pretraining" not in through(world(tmp_path, single_task={"span_f1": f1}))


@pytest.mark.parametrize("helps", [*TRIED, "pretraining"])
def test_an_option_that_helps_leads_to_the_threshold_check(tmp_path: Path, helps: str) -> None:
    said = {helps: FOUND}
    if helps == "pretraining":
        said["single_task"] = {"span_f1": 0.25}
    here = world(tmp_path, **said)
    verdicts = through(here, until=helps)
    order = [FIRST, *TRIED, "pretraining"]
    assert [*verdicts][: order.index(helps) + 1] == order[: order.index(helps) + 1]
    assert verdicts[helps].outcome == "pass"
    assert decided(here, helps).target == "threshold_check"


@pytest.mark.parametrize(
    ("phase", "values", "spread"),
    [
        ("single_task", {"span_f1": 0.15, "prob_separation": 0.08}, 0.1),
        ("binary_countdown", {"gradient_share_span": 0.25, "average_precision": 0.08}, 0.3),
        ("class_weight", {"span_f1": 0.15, "prob_separation": 0.08}, 0.1),
        ("sliding_windows", {"average_precision": 0.08, "label_overlap": -0.3}, 0.3),  # no leak, however loud
    ],
)
def test_an_option_that_stays_undecided_leads_to_the_next(
    tmp_path: Path, phase: str, values: Values, spread: float
) -> None:
    here = world(tmp_path, loud={phase: spread}, **{phase: values})
    assert through(here, until=phase)[phase].outcome == "inconclusive"
    following = [*TRIED, "threshold_check"]
    assert decided(here, phase).choice == following[following.index(phase) + 1]


def test_sliding_windows_that_leak_are_invalid_and_lead_to_the_next_option(tmp_path: Path) -> None:
    here = world(tmp_path, sliding_windows={**FOUND, "label_overlap": 0.9})
    verdict = through(here, until="sliding_windows")["sliding_windows"]
    assert (verdict.outcome, verdict.cause) == ("invalid", "no_leak")
    assert decided(here, "sliding_windows").choice == "threshold_check"


def test_a_target_reached_below_the_floor_passes_with_both_caveats(tmp_path: Path) -> None:
    here = world(tmp_path, single_task={"span_f1": 0.12, "prob_separation": 0.1})
    verdict = through(here, until="single_task")["single_task"]
    assert (verdict.outcome, verdict.confidence) == ("pass", "provisional")
    assert {c.split(":")[0] for c in verdict.caveats} >= {"beats_floor", "target_above_floor"}
    (claim,) = [c for c in verdict.claims if c.id == "learns_the_span"]
    assert any("f1_above_floor" in caveat for caveat in claim.caveats)


def test_a_person_may_take_another_option_and_the_recommendation_stays(tmp_path: Path) -> None:
    here = world(tmp_path)
    here.advance(every=False)
    here.say(FIRST, choose="class_weight")
    assert [*through(here, until="single_task")] == [FIRST, "class_weight", "single_task"]
    assert decided(here, FIRST).recommended is not None


# --- the check of the causes ----------------------------------------------------------------------

CAUSES: dict[str, tuple[dict[str, Values], str]] = {
    "threshold_hides_f1": ({"normalized": {"span_f1_best_threshold": 0.3}}, "fixed_threshold_is_a_cause"),
    "weight_helps": ({"weight_13.0": {"average_precision": 0.3}}, "imbalance_is_a_cause"),
    "head_helps": ({"per_step_head": {"average_precision": 0.4, "span_f1": 0.3}}, "pooled_head_is_a_cause"),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_one_cause_is_enough_and_is_distinguished_from_the_others(tmp_path: Path, cause: str) -> None:
    said, claim = CAUSES[cause]
    here = world(tmp_path, single_task=FOUND, **said)
    verdict = through(here)["threshold_check"]
    assert (verdict.outcome, decided(here, "threshold_check").action) == ("pass", "stop")
    claim_statuses = statuses(verdict)
    assert {name for _, name in CAUSES.values() if claim_statuses[name] == "supported"} == {claim}


def test_a_threshold_that_only_reaches_the_floor_is_a_cause_with_a_caveat(tmp_path: Path) -> None:
    here = world(tmp_path, single_task=FOUND, normalized={"span_f1_best_threshold": 0.12})
    verdict = through(here)["threshold_check"]
    assert verdict.outcome == "pass"
    (cause,) = (c for c in verdict.claims if c.id == "fixed_threshold_is_a_cause")
    assert cause.status == "supported"
    assert any("beats_floor" in caveat for caveat in cause.caveats)
    assert any(c.startswith("beats_floor") for c in verdict.caveats)


def test_with_a_head_that_keeps_position_balance_may_be_a_cause_after_all(tmp_path: Path) -> None:
    here = world(tmp_path, single_task=FOUND, per_step_head=FOUND, per_step_raw={"average_precision": 0.1})
    claim_statuses = statuses(through(here)["threshold_check"])
    assert claim_statuses["balance_is_a_cause"] == claim_statuses["pooled_head_is_a_cause"] == "supported"
    same = world(tmp_path / "same", single_task=FOUND, per_step_head=FOUND, per_step_raw=FOUND)
    assert statuses(through(same)["threshold_check"])["balance_is_a_cause"] == "refuted"


def test_without_a_cause_an_option_that_helped_is_followed_by_the_next_one(tmp_path: Path) -> None:
    here = world(tmp_path, single_task=FOUND)
    verdicts = through(here, until="threshold_check")
    assert [*verdicts][:3] == [FIRST, "single_task", "threshold_check"]
    assert verdicts["threshold_check"].outcome == "fail"
    assert decided(here, "threshold_check").choice == "binary_countdown"


def test_a_cause_that_stays_undecided_leads_back_too(tmp_path: Path) -> None:
    said = {"per_step_head": {"average_precision": 0.08}}
    here = world(tmp_path, loud={"per_step_head": 0.3}, single_task=FOUND, **said)
    assert through(here, until="threshold_check")["threshold_check"].outcome == "inconclusive"
    assert decided(here, "threshold_check").choice == "binary_countdown"


# --- figures of others, and the loop --------------------------------------------------------------


def test_the_documents_figures_give_its_verdict_on_the_program_that_ships() -> None:
    document = REFERENCE["phases"][FIRST]
    runs = [
        foreign_run(
            FIRST,
            run["arm"],
            run["seed"],
            {**{name: steps[-1][1] for name, steps in run.get("series", {}).items()}, **run["metrics"]},
            params={name: str(value) for name, value in run["params"].items()},
            series={n: tuple(map(tuple, steps)) for n, steps in run.get("series", {}).items()},
        )
        for run in document["runs"]
    ]
    position = stand(PROGRAM, runs, no_run=True)
    verdict, decision = position.steps[0].verdict, position.steps[0].decision
    wanted = document["expected"]
    assert (verdict.outcome, verdict.confidence) == (wanted["outcome"], wanted["confidence"])
    assert decision.choice == wanted["triage_choice"]
    for goal, rule in wanted["goals"].items():
        result = verdict.criterion(goal)
        assert result is not None
        assert result.outcome == {"pass": "met", "fail": "not_met"}[rule["outcome"]]
    refuted = {name for name, status in statuses(verdict).items() if status == "refuted"}
    assert refuted >= {"countdown_was_91_percent", "countdown_is_13_percent"}
    deferred = [r for r in decision.rejected if r.choice == "pretraining"]
    assert deferred[0].reason.startswith("deferred until")


def test_a_second_advance_launches_nothing_and_arms_that_phases_share_are_measured_once(
    tmp_path: Path,
) -> None:
    here = world(tmp_path)
    through(here)
    before, made = here.ids(), list(here.launcher.made)
    through(here)
    assert (here.ids(), here.launcher.made) == (before, made)
    assert len(made) == len(set(made)) + 1  # one is made twice, to see whether it gives the same numbers
    for one, same in (("normalized", "weight_1.0"), ("class_weight", "weight_13.0")):
        seeds = [seed for arm, seed in made if arm in (one, same)]  # two names of one configuration
        assert len(seeds) == len(set(seeds)) >= 3
