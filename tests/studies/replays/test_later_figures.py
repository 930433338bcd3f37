"""Figures of later stages: more seeds, whole runs, clean data, and what was found afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from planner.deciding.situation import Plan
from planner.records.person import Override
from tests.studies.replays.replaying import (
    Figures,
    figures_of,
    memo_of,
    program_of,
    raw_run,
    replay,
    said,
    section,
    seeds_of,
    step_of,
)
from tests.support.worlds import override

pytestmark = pytest.mark.in_turn


def log(figures: Figures, phase: str, arm: str, seed: int = 0, **metrics: float) -> dict[str, Any]:
    run = raw_run(figures, phase, arm, seed)
    run["metrics"].update(metrics)
    return run


def walked(position: Plan) -> list[tuple[str, str, str | None]]:
    return [(s.verdict.phase, s.verdict.outcome, s.verdict.case or s.verdict.tier) for s in position.steps]


# --- credit_linesearch ----------------------------------------------------------------------------


def test_three_seeds_of_the_documents_figures_confirm_both_cases() -> None:
    figures = figures_of("credit_linesearch")
    for phase in ("phase_6a", "samebatch"):
        seeds_of(figures, phase, 3)
        for run in figures[phase]:
            run.pop("series", None)
            run["metrics"].update(dl_online=0.1, eta_interior=1.0)
            run["data_digest"] = "the document's"  # data that nobody named would leave it provisional
    position = replay("credit_linesearch", figures)
    concluded = [(s.verdict.case, s.verdict.confidence) for s in position.steps]
    assert concluded[0] == ("B", "confirmed")
    assert concluded[1][0] == "D"
    assert not any(c.startswith("seeds:") for c in position.steps[1].verdict.caveats)


@pytest.mark.parametrize(("held", "case", "action"), [(-0.03, "artifact", "stop"), (0.05, "real", "wait")])
def test_on_an_early_snapshot_the_held_out_rise_is_an_artifact_or_real(
    held: float, case: str, action: str
) -> None:
    figures = figures_of("credit_linesearch")
    for credit in ("dfa", "scalar_cb", "vec_m4", "oracle"):
        log(figures, "snapshot_age", f"{credit}_early", dl_same=-0.1, dl_held=held)
        log(figures, "snapshot_age", f"{credit}_late", dl_same=-0.1, dl_held=0.09)
    log(figures, "snapshot_age", "oracle_early_one_batch", dl_same=-0.1, dl_held=0.2)
    position = replay("credit_linesearch", figures)
    last = position.steps[-1]
    assert (last.verdict.phase, last.verdict.case, last.decision.action) == ("snapshot_age", case, action)
    assert last.verdict.confidence == "provisional"
    if case == "real":  # one seed is not enough to regularize on
        assert (last.decision.choice, last.decision.needs_person) == ("regularize", "to_confirm")
        (replace,) = [r for r in last.decision.rejected if r.choice == "replace_surrogate"]
        assert replace.reason.startswith("discouraged")


@pytest.mark.parametrize(
    ("online", "held", "case"), [(-0.1, -0.1, "A"), (0.1, -0.1, "C"), (-0.1, 0.1, "D"), (0.1, 0.1, "D")]
)
def test_same_batch_cases_follow_from_held_out_and_online_loss(online: float, held: float, case: str) -> None:
    figures = figures_of("credit_linesearch")
    for run in figures["samebatch"]:
        run["metrics"].update(dl_online=online, dl_held=held)
    verdict = step_of(replay("credit_linesearch", figures), "samebatch").verdict
    assert (verdict.outcome, verdict.case) == ("pass", case)


# --- ep_contraction -------------------------------------------------------------------------------


def decisive(
    ce: list[float], rho: list[float], cosine: list[float], bptt: list[float], seeds: int = 1
) -> Figures:
    """The decisive phase beside the facts: what the oracle adjoint does, and BPTT."""
    figures = figures_of("ep_contraction")
    for seed in range(seeds):
        noise = 1e-4 * seed
        run = raw_run(figures, "decisive", "oracle", seed)
        values = {"ce": ce, "rho": rho, "cos_oracle_transpose": cosine}
        run["series"] = {
            m: [[100 * i, v - noise * (i + 1)] for i, v in enumerate(vs)] for m, vs in values.items()
        }
        run = raw_run(figures, "decisive", "bptt_from_checkpoint", seed)
        values = {"ce": bptt, "rho": [0.95, 0.955, 0.96]}
        run["series"] = {m: [[100 * i, v + noise] for i, v in enumerate(vs)] for m, vs in values.items()}
    return figures


CLEARS, BLOWS = [2.74, 2.2, 1.86], [2.74, 2.9, 41.0]
DRIFTS, KEEPS = [0.95, 0.98, 1.02], [0.95, 0.955, 0.96]
EXACT, WRONG = [0.999, 0.999, 0.998], [0.999, 0.9, 0.7]
BPTT = [2.74, 2.2, 1.85]


@pytest.mark.parametrize("seeds", [1, 6])
@pytest.mark.parametrize(
    ("figures", "case", "outcome", "came"),
    [
        ((CLEARS, KEEPS, EXACT), "a", "pass", False),
        ((BLOWS, DRIFTS, EXACT), "b", "fail", True),
        ((BLOWS, DRIFTS, WRONG), "neither", "fail", False),
    ],
    ids=["estimator error", "structural", "neither"],
)
def test_the_decisive_experiment_decides_between_the_hypotheses_by_the_rule(
    figures: tuple[list[float], list[float], list[float]], case: str, outcome: str, came: bool, seeds: int
) -> None:
    position = replay("ep_contraction", decisive(*figures, BPTT, seeds))
    verdict = step_of(position, "decisive").verdict
    assert (verdict.outcome, verdict.case) == (outcome, case)
    assert verdict.hypothesis == (case if case in ("a", "b") else None)
    text = said("ep_contraction", position, "decisive").lower()
    assert "prediction" in text
    assert ("came true" in text) == came
    assert "0.9" in text or "90%" in text
    hypotheses = program_of("ep_contraction").hypotheses
    assert hypotheses is not None
    for says in hypotheses.rivals.values():
        assert says.split(" - ")[0].lower() in text


def test_where_bptt_diverges_too_nothing_is_concluded_and_no_remedy_is_tried() -> None:
    position = replay("ep_contraction", decisive(BLOWS, DRIFTS, EXACT, [2.74, 9.0, 11.0]))
    step = step_of(position, "decisive")
    assert (step.verdict.outcome, step.verdict.case, step.verdict.hypothesis) == ("invalid", None, None)
    assert step.decision.action in ("wait", "stop")


def test_the_decisive_phase_without_the_oracles_cosine_leaves_the_hypotheses_open() -> None:
    figures = decisive(BLOWS, DRIFTS, EXACT, BPTT)
    del raw_run(figures, "decisive", "oracle")["series"]["cos_oracle_transpose"]
    verdict = step_of(replay("ep_contraction", figures), "decisive").verdict
    assert (verdict.case, verdict.hypothesis) == (None, None)
    assert any("cos_oracle_transpose" in c for c in verdict.caveats)


@pytest.mark.parametrize(
    ("ce", "status"), [(1.9, "supported"), (60.0, "refuted"), (6.0, "not_verified"), (2.5, "not_verified")]
)
def test_training_longer_at_t2sel_160_settles_fact_five(ce: float, status: str) -> None:
    figures = figures_of("ep_contraction")
    raw_run(figures, "fact_check", "ep_t2sel_160_train")["series"]["ce"] = [[100, 6.0], [3000, ce]]
    verdict = step_of(replay("ep_contraction", figures), "fact_check").verdict
    assert next(c.status for c in verdict.claims if c.id == "5_t2sel_160_settles_it") == status


@pytest.mark.parametrize(("spread", "status"), [(0.004, "supported"), (0.2, "supported_in_direction")])
def test_the_damping_sweep_settles_fact_four(spread: float, status: str) -> None:
    figures = figures_of("ep_contraction")
    for i, arm in enumerate(("ep_c_1.0", "ep_c_1.5", "ep_c_2.0")):
        log(figures, "fact_check", arm, rho=0.98 - i * spread)
    log(figures, "fact_check", "bptt", rho=0.982)
    verdict = step_of(replay("ep_contraction", figures), "fact_check").verdict
    statuses = {c.id: c for c in verdict.claims}
    assert statuses["1_failure_is_ep_specific"].caveats == () or "rho" not in str(
        statuses["1_failure_is_ep_specific"].caveats
    )
    judged_status = statuses["4_wall_is_residual_hypersensitivity"].status
    assert judged_status == status or (spread > 0.01 and judged_status == "refuted")


# --- contrastive_retrieval ------------------------------------------------------------------------


def retrieval(leak: float = 0.91, ar: float = 0.0, seeds: int = 1, **recall: float) -> Figures:
    """The document's figures, a pre-flight that passed, and what options came to afterwards."""
    figures = figures_of("contrastive_retrieval")
    log(figures, "preflight", "ar_only", target_bank_cosine=1.0, oracle_recall_at_1=1.0, leak_overlap=0.0)
    for option, recalled in recall.items():
        for seed in range(seeds):
            log(figures, option, "ar_only", seed, recall_at_5=ar + 1e-3 * seed, leak_overlap=leak)
            log(figures, option, option, seed, recall_at_5=recalled + 2e-3 * seed, leak_overlap=leak)
    return figures


def test_raw_infonce_is_tried_once_and_then_the_two_tower_waits_for_approval() -> None:
    position = replay("contrastive_retrieval", retrieval(raw_infonce=0.03))
    last = position.steps[-1]
    assert (last.verdict.phase, last.verdict.outcome) == ("raw_infonce", "fail")
    assert (position.state, last.decision.choice) == ("waiting", "two_tower")
    assert last.decision.needs_person == "to_approve"
    (tried,) = [r for r in last.decision.rejected if r.choice == "raw_infonce"]
    assert tried.reason == "tried already: fail"


def test_every_option_in_turn_ends_with_the_sweep_that_was_discouraged() -> None:
    figures = retrieval(raw_infonce=0.03, two_tower=0.02, amn_baseline=0.05, pure_infonce=0.01)
    say = [("raw_infonce", "two_tower"), ("two_tower", "amn_baseline")]
    approved: list[Override] = [override(program_of("contrastive_retrieval"), p, choose=c) for p, c in say]
    position = replay("contrastive_retrieval", figures, tuple(approved))
    order = [s.verdict.phase for s in position.steps][3:]
    assert order == ["raw_infonce", "two_tower", "amn_baseline", "pure_infonce"]
    assert position.next is not None and position.next.choice == "temperature_sweep"


def test_a_gain_on_leaked_data_is_provisional_and_has_to_stand_the_clean_test() -> None:
    position = replay("contrastive_retrieval", retrieval(raw_infonce=0.58, ar=0.23, seeds=6))
    last = position.steps[-1]
    assert (last.verdict.phase, last.verdict.outcome, last.verdict.confidence) == (
        "raw_infonce",
        "pass",
        "provisional",
    )
    assert any(c.startswith("no_leak") for c in last.verdict.caveats)
    assert last.decision.target == "phase2"


@pytest.mark.parametrize(
    ("best", "leak", "outcome"), [(0.07, 0.0, "fail"), (0.18, 0.0, "pass"), (0.18, 0.2, "invalid")]
)
def test_article_disjoint_evaluation_judges_the_gain_and_is_invalid_with_any_leak(
    best: float, leak: float, outcome: str
) -> None:
    figures = retrieval(leak=0.0, raw_infonce=0.18, ar=0.05, seeds=6)
    for arm, value in (("ar_only", 0.05), ("infonce_ar", 0.01), ("raw_infonce", best), ("two_tower", 0.07)):
        log(figures, "phase2", arm, recall_at_5=value, leak_overlap=leak)
    log(figures, "phase2", "amn_baseline", recall_at_5=0.05, leak_overlap=leak)
    waits = replay("contrastive_retrieval", figures).steps[-1]
    assert (waits.verdict.phase, waits.decision.needs_person) == ("raw_infonce", "to_confirm")
    person = override(program_of("contrastive_retrieval"), "raw_infonce", choose="phase2")
    last = replay("contrastive_retrieval", figures, (person,)).steps[-1]
    assert (last.verdict.phase, last.verdict.outcome) == ("phase2", outcome)
    if outcome == "invalid":
        assert "nothing more is asked" not in last.decision.reason
        assert last.verdict.cause == "no_leak"


def test_where_targets_and_bank_do_not_share_a_space_the_preflight_stops_everything() -> None:
    figures = retrieval()
    log(figures, "preflight", "ar_only", target_bank_cosine=0.14)
    position = replay("contrastive_retrieval", figures)
    assert [s.verdict.phase for s in position.steps] == ["preflight"]
    assert (position.steps[0].verdict.outcome, position.state) == ("fail", "waiting")
    assert "`the verdict`" not in memo_of("contrastive_retrieval", position, "preflight")


def test_the_other_encoder_shows_that_the_space_and_not_the_head_is_the_cause() -> None:
    figures = figures_of("contrastive_retrieval")
    log(figures, "phase1", "infonce_ar", raw_cosine=0.35, projected_cosine=0.4)
    log(figures, "projection_test", "infonce_ar_other_encoder", projected_cosine=0.0, raw_cosine=0.3)
    verdict = step_of(replay("contrastive_retrieval", figures), "projection_test").verdict
    assert verdict.case == "head_is_innocent"
    statuses = {c.id: c.status for c in verdict.claims}
    assert (statuses["head_harms"], statuses["space_is_the_cause"]) == ("refuted", "supported")


# --- span_multitask -------------------------------------------------------------------------------


def spans(separation: float, f1: float) -> Figures:
    figures = figures_of("span_multitask")
    for arm in ("normalized", "single_task"):
        log(figures, "single_task", arm, prob_separation=separation, span_f1=f1, span_f1_floor=0.132)
        log(figures, "single_task", arm, average_precision=0.2, span_base_rate=0.07)
    return figures


@pytest.mark.parametrize(
    ("separation", "f1", "outcome", "target"),
    [(0.1, 0.187, "pass", "threshold_check"), (0.04, 0.187, "fail", "binary_countdown")],
)
def test_the_single_task_is_tried_once_and_leads_on_or_to_the_next_option(
    separation: float, f1: float, outcome: str, target: str
) -> None:
    last = replay("span_multitask", spans(separation, f1)).steps[-1]
    assert (last.verdict.phase, last.verdict.outcome) == ("single_task", outcome)
    assert (last.decision.target, last.verdict.confidence) == (target, "provisional")


@pytest.mark.parametrize(("f1", "due"), [(0.19, False), (0.21, True)])
def test_pretraining_comes_back_once_f1_is_above_20(f1: float, due: bool) -> None:
    figures = spans(0.04, f1)
    for arm, other in (("binary_countdown", 0.05), ("class_weight", 0.0), ("sliding_windows", 0.0)):
        for name, more in (("normalized", 0.0), (arm, other)):
            log(figures, arm, name, average_precision=0.1 + more, span_base_rate=0.07, label_overlap=0.0)
            log(figures, arm, name, gradient_share_span=0.1 + more, prob_separation=0.01, span_f1=0.0)
    last = replay("span_multitask", figures).steps[-1]
    assert last.verdict.phase == "sliding_windows"
    assert (last.decision.choice == "pretraining") == due
    if not due:
        (waiting,) = [r for r in last.decision.rejected if r.choice == "pretraining"]
        assert waiting.reason.startswith("deferred until")


def test_where_a_program_ends_a_deferred_option_that_is_due_is_named() -> None:
    figures = spans(0.1, 0.45)
    for arm in ("normalized", "weight_1.0", "weight_13.0", "per_step_head"):
        log(figures, "threshold_check", arm, span_f1=0.0, span_f1_best_threshold=0.2, span_f1_floor=0.132)
        log(figures, "threshold_check", arm, average_precision=0.3)
    position = replay("span_multitask", figures)
    assert walked(position)[-1][:2] == ("threshold_check", "pass")
    assert "pretraining" in said("span_multitask", position, "threshold_check")


# --- gated_ctr ------------------------------------------------------------------------------------


def five_epochs(figures: Figures, phase: str, arm: str, auc: float, seed: int = 42, **more: float) -> None:
    values = {"val_auc": auc, "best_epoch": 3, "gap": 0.05, "gap_eval": 0.05, "epochs_completed": 5, **more}
    run = log(figures, phase, arm, seed, **values)
    run.pop("status", None)
    run["series"] = {"epoch_minutes": [[epoch, 20.0] for epoch in range(1, 6)]}


@pytest.mark.parametrize(
    ("more", "tier", "outcome", "target"),
    [
        ({}, "1", "pass", "multi_seed"),
        ({"epochs_completed": 4}, "1.5", "pass", "multi_seed"),
        ({"gap": -0.05}, "2", "fail", "complete_five_epochs"),
        ({"best_epoch": 1}, "2", "fail", "complete_five_epochs"),
        ({"val_auc": 0.572}, "2", "fail", "complete_five_epochs"),
        ({"val_auc": 0.56}, "3", "fail", "complete_five_epochs"),
        ({"gap": 0.15}, "3", "fail", "complete_five_epochs"),
    ],
)
def test_five_whole_epochs_unblock_the_phase_and_give_it_its_tier(
    more: dict[str, float], tier: str, outcome: str, target: str
) -> None:
    figures = figures_of("gated_ctr")
    five_epochs(figures, "regularization", "balanced", 0.584)
    log(figures, "regularization", "balanced", 42, **more)
    step = step_of(replay("gated_ctr", figures), "regularization")
    assert (step.verdict.outcome, step.verdict.tier) == (outcome, tier)
    assert (step.verdict.confidence, step.decision.target) == ("provisional", target)


def test_a_whole_run_beside_the_one_that_was_cut_short_replaces_it() -> None:
    figures = figures_of("gated_ctr")
    whole: Figures = {"regularization": []}
    five_epochs(whole, "regularization", "balanced", 0.584)
    figures["regularization"] += whole["regularization"]
    verdict = step_of(replay("gated_ctr", figures), "regularization").verdict
    assert (verdict.outcome, verdict.tier) == ("pass", "1")
    assert not any("ended early" in c for c in verdict.caveats)


def test_after_the_infrastructure_is_mended_five_epochs_come_first_and_then_the_seeds() -> None:
    figures = figures_of("gated_ctr")
    aucs = {"weak_same_lr": 0.5827, "balanced": 0.5835, "strong": 0.583, "balanced_warmup": 0.59}
    for arm, auc in aucs.items():
        five_epochs(figures, "complete_five_epochs", arm, auc)
    assert replay("gated_ctr", figures).state == "blocked"
    mended = override(program_of("gated_ctr"), "regularization", done="resolve_infrastructure")
    position = replay("gated_ctr", figures, (mended,))
    assert [p for p, *_ in walked(position)] == ["regularization", "complete_five_epochs"]
    last = position.steps[-1]
    assert (last.verdict.outcome, last.decision.target) == ("pass", "multi_seed")
    statuses = {c.id: c.status for c in last.verdict.claims}
    assert (statuses["schedule_is_the_cause"], statuses["arms_do_not_differ"]) == ("supported", "supported")


@pytest.mark.parametrize(
    ("gain", "noise", "outcome", "flag"),
    [(0.0, 0.001, "fail", False), (0.02, 0.001, "pass", False), (0.05, 0.015, "pass", True)],
    ids=["no difference", "better", "better, but the seeds disagree"],
)
def test_five_seeds_judge_whether_balanced_is_better_and_flag_seeds_that_disagree(
    gain: float, noise: float, outcome: str, flag: bool
) -> None:
    figures = figures_of("gated_ctr")
    mended = override(program_of("gated_ctr"), "regularization", done="resolve_infrastructure")
    for arm in ("weak_same_lr", "balanced", "strong", "balanced_warmup"):
        five_epochs(figures, "complete_five_epochs", arm, 0.584)
    for seed, shift in enumerate((-1.0, 0.3, 1.2, -0.6, 0.1)):
        five_epochs(figures, "multi_seed", "weak", 0.62 + noise * shift, seed)
        five_epochs(figures, "multi_seed", "balanced", 0.62 + gain + noise * (shift + 0.05 * seed), seed)
    position = replay("gated_ctr", figures, (mended,))
    verdict = step_of(position, "multi_seed").verdict
    assert (verdict.outcome, verdict.seeds) == (outcome, 5)
    assert any(c.startswith("confound:lr") for c in verdict.caveats)
    assert any("yellow flag" in c for c in verdict.caveats) == flag
    if gain == 0.0:
        assert verdict.cause == "equivalent"
        assert "equivalent" in section(memo_of("gated_ctr", position, "multi_seed"), "TL;DR")


def test_seeds_that_end_early_block_the_phase_of_five_seeds_too() -> None:
    figures = figures_of("gated_ctr")
    mended = override(program_of("gated_ctr"), "regularization", done="resolve_infrastructure")
    for arm in ("weak_same_lr", "balanced", "strong", "balanced_warmup"):
        five_epochs(figures, "complete_five_epochs", arm, 0.584)
    for seed in range(5):
        for arm in ("weak", "balanced"):
            five_epochs(figures, "multi_seed", arm, 0.6 + 1e-3 * seed, seed)
    figures["multi_seed"][0]["status"] = "killed_for_slowdown"
    verdict = step_of(replay("gated_ctr", figures, (mended,)), "multi_seed").verdict
    assert (verdict.outcome, verdict.cause) == ("blocked", "infrastructure")
