"""Gates: from evidence to a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from planner.criteria.judge import (
    alternatives_of_gate,
    comparisons_that_may_fail,
    gating_criteria,
    lookup,
    required_by_gate,
)
from planner.criteria.test_design import LEAST_SEEDS, TestDesign
from planner.evidence.digests import considered_in, evidence_digest
from planner.evidence.evidence import Evidence
from planner.evidence.failures import failures_of
from planner.evidence.results_table import build_params, build_readings, build_table
from planner.judging.caveats import ResultOf, with_doubts
from planner.judging.claims import judge_claim, unsettled
from planner.judging.conclusion import PhaseEvaluator, is_broken
from planner.judging.error_budget import borrowed_rates, build_alpha_shares
from planner.judging.false_discoveries import among_all
from planner.judging.flip_points import FlipPointSearch
from planner.judging.looks_made import LooksMade, looks_of
from planner.judging.noise_floor import build_detectable_effects
from planner.judging.rules_digest import phase_rules, rules_digest
from planner.language.criterion_graph import conditions
from planner.language.program import Phase, Program
from planner.records.verdict import ClaimResult, GuardResult, Verdict


def build_test_design(
    program: Program, phase: str, fidelity: str, final: bool, past_looks: LooksMade | None = None
) -> TestDesign:
    """The rules under which a phase is judged at a fidelity.

    A smoke run looks once, at no more than two seeds: it shows that everything works and can be
    provisional at best. Where the budget allows fewer seeds than any interval needs, no more are waited for.

    Args:
        final: no more seeds are to be had.
        past_looks: those of verdicts recorded before, of all phases and by whatever rules.
    """
    rules, budget = program.phases[phase], program.budget
    smoke = fidelity == "smoke"
    seeds = min(rules.least_seeds, 2) if smoke else rules.least_seeds
    most = program.most_seeds(phase, fidelity)
    gating = gating_criteria(program, phase)
    return TestDesign(
        seeds=seeds,
        most_seeds=most,
        false_pass=build_alpha_shares(program)[phase].rate,
        gating=gating,
        may_fail=comparisons_that_may_fail(program, phase),
        borrowed=borrowed_rates(program, phase),
        plain=budget.false_pass,
        false_fail=budget.false_fail,
        final=final or smoke or most < LEAST_SEEDS,
        required=required_by_gate(program, phase),
        alternatives=alternatives_of_gate(program, phase),
        guarding=frozenset(rules.guards) - gating,
        weighs_claims=budget.claims_fdr is not None,
        past_looks=looks_of(program, phase, fidelity, past_looks or {}),
    )


def judge_phase(
    program: Program,
    phase: str,
    evidence: Evidence,
    design: TestDesign,
    earlier: Mapping[str, Verdict] | None = None,
    caveats: Sequence[str] = (),
    post_hoc: bool = False,
) -> Verdict:
    """The verdict of a phase on this evidence, as it is written down: with its account and flip points.

    Args:
        earlier: verdicts of the phases that were judged before, by name.
        caveats: what the caller knows against the evidence, such as phases that were passed over.
        post_hoc: a rule of this phase changed after evidence for it was seen.

    Returns:
        A verdict whose ``id`` is a digest of its content.
    """
    evaluator = PhaseEvaluator(program, phase, evidence, design, earlier or {}, tuple(caveats), post_hoc)
    return with_flip_points(with_account(judge_outcome(evaluator), evaluator), evaluator).identified("v")


def judge_outcome(evaluator: PhaseEvaluator) -> Verdict:
    """Everything that evidence says of a phase; of what it was judged from, the runs alone. It has no id."""
    program, phase, evidence = evaluator.program, evaluator.phase, evaluator.evidence
    results = evaluator.judge(evidence)
    conclusion, result_of = evaluator.conclude(evidence, results), evaluator.result_of(results)
    return Verdict(
        program=program.program,
        phase=phase,
        fidelity=evidence.fidelity,
        outcome=conclusion.outcome,
        confidence=conclusion.confidence,
        cause=conclusion.cause,
        post_hoc=evaluator.post_hoc,
        caveats=conclusion.caveats,
        guards=conclusion.guards,
        criteria=tuple(results.values()),
        claims=tuple(_claims(evaluator, conclusion.guards, result_of)),
        rules_digest=rules_digest(program, phase),
        evidence_digest="",
        rests_on=tuple(_rests_on(evaluator.rules, evaluator.earlier)),
        false_pass=evaluator.design.false_pass,
        **conclusion.row,
        **_counts(program, evidence),
    )


def with_account(verdict: Verdict, evaluator: PhaseEvaluator) -> Verdict:
    """The verdict with what it was judged from and by: tables, digests, rules, noise floors."""
    program, evidence = evaluator.program, evaluator.evidence
    floors = tuple(build_detectable_effects(program, evidence, evaluator.design))
    return verdict.model_copy(update={"floors": floors, **_account(program, evidence)})


def with_flip_points(verdict: Verdict, evaluator: PhaseEvaluator) -> Verdict:
    """The verdict with where its criteria would change, and what it would say there; nothing else changes."""
    evidence = evaluator.evidence
    results = evaluator.judge(evidence, with_flip_points=True)
    turner = FlipPointSearch(
        evaluator.program,
        evaluator.phase,
        evidence,
        results,
        evaluator.judge,
        evaluator.judge_alone,
        evaluator.there,
    )
    results, turnings = turner.turned()
    return verdict.model_copy(update={"criteria": tuple(results.values()), "turnings": turnings})


def _counts(program: Program, evidence: Evidence) -> dict[str, Any]:
    """The runs that a verdict was judged from."""
    runs, arms = evidence.all_runs, program.phases[evidence.phase].arms
    return {
        "run_ids": tuple(run.id for run in runs),
        "seeds": min((len(evidence.of(arm)) for arm in arms if evidence.of(arm)), default=0),
        "seconds": round(sum(run.seconds for run in runs), 3),
    }


def _account(program: Program, evidence: Evidence) -> dict[str, Any]:
    """What a verdict was judged from and by, for whoever reads or checks it."""
    runs, phase = evidence.all_runs, evidence.phase
    return {
        "table": tuple(build_table(program, phase, evidence)),
        "readings": tuple(build_readings(program, phase, evidence)),
        "params": tuple(build_params(program, phase, evidence)),
        "rules": phase_rules(program, phase),
        "code_digests": tuple(sorted({run.code_digest for run in runs if run.code_digest})),
        "data_digests": tuple(sorted({run.data_digest for run in runs if run.own and run.data_digest})),
        "evidence_digest": evidence_digest(program, evidence),
        "considered": considered_in(program, evidence),
        "set_aside": evidence.set_aside,
        "failures": tuple(failures_of(evidence)),
    }


def _claims(
    evaluator: PhaseEvaluator, guards: Sequence[GuardResult], result_of: ResultOf
) -> list[ClaimResult]:
    """What the phase says of its claims; nothing where a guard finds the evidence itself invalid."""
    rules, earlier = evaluator.rules.claims, evaluator.earlier
    judged = [judge_claim(name, rule, result_of) for name, rule in rules.items()]
    claims = among_all(evaluator.program, evaluator.phase, judged, result_of, earlier)
    broken = next((g for g in guards if g.consequence == "invalid" and is_broken(g)), None)
    if broken:
        return unsettled(claims, f"{broken.id}: {broken.reason}")
    return [with_doubts(claim, guards, result_of, earlier) for claim in claims]


def _rests_on(rules: Phase, earlier: Mapping[str, Verdict]) -> list[str]:
    """The phases whose verdicts or runs this one uses."""
    named = [*rules.gate, *rules.guards]
    named += [n for rule in rules.criteria.values() for n in getattr(rule, "parts", [])]
    named += [name for row in rules.rows for name in row.conditions]
    named += [n for claim in rules.claims.values() for n in conditions(claim)]
    phases = {lookup(name, earlier)[0] for name in named} | {rules.runs_of or ""}
    return sorted(phases - {""})
