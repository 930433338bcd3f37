"""Fed with a document's own figures, a program says what its author concluded, and what does not follow."""

from __future__ import annotations

from typing import Any

import pytest

from planner.explaining.in_text import as_text
from planner.explaining.trace import trace_of
from planner.lineage.staleness import build_validity
from planner.records.verdict import ClaimResult
from tests.studies.replays.replaying import (
    JUDGED,
    PROGRAMS,
    document,
    figures_of,
    line_of,
    memo_of,
    program_of,
    replay,
    said,
    section,
    step_of,
)
from tests.support.reference_figures import load_figures


def documented(name: str, phase: str) -> Any:
    return load_figures(name)["phases"][phase]["expected"]


def claims(name: str, phase: str) -> dict[str, ClaimResult]:
    return {c.id: c for c in step_of(document(name), phase).verdict.claims}


def memo(name: str, phase: str) -> str:
    return memo_of(name, document(name), phase)


# --- verdicts and what comes next -----------------------------------------------------------------


@pytest.mark.parametrize(("name", "phase"), JUDGED)
def test_every_verdict_is_provisional_and_says_that_one_run_per_arm_is_too_few(name: str, phase: str) -> None:
    assert step_of(document(name), phase).verdict.confidence == "provisional"
    assert "1 seed per arm" in section(memo(name, phase), "TL;DR")
    assert "at least 3 asked" in section(memo(name, phase), "TL;DR")


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_walk_ends_where_the_document_ends(name: str) -> None:
    expected = {
        "credit_linesearch": ("ready", ["phase_6a", "samebatch"], "run_phase", "snapshot_age"),
        "ep_contraction": ("ready", ["fact_check"], "run_phase", "decisive"),
        "contrastive_retrieval": ("ready", ["phase1", "projection_test"], "take_option", "raw_infonce"),
        "span_multitask": ("ready", ["countdown_normalization"], "take_option", "single_task"),
        "gated_ctr": ("blocked", ["regularization"], "wait", "resolve_infrastructure"),
    }[name]
    position = document(name)
    assert position.next is not None
    steps = [s.verdict.phase for s in position.steps]
    assert (position.state, steps, position.next.action, position.next.choice) == expected


def test_credit_case_d_supersedes_case_b_and_removes_its_three_confounds() -> None:
    early, late = (step_of(document("credit_linesearch"), p).verdict for p in ("phase_6a", "samebatch"))
    assert (early.outcome, early.case) == ("fail", documented("credit_linesearch", "phase_6a")["case"])
    expected = documented("credit_linesearch", "samebatch")
    assert (late.outcome, late.case) == (expected["outcome"], expected["case"])
    text = section(memo("credit_linesearch", "samebatch"), "TL;DR")
    assert "supersedes `phase_6a`, Case B" in text
    for confound in expected["supersedes"]["confounds"]:
        assert confound.replace("_", " ") in text.replace("_", " ")


def test_the_memo_of_a_superseded_phase_holds_none_of_its_claims_for_supported() -> None:
    assert "superseded" in section(memo("credit_linesearch", "phase_6a"), "Claims")
    assert "**supported**" not in section(memo("credit_linesearch", "phase_6a"), "Claims")


def test_credit_order_is_stated_with_the_best_step_size_of_each_method() -> None:
    ran = section(memo("credit_linesearch", "samebatch"), "What ran")
    for arm, eta in (("dfa", "0.01"), ("scalar_cb", "0.003"), ("vec_m4", "0.003"), ("oracle", "0.01")):
        assert f"eta {eta}" in line_of(ran, f"`{arm}_norm`")


def test_ep_facts_have_their_statuses_and_what_is_absent_is_not_verified() -> None:
    held = claims("ep_contraction", "fact_check")
    for name, fact in documented("ep_contraction", "fact_check")["facts"].items():
        assert held[name].status == fact["status"], name
        assert held[name].caveats or "caveat" not in fact, name
    text = said("ep_contraction", document("ep_contraction"), "fact_check")
    assert "'rho' is missing" in text  # rho about 0.982
    assert "arm 'ep_c_1.0' has no usable run" in text  # the damping sweep


def test_ep_fact_five_says_how_far_the_training_at_t2sel_160_went() -> None:
    line = line_of(section(memo("ep_contraction", "fact_check"), "Claims"), "t2sel 160")
    assert "3.283" in line
    assert "step 300" in line or "300 steps" in line


def test_ep_facts_alone_leave_both_hypotheses_open_and_the_ruling_a_prediction() -> None:
    position, program = document("ep_contraction"), program_of("ep_contraction")
    assert step_of(position, "fact_check").verdict.hypothesis is None
    assert program.hypotheses is not None
    text = section(memo("ep_contraction", "fact_check"), "Hypotheses")
    for says in program.hypotheses.rivals.values():
        assert "open" in line_of(text, says)
    standing = build_validity(program, position.verdicts)
    ahead = trace_of(
        program=program,
        phase="decisive",
        verdict=None,
        decision=None,
        verdicts=position.verdicts,
        overrides=(),
        validity=standing,
    )
    assert "predicted: case b (0.9)" in as_text(ahead)


def test_retrieval_takes_the_options_in_the_authors_order_and_sweeps_no_temperatures() -> None:
    expected = documented("contrastive_retrieval", "phase1")
    decision = step_of(document("contrastive_retrieval"), "projection_test").decision
    assert decision.choice == expected["triage_choice"]
    order = [decision.choice, *(r.choice for r in decision.rejected)]
    assert [option for option in order if option in expected["triage_order"]] == expected["triage_order"]
    for option in expected["discouraged"]:
        (rejected,) = [r for r in decision.rejected if r.choice == option]
        assert rejected.reason.startswith("discouraged")


def test_retrieval_tries_once_and_names_what_it_pivots_to() -> None:
    expected = documented("contrastive_retrieval", "phase1")
    decision = step_of(document("contrastive_retrieval"), "projection_test").decision
    assert "one try" in decision.reason
    assert expected["then_pivot_to"] in decision.reason


def test_retrieval_diagnosis_says_why_no_option_is_chosen_yet() -> None:
    decision = step_of(document("contrastive_retrieval"), "phase1").decision
    assert (decision.action, decision.choice) == ("run_diagnostic", "projection_test")
    for option in documented("contrastive_retrieval", "phase1")["triage_order"]:
        (reason,) = [r.reason for r in decision.rejected if r.choice == option]
        assert "projection_test" in reason or "discouraged" in reason


def test_span_goals_and_the_deferred_option() -> None:
    verdict, decision = (
        getattr(step_of(document("span_multitask"), "countdown_normalization"), part)
        for part in ("verdict", "decision")
    )
    expected = documented("span_multitask", "countdown_normalization")
    words = {"pass": "met", "fail": "not_met"}
    for goal, rule in expected["goals"].items():
        assert verdict.criterion(goal).outcome == words[rule["outcome"]]
    assert expected["finding"].replace(",", " and") in verdict.means
    assert decision.choice == expected["triage_choice"]
    (deferred,) = [r for r in decision.rejected if r.choice == "pretraining"]
    assert "deferred" in deferred.reason
    assert "span_f1" in deferred.reason and "0.2" in deferred.reason


def test_ctr_is_blocked_at_tier_1_5_and_multi_seed_is_not_begun() -> None:
    expected = documented("gated_ctr", "regularization")
    position = document("gated_ctr")
    verdict = step_of(position, "regularization").verdict
    assert (verdict.outcome, verdict.cause) == (expected["outcome"], expected["blocked_by"])
    assert (verdict.tier, verdict.means) == (expected["tier"], expected["tier_meaning"])
    assert [s.verdict.phase for s in position.steps] == ["regularization"]
    assert "multi_seed" not in (position.next.choice, position.next.target)  # type: ignore[union-attr]


def test_ctr_says_in_brief_what_one_epoch_cannot_show() -> None:
    text = section(memo("gated_ctr", "regularization"), "TL;DR")
    assert "`best_epoch_2_to_4` undecided" in text
    assert "epochs_completed = 1, asked at least 5" in text
    assert "ended early (slowdown)" in text


def test_ctr_differences_are_stated_with_both_arms() -> None:
    text = section(memo("gated_ctr", "regularization"), "Criteria")
    for name, other in (
        ("as_good_as_weak", "weak"),
        ("better_than_strong", "strong"),
        ("gate_below_weak", "weak"),
    ):
        line = line_of(text, f"`{name}`").replace(name, "")
        assert "balanced" in line and other in line


# --- what does not follow from the figures --------------------------------------------------------


INCONSISTENT = [
    ("credit_linesearch", "samebatch", "monotone_among_raw_arms", "-0.002"),
    ("credit_linesearch", "samebatch", "only_dfa_held_does_not_rise", "0.004"),
    ("contrastive_retrieval", "phase1", "one_evaluation_cosine", "0.0394"),
    ("contrastive_retrieval", "phase1", "validation_is_generalization", "-0.3253"),
    ("span_multitask", "countdown_normalization", "countdown_was_91_percent", "0.8842"),
    ("span_multitask", "countdown_normalization", "countdown_is_13_percent", "0.085"),
    ("gated_ctr", "regularization", "gap_is_healthy", "-0.0549"),
    ("gated_ctr", "regularization", "recovery_is_98_5_percent", "0.9974"),
]


@pytest.mark.parametrize(("name", "phase", "claim", "number"), INCONSISTENT)
def test_a_statement_that_the_figures_do_not_bear_out_is_refuted_with_the_figure_beside_it(
    name: str, phase: str, claim: str, number: str
) -> None:
    assert claims(name, phase)[claim].status == "refuted"
    says = program_of(name).phases[phase].claims[claim].says
    line = line_of(section(memo(name, phase), "Claims"), says)
    assert "refuted" in line
    assert number in line


def test_the_countdown_loss_falls_by_59_times_at_the_first_epoch() -> None:
    assert (
        claims("span_multitask", "countdown_normalization")["reduced_50_to_100_times"].status == "supported"
    )
    text = said("span_multitask", document("span_multitask"), "countdown_normalization")
    assert "normalized.loss_countdown / baseline.loss_countdown at step 1 = 0.01687" in text


def test_the_learning_rate_is_named_as_a_confound_of_everything_that_it_confounds() -> None:
    verdict = step_of(document("gated_ctr"), "regularization").verdict
    (confound,) = [c for c in verdict.caveats if c.startswith("confound:")]
    assert "lr is 0.0003 in balanced and 0.001 in weak" in confound
    for criterion in ("as_good_as_weak", "better_than_weak", "gate_below_weak", "recovery_98_5"):
        assert criterion in confound
    assert not any("strong" in c for c in verdict.caveats if c.startswith("confound:"))


@pytest.mark.parametrize("claim", ["balanced_beats_weak", "gate_partly_recovers", "recovery_is_98_5_percent"])
def test_a_claim_that_rests_on_a_confounded_comparison_says_so(claim: str) -> None:
    assert any("lr" in caveat for caveat in claims("gated_ctr", "regularization")[claim].caveats)


def test_the_leak_and_the_floor_are_named_where_retrieval_is_judged() -> None:
    text = said("contrastive_retrieval", document("contrastive_retrieval"), "phase1")
    assert "leak_overlap = 0.915" in text
    assert "not so that evaluation data do not overlap training data" in text
    assert "preflight" in section(memo("contrastive_retrieval", "phase1"), "TL;DR")


def test_a_target_below_the_floor_is_named_where_there_is_a_floor_and_else_called_unknown() -> None:
    target = "the target F1 0.10 lies above the F1 of calling every step positive"
    text = section(memo("span_multitask", "countdown_normalization"), "TL;DR")
    assert f"it is not known whether {target}" in text
    figures = figures_of("span_multitask")
    figures["countdown_normalization"][1]["metrics"]["span_f1_floor"] = 2 * 0.07 / 1.07
    position = replay("span_multitask", figures)
    text = section(memo_of("span_multitask", position, "countdown_normalization"), "TL;DR")
    assert f"it is not so that {target}" in text
    assert "span_f1_floor = 0.1308" in text
