"""Gates: from evidence to a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from planner.cases import choose_row
from planner.caveats import ResultOf, evidence_caveats, with_doubts
from planner.claims import conditions, judge_claim, unsettled
from planner.criteria.answer import LEAST_SEEDS, Judging
from planner.criteria.joining import lacks_evidence
from planner.criteria.judge import (
    alternatives_of_gate,
    judge_criteria,
    lookup,
    required_by_gate,
    result_from,
)
from planner.digests import considered_in, evidence_digest
from planner.error_budget import build_shares
from planner.evidence import Evidence
from planner.guards import judge_guards
from planner.noise import build_floors
from planner.program import Phase, Program
from planner.records import (
    ClaimResult,
    CriterionOutcome,
    CriterionResult,
    GateOutcome,
    GuardResult,
    Verdict,
    digest_of,
)
from planner.table import build_params, build_readings, build_table, phase_metrics
from planner.written import IN_SEQUENCE

BEYOND_BUDGET = "error budget: more gates than budget.gates plans for, so this one may err beyond the budget"


def build_judging(program: Program, phase: str, fidelity: str, final: bool) -> Judging:
    """The rules under which a phase is judged at a fidelity.

    A smoke run looks once, at no more than two seeds: it shows that everything works and can be
    provisional at best. Where the budget allows fewer seeds than any interval needs, no more are waited for.
    """
    rules, budget = program.phases[phase], program.budget
    smoke = fidelity == "smoke"
    seeds = min(rules.seeds, 2) if smoke else rules.seeds
    most = seeds if smoke else max(seeds, budget.seeds_per_arm)
    return Judging(
        seeds=seeds,
        most_seeds=most,
        false_pass=build_shares(program)[phase].rate,
        false_fail=budget.false_fail,
        final=final or smoke or most < LEAST_SEEDS,
        required=required_by_gate(program, phase),
        alternatives=alternatives_of_gate(program, phase),
    )


def judge_phase(
    program: Program,
    phase: str,
    evidence: Evidence,
    judging: Judging,
    earlier: Mapping[str, Verdict] | None = None,
    caveats: Sequence[str] = (),
    post_hoc: bool = False,
) -> Verdict:
    """The verdict of a phase on this evidence.

    Args:
        earlier: verdicts of the phases that were judged before, by name.
        caveats: what the caller knows against the evidence, such as phases that were passed over.
        post_hoc: a rule of this phase changed after evidence for it was seen.

    Returns:
        A verdict whose ``id`` is a digest of its content.
    """
    earlier = earlier or {}
    rules = program.phases[phase]
    results = judge_criteria(program, phase, evidence, judging, earlier)

    def result_of(name: str) -> CriterionResult:
        return result_from(name, results, earlier)

    guards = judge_guards(program, phase, evidence, judging, result_of)
    gate = [result_of(name) for name in rules.gate]
    outcome, cause = judge_gate(guards, gate, judging)
    row, open_rows = judge_row(program, phase, result_of)
    told = [
        *caveats,
        *([BEYOND_BUDGET] if build_shares(program)[phase].beyond else []),
        *evidence_caveats(rules, evidence, guards, results, result_of),
        *([f"open between {', '.join(open_rows)}: a criterion is undecided"] if open_rows else []),
        *(["a rule changed after evidence for it was seen (post hoc)"] if post_hoc else []),
    ]
    told = list(dict.fromkeys(told))
    verdict = Verdict(
        program=program.program,
        phase=phase,
        fidelity=evidence.fidelity,
        outcome=outcome,
        confidence="confirmed" if is_confirmed(outcome, gate, told) else "provisional",
        cause=cause,
        post_hoc=post_hoc,
        caveats=tuple(told),
        guards=tuple(guards),
        criteria=tuple(results.values()),
        claims=tuple(_claims(rules, guards, result_of, earlier)),
        floors=tuple(build_floors(program, evidence, judging)),
        table=tuple(build_table(program, phase, evidence)),
        readings=tuple(build_readings(program, phase, evidence)),
        params=tuple(build_params(program, phase, evidence)),
        rules=phase_rules(program, phase),
        rules_digest=rules_digest(program, phase),
        rests_on=tuple(_rests_on(rules, earlier)),
        false_pass=judging.false_pass,
        **(row if outcome != "invalid" else {}),
        **_account(program, evidence),
    )
    return verdict.identified("v")


def _account(program: Program, evidence: Evidence) -> dict[str, Any]:
    """What a verdict was judged from."""
    runs, arms = evidence.all_runs, program.phases[evidence.phase].arms
    return {
        "run_ids": tuple(run.id for run in runs),
        "seeds": min((len(evidence.of(arm)) for arm in arms if evidence.of(arm)), default=0),
        "seconds": round(sum(run.seconds for run in runs), 3),
        "code_digests": tuple(sorted({run.code_digest for run in runs if run.code_digest})),
        "data_digests": tuple(sorted({run.data_digest for run in runs if run.own and run.data_digest})),
        "evidence_digest": evidence_digest(program, evidence),
        "considered": considered_in(program, evidence),
        "set_aside": evidence.set_aside,
    }


def judge_gate(
    guards: Iterable[GuardResult], gate: Sequence[CriterionResult], judging: Judging
) -> tuple[GateOutcome, str | None]:
    """(outcome, cause) of a gate: every listed criterion must be met.

    In this order: a guard that blocks; a guard or required criterion that is invalid; required
    evidence that is missing, so that the gate neither passes nor fails; one criterion not met; one
    undecided.
    """
    broken = {g.consequence: g for g in reversed(list(guards)) if _is_broken(g)}
    if "blocked" in broken:
        return "blocked", "infrastructure" if broken["blocked"].id == "complete" else broken["blocked"].id
    if "invalid" in broken:
        return "invalid", broken["invalid"].id
    invalid = [r.cause or r.id for r in gate if r.outcome == "invalid"]
    if invalid:
        return "invalid", invalid[0]
    if any(r.outcome == "not_applicable" or lacks_evidence(r) for r in gate):
        return "inconclusive", "missing"
    lost = [r for r in gate if r.outcome == "not_met"]
    if lost:
        return "fail", "equivalent" if all(r.answer == "equivalent" for r in lost) else None
    undecided = [r for r in gate if r.outcome == "undecided"]
    if not undecided:
        return "pass", None
    if any(r.cause == "partial" for r in undecided):
        return "inconclusive", "partial"
    return "inconclusive", "budget" if min(r.n for r in undecided) >= judging.most_seeds else "underpowered"


def _is_broken(guard: GuardResult) -> bool:
    return guard.outcome in ("not_met", "invalid")


def is_confirmed(outcome: str, gate: Sequence[CriterionResult], caveats: Sequence[str]) -> bool:
    """Whether a verdict may stand: a clear answer, no caveat, and no criterion judged at point value."""
    if outcome not in ("pass", "fail") or caveats:
        return False
    decisive = gate if outcome == "pass" else [r for r in gate if r.outcome == "not_met"]
    return all(r.treatment in ("interval", *IN_SEQUENCE) for r in decisive)


def judge_row(program: Program, phase: str, result_of: ResultOf) -> tuple[dict[str, Any], list[str]]:
    """The case, tier and hypothesis that hold and what they mean; and the rows that are open."""

    def outcome_of(name: str) -> CriterionOutcome:
        return result_of(name).outcome

    rules, rivals = program.phases[phase], program.hypotheses
    case, open_cases = choose_row(list(rules.cases.items()), outcome_of)
    tier, open_tiers = choose_row([(t.tier, t) for t in rules.tiers], outcome_of)
    decided = rivals is not None and rivals.decided_by == phase and case in rivals.rivals
    held = rules.row(case or tier)
    row = {
        "case": case,
        "tier": tier,
        "means": held.means if held else "",
        "hypothesis": case if decided else None,
    }
    return row, [*open_cases, *open_tiers]


def rules_digest(program: Program, phase: str) -> str:
    """A digest of everything that this phase's verdict depends on in the program."""
    return digest_of(phase_rules(program, phase))


def phase_rules(program: Program, phase: str) -> dict[str, Any]:
    """Everything that this phase's verdict depends on in the program.

    What follows from a verdict (``next``, ``triage``) is no part of it.
    """
    rules = program.phases[phase]
    body = rules.model_dump(
        mode="json", exclude={"question", "next", "triage", "prediction", "asks_for", "runs_of"}
    )
    budget = program.budget.model_dump(mode="json", include={"seeds_per_arm", "false_fail"})
    budget["false_pass"] = build_shares(program)[phase].rate
    metrics = {name: metric.model_dump(mode="json") for name, metric in program.metrics.items()}
    used = {name: metrics[name] for name in sorted(phase_metrics(program, phase)) if name in metrics}
    params = {arm: program.params(phase, arm) for arm in sorted(rules.arms)}
    return {"phase": body, "budget": budget, "metrics": used, "params": params}


def _claims(
    rules: Phase, guards: Sequence[GuardResult], result_of: ResultOf, earlier: Mapping[str, Verdict]
) -> list[ClaimResult]:
    """What the phase says of its claims; nothing where a guard finds the evidence itself invalid."""
    claims = [judge_claim(name, rule, result_of) for name, rule in rules.claims.items()]
    broken = next((g for g in guards if g.consequence == "invalid" and _is_broken(g)), None)
    if broken:
        return unsettled(claims, f"{broken.id}: {broken.reason}")
    return [with_doubts(claim, guards, result_of, earlier) for claim in claims]


def _rests_on(rules: Phase, earlier: Mapping[str, Verdict]) -> list[str]:
    """The phases whose verdicts or runs this one uses."""
    named = [*rules.gate, *rules.guards]
    named += [n for rule in rules.criteria.values() for n in getattr(rule, "parts", [])]
    named += [name for row in rules.rows for name in row.conditions]
    named += [n for claim in rules.claims.values() for n in conditions(claim)]
    found = {lookup(name, earlier)[0] for name in named} | {rules.runs_of or ""}
    return sorted(found - {""})
