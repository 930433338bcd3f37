"""Fed with the documents' own figures, programs reach the authors' verdicts and name what does not follow."""

from __future__ import annotations

import pytest

from planner.records.verdict import ClaimResult, CriterionResult, Verdict
from tests.support.reference_figures import load_draft, load_figures, reference_verdict

JUDGED = [
    ("credit_linesearch", "phase_6a", None),
    ("credit_linesearch", "samebatch", None),
    ("ep_contraction", "fact_check", None),
    ("contrastive_retrieval", "phase1", None),
    ("contrastive_retrieval", "projection_test", "phase1"),
    ("span_multitask", "countdown_normalization", None),
    ("gated_ctr", "regularization", None),
]


def criterion_of(verdict: Verdict, name: str) -> CriterionResult:
    result = verdict.criterion(name)
    assert result is not None
    return result


def claim(verdict: Verdict, name: str) -> ClaimResult:
    return next(c for c in verdict.claims if c.id == name)


def expected(program: str, phase: str) -> dict[str, object]:
    figures: dict[str, object] = load_figures(program)["phases"][phase]["expected"]
    return figures


@pytest.mark.parametrize(("program", "phase", "runs_of"), JUDGED)
def test_one_run_per_arm_gives_a_provisional_verdict_at_point_value_that_says_so(
    program: str, phase: str, runs_of: str | None
) -> None:
    verdict = reference_verdict(program, phase, runs_of)
    assert verdict.confidence == "provisional"
    assert verdict.seeds == 1
    assert any(c.startswith("seeds: 1 seed") for c in verdict.caveats)
    assert {c.treatment for c in verdict.criteria if c.treatment} == {"point"}


@pytest.mark.parametrize(("program", "phase", "runs_of"), JUDGED)
def test_whatever_the_figures_lack_is_named_by_a_caveat_and_never_judged(
    program: str, phase: str, runs_of: str | None
) -> None:
    verdict = reference_verdict(program, phase, runs_of)
    for result in verdict.criteria:
        if result.outcome == "not_applicable" and result.kind != "combined":
            assert any(c.startswith((f"{result.id}:", f"{result.id} is")) for c in verdict.caveats)
            assert result.observed is None


@pytest.mark.parametrize(("program", "phase", "runs_of"), JUDGED)
def test_the_same_figures_give_the_same_verdict_byte_for_byte(
    program: str, phase: str, runs_of: str | None
) -> None:
    one, other = (reference_verdict(program, phase, runs_of) for _ in range(2))
    assert one.model_dump_json() == other.model_dump_json()


def test_phase_6a_reads_as_case_b() -> None:
    verdict, figures = (
        reference_verdict("credit_linesearch", "phase_6a"),
        expected("credit_linesearch", "phase_6a"),
    )
    assert (verdict.outcome, verdict.case, verdict.confidence) == (
        "fail",
        figures["case"],
        figures["confidence"],
    )
    assert str(figures["case_meaning"]) in verdict.means


def test_samebatch_passes_with_case_d() -> None:
    verdict, figures = (
        reference_verdict("credit_linesearch", "samebatch"),
        expected("credit_linesearch", "samebatch"),
    )
    assert (verdict.outcome, verdict.case) == (figures["outcome"], figures["case"])
    rule = load_draft("credit_linesearch").phases["samebatch"].criteria["same_ordered"]
    assert rule.subjects == figures["ordering_best_first"]  # type: ignore[union-attr]
    assert criterion_of(verdict, "same_ordered").outcome == "met"
    assert not any(g.id.startswith("confound:") for g in verdict.guards)


def test_samebatch_says_that_the_raw_arms_are_not_in_order_and_that_dfa_rises_too() -> None:
    verdict = reference_verdict("credit_linesearch", "samebatch")
    assert criterion_of(verdict, "raw_ordered").outcome == "not_met"
    assert criterion_of(verdict, "raw_ordered").observed == pytest.approx(-0.002)
    assert claim(verdict, "monotone_among_raw_arms").status == "refuted"
    dfa = criterion_of(verdict, "dfa_held_does_not_rise")
    assert (dfa.outcome, dfa.observed) == ("not_met", pytest.approx(0.004))
    assert claim(verdict, "only_dfa_held_does_not_rise").status == "refuted"


def test_samebatch_leaves_the_online_figures_that_nobody_measured_unjudged() -> None:
    verdict = reference_verdict("credit_linesearch", "samebatch")
    assert criterion_of(verdict, "online_falls").outcome == "not_applicable"


def test_the_five_facts_have_the_statuses_that_their_evidence_allows() -> None:
    verdict = reference_verdict("ep_contraction", "fact_check")
    facts = load_figures("ep_contraction")["phases"]["fact_check"]["expected"]["facts"]
    for name, fact in facts.items():
        judged = claim(verdict, name)
        assert judged.status == fact["status"], name
        assert bool(judged.caveats) == ("caveat" in fact), name
    assert verdict.hypothesis is None
    assert verdict.outcome == "pass"


def test_missing_supporting_evidence_is_a_caveat_and_missing_essential_evidence_lowers_the_status() -> None:
    verdict = reference_verdict("ep_contraction", "fact_check")
    (caveat,) = claim(verdict, "1_failure_is_ep_specific").caveats
    assert "0.982" in caveat and "'rho' is missing" in caveat
    (caveat,) = claim(verdict, "4_wall_is_residual_hypersensitivity").caveats
    assert "ep_c_1.0" in caveat
    (caveat,) = claim(verdict, "5_t2sel_160_settles_it").caveats
    assert "3.283" in caveat
    blows_up = criterion_of(verdict, "ce_blows_up")
    assert blows_up.observed == pytest.approx(41.0 / 2.7417)


def test_retrieval_fails_its_gate_and_says_that_the_evaluation_leaks() -> None:
    verdict, figures = (
        reference_verdict("contrastive_retrieval", "phase1"),
        expected("contrastive_retrieval", "phase1"),
    )
    assert (verdict.outcome, verdict.confidence) == (figures["outcome"], figures["confidence"])
    (caveat,) = [c for c in verdict.caveats if c.startswith("no_leak")]
    assert "leak_overlap = 0.915" in caveat and "not so that evaluation data do not overlap" in caveat
    assert claim(verdict, "one_evaluation_cosine").status == "refuted"
    assert criterion_of(verdict, "two_cosines_agree").observed == pytest.approx(0.2557 - 0.2163)


def test_retrieval_is_held_against_its_numeric_floor() -> None:
    above = criterion_of(reference_verdict("contrastive_retrieval", "phase1"), "above_chance")
    assert (above.outcome, above.observed, above.threshold) == ("not_met", 0.0, 0.0005)


def test_the_diagnosis_comes_from_the_runs_of_phase1() -> None:
    figures = expected("contrastive_retrieval", "phase1")
    verdict = reference_verdict("contrastive_retrieval", str(figures["diagnosis_phase"]), "phase1")
    assert verdict.case == figures["diagnosis"]
    assert "anti-correlated" in verdict.means
    assert claim(verdict, "space_is_the_cause").status == "not_verified"


def test_span_goals_come_out_as_the_document_says() -> None:
    verdict, figures = reference_verdict("span_multitask", "countdown_normalization"), {}
    figures = load_figures("span_multitask")["phases"]["countdown_normalization"]["expected"]
    for goal, rule in figures["goals"].items():
        outcome = {"pass": "met", "fail": "not_met"}[rule["outcome"]]
        assert criterion_of(verdict, goal).outcome == outcome, goal
    assert (verdict.outcome, verdict.case) == (figures["outcome"], "necessary_not_sufficient")
    assert "necessary" in verdict.means and "not sufficient" in verdict.means


def test_span_shares_are_those_of_the_figures_and_not_those_of_the_text() -> None:
    verdict = reference_verdict("span_multitask", "countdown_normalization")
    assert criterion_of(verdict, "share_was_91").observed == pytest.approx(0.884, abs=5e-4)
    assert criterion_of(verdict, "share_is_13").observed == pytest.approx(0.085, abs=5e-4)
    assert claim(verdict, "countdown_was_91_percent").status == "refuted"
    assert claim(verdict, "countdown_is_13_percent").status == "refuted"
    fell = criterion_of(verdict, "falls_50x")
    assert fell.observed is not None
    assert 1 / fell.observed == pytest.approx(10.08 / 0.17)


def test_gated_ctr_is_blocked_at_tier_1_5() -> None:
    verdict, figures = (
        reference_verdict("gated_ctr", "regularization"),
        expected("gated_ctr", "regularization"),
    )
    assert (verdict.outcome, verdict.cause) == (figures["outcome"], figures["blocked_by"])
    assert (verdict.tier, verdict.means) == (figures["tier"], figures["tier_meaning"])


def test_gated_ctr_names_its_confound_its_epochs_and_its_gap_outside_the_target() -> None:
    verdict = reference_verdict("gated_ctr", "regularization")
    (confound,) = [g for g in verdict.guards if g.id.startswith("confound:")]
    assert confound.id == "confound:lr"
    assert "0.0003 in balanced and 0.001 in weak" in confound.reason
    assert any("epochs_completed = 1, asked at least 5" in c for c in verdict.caveats)
    assert any("ended early (slowdown)" in c for c in verdict.caveats)
    assert criterion_of(verdict, "gap_in_target").outcome == "not_met"
    assert criterion_of(verdict, "no_overfitting").outcome == "met"
    assert criterion_of(verdict, "best_epoch_2_to_4").outcome == "undecided"
    assert claim(verdict, "recovery_is_98_5_percent").status == "refuted"
    assert criterion_of(verdict, "recovery_98_5").observed == pytest.approx(0.997, abs=5e-4)


def test_gated_ctr_differences_are_those_of_the_document() -> None:
    verdict = reference_verdict("gated_ctr", "regularization")
    deltas = load_figures("gated_ctr")["phases"]["regularization"]["expected"]["deltas"]
    pairs = {
        "as_good_as_weak": "balanced_vs_weak_val_auc",
        "better_than_strong": "balanced_vs_strong_val_auc",
        "gate_below_weak": "balanced_vs_weak_gate_mean",
        "gate_above_strong": "balanced_vs_strong_gate_mean",
    }
    for name, delta in pairs.items():
        assert criterion_of(verdict, name).observed == pytest.approx(deltas[delta], abs=1e-9)
    assert criterion_of(verdict, "as_good_as_weak").answer == "equivalent"
    assert claim(verdict, "balanced_beats_weak").status == "equivalent"
