"""Faults planted in programs that have none: each is found at its place, and names what is wrong."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from planner.errors import dotted
from planner.io.programs.yaml_reader import read_yaml
from planner.language.program import build
from planner.linting.check import Finding, check
from tests.linting.test_check import REMOVED, sound

HERE = Path(__file__).parents[1]
SHIPPED = HERE.parent / "knowledge" / "programs"
PROGRAMS = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
CONFOUNDS = {
    "phases.regularization.criteria.as_good_as_weak",
    "phases.complete_five_epochs.criteria.recipe_beats_weak",
    "phases.multi_seed.criteria.balanced_is_better",
}
"""What is found in the programs that ship: the learning rates of the CTR study, which it is about."""


@cache
def written(name: str) -> dict[str, Any]:
    path = SHIPPED / f"{name}.yaml" if name in PROGRAMS else HERE / "programs" / f"{name}.yaml"
    return dict(read_yaml(path.read_bytes()).value)


def base(name: str) -> dict[str, Any]:
    return copy.deepcopy(sound() if name == "sound" else written(name))


class Plant(NamedTuple):
    """One fault: where it is planted (several edits where one alone is another fault), what is to be said."""

    program: str
    edits: dict[str, Any]
    where: str
    says: str
    severity: str = "error"


def level(metric: str, arm: str, **bound: Any) -> dict[str, Any]:
    return {"metric": metric, "arm": arm, **bound}


AUC_BAD = level("auc", "new", at_most=0.6)
TIERS = "phases/regularization/tiers"
P1 = "phases/phase1"

PLANTS = {
    # --- gates over the metric domain
    "no accuracy is above one": Plant(
        "dropout",
        {"phases/first_look/criteria/one_point_better": level("val_accuracy", "dropout", above=1.0)},
        "phases.first_look.criteria.one_point_better",
        "can never be met: a fraction lies in 0 to 1, asked is above 1",
    ),
    "no accuracy improves by more than one": Plant(
        "dropout",
        {"phases/first_look/criteria/one_point_better/better_by": 10},
        "phases.first_look.criteria.one_point_better",
        "can never be worth having: a difference in fraction lies in -1 to 1, asked is better by 10",
    ),
    "a share below nothing": Plant(
        "contrastive_retrieval",
        {"phases/preflight/criteria/no_leak/at_most": -0.05},
        "phases.preflight.criteria.no_leak",
        "can be met only if 'leak_overlap' is a difference",
        "warning",
    ),
    "a percentage written as a fraction": Plant(
        "gated_ctr",
        {"phases/multi_seed/criteria/auc_stays/at_least": 57.5},
        "phases.multi_seed.criteria.auc_stays",
        "can never be met: a fraction lies in 0 to 1, asked is at least 57.5",
    ),
    "a deviation is never negative": Plant(
        "gated_ctr",
        {"phases/multi_seed/criteria/seeds_agree/at_most": -0.01},
        "phases.multi_seed.criteria.seeds_agree",
        "can never be met: a standard deviation lies in 0 to",
    ),
    "a bound that every value meets": Plant(
        "contrastive_retrieval",
        {"phases/preflight/criteria/same_space/at_least": -1.0},
        "phases.preflight.criteria.same_space",
        "is met by every value unless 'target_bank_cosine' is a difference",
        "warning",
    ),
    "a spread below nothing": Plant(
        "ep_contraction",
        {"phases/fact_check/criteria/radius_is_flat/at_most": -0.01},
        "phases.fact_check.criteria.radius_is_flat",
        "can never be met: a spread is never below 0",
    ),
    "a change since its own step": Plant(
        "ep_contraction",
        {"phases/fact_check/criteria/ce_blows_up/at": "first"},
        "phases.fact_check.criteria.ce_blows_up",
        "compares the value at the first step with itself",
    ),
    "a criterion written twice": Plant(
        "credit_linesearch",
        {
            "phases/phase_6a/criteria/again": level("dl_held", "oracle", at_least=0.0),
        },
        "phases.phase_6a.criteria.again",
        "asks for the same as 'oracle_held_does_not_fall'",
        "warning",
    ),
    "thresholds that contradict": Plant(
        "span_multitask",
        {"phases/single_task/criteria/detects/above": 0.8, "phases/single_task/gate": ["detects", "cap"]}
        | {"phases/single_task/criteria/cap": level("span_f1", "single_task", below=0.5)},
        "phases.single_task.gate",
        "'detects' and 'cap' can never both be met",
    ),
    "better and worse at once": Plant(
        "dropout",
        {
            "phases/first_look/criteria/worse": level(
                "val_accuracy", "plain", versus="dropout", at_least=0.0
            ),
            "phases/first_look/gate": ["one_point_better", "worse"],
        },
        "phases.first_look.gate",
        "'one_point_better' and 'worse' can never both be met",
    ),
    "an order against a difference": Plant(
        "sound",
        {
            "phases/first/criteria/behind": level("loss", "new", versus="old", above=0.1),
            "phases/first/gate": ["order", "behind"],
        },
        "phases.first.gate",
        "'order' and 'behind' can never both be met",
    ),
    "three that hold in pairs only": Plant(
        "sound",
        {
            "phases/first/criteria/one": {"any_of": ["low", "top"]},
            "phases/first/criteria/low": level("auc", "new", below=0.2),
            "phases/first/criteria/top": level("auc", "new", above=0.9),
            "phases/first/criteria/middle": level("auc", "new", between=[0.1, 0.95]),
            "phases/first/criteria/off": {"any_of": ["mid", "edge"]},
            "phases/first/criteria/mid": level("auc", "new", between=[0.4, 0.6]),
            "phases/first/criteria/edge": level("auc", "new", at_least=0.97),
            "phases/first/gate": ["one", "off", "middle"],
        },
        "phases.first.gate",
        "the gate can never pass: one, off, middle cannot all be met",
    ),
    "a criterion of the gate that decides nothing": Plant(
        "gated_ctr",
        {"phases/regularization/gate": ["auc_reached", "auc_near", "gap_in_target", "best_epoch_2_to_4"]},
        "phases.regularization.gate",
        "'auc_near' decides nothing",
        "warning",
    ),
    "a part that decides nothing": Plant(
        "span_multitask",
        {"phases/countdown_normalization/criteria/countdown_balance/any_of": ["falls_20x", "falls_50x"]},
        "phases.countdown_normalization.criteria.countdown_balance",
        "'falls_50x' decides nothing: another is met wherever it is",
        "warning",
    ),
    "a guard that the gate excludes": Plant(
        "credit_linesearch",
        {
            "phases/last_block/criteria": {
                "held_improves": level("dl_held", "oracle_last_block", versus="oracle_norm", better_by=0.02),
                "same_still_falls": level("dl_same", "oracle_last_block", below=0.0),
                "stays": level("dl_same", "oracle_last_block", at_least=0.1),
            },
            "phases/last_block/guards": {"stays": "invalid"},
        },
        "phases.last_block.guards.stays",
        "the gate can never pass: where it is met, 'stays' is not",
    ),
    "a guard that answers before the gate": Plant(
        "span_multitask",
        {"phases/sliding_windows/guards": {"no_leak": "invalid", "generalizes": "invalid"}},
        "phases.sliding_windows.guards.generalizes",
        "in the gate too, which can never fail by it",
        "warning",
    ),
    # --- a better metric, a worse verdict
    "a gate that asks for low accuracy": Plant(
        "dropout",
        {"phases/first_look/criteria/one_point_better": level("val_accuracy", "dropout", at_most=0.6)},
        "phases.first_look.gate",
        "'one_point_better' asks for worse values: val_accuracy is better higher, and dropout.val_accuracy",
        "warning",
    ),
    "a gate that asks for a rising loss": Plant(
        "credit_linesearch",
        {"phases/snapshot_age/criteria/held_falls_early": level("dl_held", "oracle_early", above=0.0)},
        "phases.snapshot_age.gate",
        "'held_falls_early' asks for worse values: dl_held is better lower",
        "warning",
    ),
    "a comparison the wrong way round": Plant(
        "contrastive_retrieval",
        {
            "phases/phase1/criteria/lifts_recall": level(
                "recall_at_5", "infonce_ar", versus="ar_only", at_most=-0.1
            )
        },
        "phases.phase1.gate",
        "'lifts_recall' asks for worse values: recall_at_5 is better higher",
        "warning",
    ),
    "a tier that a better figure loses": Plant(
        "gated_ctr",
        {"phases/regularization/criteria/auc_reached": level("val_auc", "balanced", between=[0.575, 0.6])}
        | {"phases/regularization/criteria/cap": level("val_auc", "balanced", at_most=0.65)}
        | {"phases/regularization/tiers/1/when": ["cap", "auc_near", "no_overfitting"]},
        "phases.regularization.tiers[1]",
        "a better val_auc gives a worse tier: balanced.val_auc = ",
        "warning",
    ),
    "a sign that is wrong in a tier": Plant(
        "sound",
        {"phases/first/criteria/good": AUC_BAD, "phases/first/gate": ["better"]}
        | {"phases/first/cases/A/when": ["better"], "phases/first/cases/B": REMOVED}
        | {"phases/first/cases/C/unless": ["better"], "hypotheses": REMOVED}
        | {"phases/first/next": {"A": "second", "C": "triage", "inconclusive": "triage"}},
        "phases.first.tiers[0]",
        "a better auc gives a worse tier",
        "warning",
    ),
    "a better tier for a failing gate": Plant(
        "sound",
        {"phases/first/tiers/0": {"tier": "gold", "means": "x", "when": ["fair"], "unless": ["good"]}}
        | {"phases/first/tiers/1": {"tier": "silver", "means": "x", "when": ["good"]}},
        "phases.first.tiers[0]",
        "tier 'gold' is given only where the gate fails, and 'silver' after it where it passes",
        "warning",
    ),
    # --- tables
    "cases that overlap": Plant(
        "credit_linesearch",
        {"phases/samebatch/cases/A/unless": REMOVED},
        "phases.samebatch.cases",
        "cases 'A' and 'D' both hold where",
    ),
    "values for which no case holds": Plant(
        "contrastive_retrieval",
        {"phases/preflight/cases/leaks": REMOVED, "phases/preflight/next/leaks": REMOVED},
        "phases.preflight.cases",
        "no case holds where same_space met, answer_is_in_bank met, no_leak not met (say ar_only.",
    ),
    "a case that holds nowhere else": Plant(
        "credit_linesearch",
        {
            "phases/samebatch/cases/E": {
                "means": "x",
                "when": ["same_falls_with_credit", "held_rises", "online_falls"],
            }
        },
        "phases.samebatch.cases",
        "; 'E' holds nowhere else than 'D'",
    ),
    "a case that no value gives": Plant(
        "contrastive_retrieval",
        {
            "phases/leak_check/cases/halved": {
                "means": "x",
                "when": ["recall_carries_over", "far_below"],
            },
            "phases/leak_check/criteria/far_below": level(
                "recall_at_5", "ar_only_disjoint", versus="ar_only", at_most=-0.5
            ),
        },
        "phases.leak_check.cases.halved",
        "case 'halved' can never hold",
    ),
    "an otherwise that is never reached": Plant(
        "span_multitask",
        {"phases/countdown_normalization/cases/other": {"means": "x", "otherwise": True}},
        "phases.countdown_normalization.cases",
        "case 'other' is never reached",
        "warning",
    ),
    "tiers in the wrong order": Plant(
        "gated_ctr",
        {f"{TIERS}/1/when": ["auc_near", "gap_bearable"], f"{TIERS}/1/unless": []}
        | {f"{TIERS}/2/when": ["auc_reached", "no_overfitting"]},
        "phases.regularization.tiers[2]",
        "tier '2' is never reached: a tier before it holds wherever it would",
    ),
    "a tier that no value gives": Plant(
        "gated_ctr",
        {f"{TIERS}/2/when": ["auc_near", "gap_high"]}
        | {"phases/regularization/criteria/gap_high": level("val_auc", "balanced", below=0.5)},
        "phases.regularization.tiers[2]",
        "tier '2' can never hold",
    ),
    "figures that give no tier": Plant(
        "gated_ctr",
        {f"{TIERS}/3": {"tier": "3", "means": "x", "unless": ["auc_near"]}},
        "phases.regularization.tiers",
        "no tier holds where",
        "warning",
    ),
    # --- claims, predictions, hypotheses
    "a claim that nothing supports": Plant(
        "span_multitask",
        {"phases/single_task/claims/learns_the_span/supported": ["detects", "low"]}
        | {"phases/single_task/criteria/low": level("span_f1", "single_task", below=0.05)},
        "phases.single_task.claims.learns_the_span.supported",
        "can never be supported: detects, low cannot all be met",
    ),
    "a claim that one value supports and refutes": Plant(
        "span_multitask",
        {
            "phases/single_task/claims/learns_the_span": {
                "says": "x",
                "supported": ["detects"],
                "refuted": ["low"],
            }
        }
        | {"phases/single_task/criteria/low": level("span_f1", "single_task", below=0.3)},
        "phases.single_task.claims.learns_the_span.refuted",
        "is supported and refuted at once where",
        "warning",
    ),
    "a claim that is never refuted": Plant(
        "ep_contraction",
        {
            "phases/fact_check/claims/5_t2sel_160_settles_it/refuted": [
                "t2sel_160_reaches_bptt",
                "residual_grows",
            ]
        },
        "phases.fact_check.claims.5_t2sel_160_settles_it.refuted",
        "can never be refuted",
    ),
    "one claim under two names": Plant(
        "credit_linesearch",
        {"phases/regularized/claims/again": {"says": "x", "supported": ["held_stops_rising"]}},
        "phases.regularized.claims.again",
        "rests on the same criteria as 'regularizing_cures'",
        "warning",
    ),
    "a caveat that never comes": Plant(
        "contrastive_retrieval",
        {"phases/raw_infonce/claims/one_space_lifts_recall/caveat_unless": ["lifts_recall_at_all"]},
        "phases.raw_infonce.claims.one_space_lifts_recall.caveat_unless",
        "'lifts_recall_at_all' is met wherever the claim is supported",
        "warning",
    ),
    "a condition named twice": Plant(
        "gated_ctr",
        {f"{TIERS}/2/when": ["auc_near", "gap_bearable", "auc_near"]},
        "phases.regularization.tiers[2].when",
        "criterion 'auc_near' is listed twice",
        "warning",
    ),
    "a prediction without doubt": Plant(
        "ep_contraction",
        {"phases/decisive/prediction/probability": 1.0},
        "phases.decisive.prediction.probability",
        "a probability of 1 leaves no doubt",
        "warning",
    ),
    "a prediction of what cannot come": Plant(
        "ep_contraction",
        {"phases/decisive/cases/b/unless": ["oracle_succeeds", "oracle_diverges"]},
        "phases.decisive.prediction",
        "'b' can never come",
    ),
    "a rival that cannot hold": Plant(
        "ep_contraction",
        {"phases/decisive/cases/b/unless": ["oracle_succeeds", "oracle_diverges"]},
        "hypotheses.rivals.b",
        "can never hold: case 'b' of 'decisive' cannot",
    ),
    # --- ways
    "a phase that nothing reaches": Plant(
        "contrastive_retrieval",
        {"phases/preflight/next/leaks": "phase1"},
        "phases.leak_check",
        "nothing leads to 'leak_check' from the first phase",
    ),
    "a circle without an end": Plant(
        "gated_ctr",
        {"phases/multi_seed/next/fail": "complete_five_epochs"},
        "phases.complete_five_epochs.next",
        "may go round for ever: complete_five_epochs -> multi_seed",
    ),
    "a phase that names itself": Plant(
        "gated_ctr",
        {"phases/multi_seed/next/inconclusive": "multi_seed"},
        "phases.multi_seed.next",
        "may go round for ever: multi_seed -> multi_seed",
    ),
    "a phase that only waits": Plant(
        "credit_linesearch",
        {
            "phases/regularized/next": dict.fromkeys(
                ("pass", "fail", "inconclusive", "invalid", "blocked"), "wait"
            )
        },
        "phases.regularized.next",
        "every answer waits, and there is nothing to choose but stop",
    ),
    "a way to a phase that is judged": Plant(
        "span_multitask",
        {"phases/single_task/next/fail": "countdown_normalization"},
        "phases.single_task.next.fail",
        "'countdown_normalization' is judged by then and is not judged again",
        "warning",
    ),
    "a triage that is never asked": Plant(
        "contrastive_retrieval",
        {f"{P1}/next": {"pass": "phase2", "fail": "stop", "inconclusive": "stop"}},
        "phases.phase1.triage",
        "no answer leads to this triage",
    ),
    "an option that opens what was judged": Plant(
        "contrastive_retrieval",
        {f"{P1}/triage/options/5/opens": "preflight", f"{P1}/triage/options/5/expects": []},
        "phases.phase1.triage.options[5].opens",
        "opens 'preflight', which is judged before: it can never be taken",
    ),
    "an option that opens its own phase": Plant(
        "contrastive_retrieval",
        {f"{P1}/triage/options/5/opens": "phase1"},
        "phases.phase1.triage.options[5].opens",
        "opens this phase itself: it can never be taken",
    ),
    "an option in the shadow of another": Plant(
        "contrastive_retrieval",
        {f"{P1}/triage/options/5/opens": "raw_infonce"},
        "phases.phase1.triage.options[5].opens",
        "opens 'raw_infonce' as 'raw_infonce' before it does: it is never taken",
        "warning",
    ),
    "an option that expects what is judged elsewhere": Plant(
        "span_multitask",
        {"phases/countdown_normalization/triage/options/3/expects": ["single_task.detects"]},
        "phases.countdown_normalization.triage.options[3].expects",
        "'single_task.detects' is judged in 'single_task', not in 'sliding_windows'",
    ),
    "an option that waits for itself": Plant(
        "span_multitask",
        {"phases/countdown_normalization/triage/options/4/revisit_when": ["pretraining.f1_above_20"]},
        "phases.countdown_normalization.triage.options[4].revisit_when",
        "'pretraining' is judged only after this option",
    ),
    "an option that is due only after a pass": Plant(
        "gated_ctr",
        {
            "phases/regularization/triage/options/2/revisit_when": [
                "auc_reached",
                "gap_in_target",
                "best_epoch_2_to_4",
            ]
        },
        "phases.regularization.triage.options[2].revisit_when",
        "can be due only where the gate passes",
        "warning",
    ),
    "a gate on what is judged later": Plant(
        "credit_linesearch",
        {"phases/samebatch/gate": ["same_falls_with_credit", "snapshot_age.held_falls_early"]},
        "phases.samebatch.gate",
        "'snapshot_age' is never judged before 'samebatch', so the gate is never decided",
    ),
    "a guard on what is judged later": Plant(
        "contrastive_retrieval",
        {"phases/preflight/guards": {"no_leak": "caveat", "phase2.no_leak": "caveat"}},
        "phases.preflight.guards.phase2.no_leak",
        "'phase2' is never judged before 'preflight', so the guard never knows",
        "warning",
    ),
    "a phase that replaces what comes after it": Plant(
        "credit_linesearch",
        {"phases/samebatch/supersedes": {"phase": "snapshot_age"}},
        "phases.samebatch.supersedes.phase",
        "'snapshot_age' is never judged before 'samebatch'",
    ),
    "a way on for a verdict that never comes": Plant(
        "gated_ctr",
        {"phases/multi_seed/guards/complete": "caveat"},
        "phases.multi_seed.next.blocked",
        "no guard of this phase blocks",
        "warning",
    ),
    # --- spending
    "runs that do not reach a verdict": Plant(
        "dropout",
        {"budget": {"runs": 5}},
        "budget.runs",
        "5 runs cannot pay for 'first_look': its 2 arms need 6",
    ),
    "runs that reach no end": Plant(
        "credit_linesearch",
        {"budget/runs": 20},
        "budget.runs",
        "20 runs cannot pay for any way to an end: phase_6a, samebatch need 30",
    ),
    "runs that never pay for a phase": Plant(
        "ep_contraction",
        {"budget/runs": 52},
        "budget.runs",
        "52 runs never pay for 'forward_only': with fact_check, decisive before it, that needs 54",
        "warning",
    ),
    "seconds for hours": Plant(
        "contrastive_retrieval",
        {"budget/seconds": 24},
        "budget.seconds",
        "24 seconds for the whole program, and the cheapest option of 'phase1' costs 6 hours",
        "warning",
    ),
    "a confirmation with two seeds": Plant(
        "contrastive_retrieval",
        {"budget/seeds_per_arm": 2},
        "phases.phase2.asks_for",
        "asks for a confirmed verdict",
    ),
    "a confirmation of confounded arms": Plant(
        "gated_ctr",
        {"phases/multi_seed/asks_for": "confirmed", "phases/regularization/next/pass": "stop"}
        | {"phases/regularization/triage/options/1": REMOVED},
        "phases.multi_seed.asks_for",
        "complete_five_epochs can only give provisional ones: 'balanced_warmup' and 'weak' differ in",
    ),
    # --- arms and metrics
    "a share of itself": Plant(
        "span_multitask",
        {"metrics/countdown_share/of": ["loss_countdown"]},
        "metrics.countdown_share.of",
        "'loss_countdown' is the whole sum: the share is always 1",
    ),
    "an arm that nothing measures": Plant(
        "ep_contraction",
        {"arms/spare": {"gradient": "ep", "lr": 0.5}},
        "arms.spare",
        "no phase measures 'spare'",
        "warning",
    ),
    "an empty filter": Plant(
        "dropout",
        {"phases/first_look/select": {"plain": ""}},
        "phases.first_look.select.plain",
        "an empty filter takes every run for 'plain'",
    ),
    "one filter for two arms": Plant(
        "dropout",
        {"phases/first_look/select": {"plain": "params.p = '0'", "dropout": "params.p = '0'"}},
        "phases.first_look.select.dropout",
        "'plain' has the same filter",
    ),
}


def findings_of(plant: Plant) -> list[Finding]:
    program = base(plant.program)
    for path, value in plant.edits.items():
        _edit(program, path, value)
    return check(build(program))


def _edit(program: Any, path: str, value: Any) -> None:
    *keys, last = path.split("/")
    for key in keys:
        program = program[int(key)] if isinstance(program, list) else program.setdefault(key, {})
    if value is REMOVED:
        del program[int(last) if isinstance(program, list) else last]
    else:
        program[int(last) if isinstance(program, list) else last] = value


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_a_planted_fault_is_reported_where_it_lies(plant: Plant) -> None:
    findings = findings_of(plant)
    matching = [f for f in findings if (f.severity, dotted(f.where)) == (plant.severity, plant.where)]
    assert any(plant.says in f.what for f in matching), "\n".join(map(str, findings))


def _findings_in(name: str) -> set[str]:
    return {dotted(f.where) for f in check(build(base(name)))}


@pytest.mark.parametrize("name", sorted({plant.program for plant in PLANTS.values()} | set(PROGRAMS)))
def test_there_is_no_fault_where_none_was_planted(name: str) -> None:
    assert _findings_in(name) == (CONFOUNDS if name == "gated_ctr" else set())


def test_every_program_that_ships_has_faults_planted_in_it() -> None:
    assert set(PROGRAMS) <= {plant.program for plant in PLANTS.values()}
    assert len(PLANTS) >= 30
