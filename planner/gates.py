"""Gates: from evidence to a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from planner import intervals
from planner.cases import choose_row
from planner.claims import judge_claim
from planner.criteria.answer import Judging
from planner.criteria.judge import judge_criteria, lookup, required_by_gate
from planner.evidence import Evidence, is_finite, run_value
from planner.guards import judge_guards
from planner.program import Phase, Program
from planner.records import (
    CriterionOutcome,
    CriterionResult,
    Estimate,
    GateOutcome,
    GuardResult,
    TableRow,
    Verdict,
    digest_of,
)


def build_judging(program: Program, phase: str, fidelity: str, final: bool) -> Judging:
    """The rules under which a phase is judged at a fidelity.

    A smoke run looks once, at no more than two seeds: it shows that everything works and can be
    provisional at best.
    """
    rules, budget = program.phases[phase], program.budget
    smoke = fidelity == "smoke"
    seeds = min(rules.seeds, 2) if smoke else rules.seeds
    return Judging(
        seeds=seeds,
        most_seeds=seeds if smoke else max(seeds, budget.seeds_per_arm),
        false_pass=budget.false_pass,
        false_fail=budget.false_fail,
        final=final or smoke,
        required=required_by_gate(program, phase),
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
    guards = judge_guards(program, phase, evidence, judging, results)
    outcome, cause = judge_gate(rules, guards, results, judging)

    def result_of(name: str) -> CriterionResult:
        found = results.get(name) or lookup(name, earlier)[1]
        absent = CriterionResult(
            id=name, kind="level", outcome="not_applicable", cause="missing", reason="not judged"
        )
        return found or absent

    def outcome_of(name: str) -> CriterionOutcome:
        return result_of(name).outcome

    case, open_cases = choose_row(list(rules.cases.items()), outcome_of)
    tier, open_tiers = choose_row([(t.tier, t) for t in rules.tiers], outcome_of)
    usable = outcome != "invalid"
    open_rows = [*open_cases, *open_tiers]
    told = [
        *caveats,
        *evidence.caveats,
        *_guard_caveats(guards),
        *_criteria_caveats(results),
        *([f"open between {', '.join(open_rows)}: a criterion is undecided"] if open_rows else []),
        *(["a rule changed after evidence for it was seen (post hoc)"] if post_hoc else []),
    ]
    told = list(dict.fromkeys(told))
    verdict = Verdict(
        program=program.program,
        phase=phase,
        fidelity=evidence.fidelity,
        outcome=outcome,
        confidence="confirmed" if is_confirmed(outcome, rules, results, told) else "provisional",
        cause=cause,
        tier=tier if usable else None,
        case=case if usable else None,
        means=_meaning(rules, tier, case) if usable else "",
        hypothesis=_hypothesis(program, phase, case) if usable else None,
        post_hoc=post_hoc,
        caveats=tuple(told),
        guards=tuple(guards),
        criteria=tuple(results.values()),
        claims=tuple(judge_claim(name, rule, result_of) for name, rule in rules.claims.items()),
        table=tuple(build_table(program, phase, evidence, judging)),
        run_ids=tuple(run.id for run in evidence.all_runs),
        seeds=min((len(evidence.of(a)) for a in rules.arms if evidence.of(a)), default=0),
        seconds=round(sum(run.seconds for run in evidence.all_runs), 3),
        rules_digest=rules_digest(program, phase),
        code_digests=tuple(sorted({r.code_digest for r in evidence.all_runs if r.code_digest})),
        evidence_digest=evidence_digest(evidence),
        rests_on=tuple(_rests_on(rules, earlier)),
    )
    return verdict.identified("v")


def judge_gate(
    rules: Phase,
    guards: Iterable[GuardResult],
    results: Mapping[str, CriterionResult],
    judging: Judging,
) -> tuple[GateOutcome, str | None]:
    """(outcome, cause) of a gate: every listed criterion must be met.

    In this order: a guard that blocks; a guard or required criterion that is invalid; required
    evidence that is missing, so that the gate neither passes nor fails; one criterion not met; one
    undecided.
    """
    broken = {g.consequence: g for g in reversed(list(guards)) if g.outcome in ("not_met", "invalid")}
    if "blocked" in broken:
        return "blocked", "infrastructure" if broken["blocked"].id == "complete" else broken["blocked"].id
    listed = [results[name] for name in rules.gate]
    if "invalid" in broken:
        return "invalid", broken["invalid"].id
    if any(r.outcome in ("invalid", "not_applicable") for r in listed):
        return "invalid", next(r.cause or r.id for r in listed if r.outcome in ("invalid", "not_applicable"))
    if any(r.cause == "missing" for r in listed):
        return "inconclusive", "missing"
    if any(r.outcome == "not_met" for r in listed):
        told = [r for r in listed if r.outcome == "not_met"]
        return "fail", "equivalent" if all(r.answer == "equivalent" for r in told) else None
    undecided = [r for r in listed if r.outcome == "undecided"]
    if not undecided:
        return "pass", None
    if any(r.cause == "partial" for r in undecided):
        return "inconclusive", "partial"
    return "inconclusive", "budget" if min(r.n for r in undecided) >= judging.most_seeds else "underpowered"


def is_confirmed(
    outcome: str, rules: Phase, results: Mapping[str, CriterionResult], caveats: Sequence[str]
) -> bool:
    """Whether a verdict may stand: a clear answer, no caveat, and no criterion judged at point value."""
    if outcome not in ("pass", "fail") or caveats:
        return False
    decisive = [results[name] for name in rules.gate]
    if outcome == "fail":
        decisive = [r for r in decisive if r.outcome == "not_met"]
    return all(r.treatment in ("interval", "sequential") for r in decisive)


def rules_digest(program: Program, phase: str) -> str:
    """A digest of everything that this phase's verdict depends on in the program.

    What follows from a verdict (``next``, ``triage``) is no part of it.
    """
    rules = program.phases[phase]
    body = rules.model_dump(
        mode="json", exclude={"question", "next", "triage", "prediction", "asks_for", "runs_of"}
    )
    budget = program.budget.model_dump(mode="json", include={"seeds_per_arm", "false_pass", "false_fail"})
    metrics = {name: metric.model_dump(mode="json") for name, metric in program.metrics.items()}
    used = {name: metrics[name] for name in sorted(phase_metrics(program, phase)) if name in metrics}
    params = {arm: program.params(phase, arm) for arm in sorted(rules.arms)}
    return digest_of({"phase": body, "budget": budget, "metrics": used, "params": params})


def evidence_digest(evidence: Evidence) -> str:
    """A digest of the runs that counted: their ids, parameters and values."""
    return digest_of(
        [
            [run.id, run.arm, run.seed, run.outcome, sorted(run.params.items()), _told(run.metrics)]
            for run in evidence.all_runs
        ]
    )


def _told(metrics: Mapping[str, float]) -> list[list[str]]:
    return [[name, repr(value)] for name, value in sorted(metrics.items())]


def phase_metrics(program: Program, phase: str) -> list[str]:
    """The metrics that a phase's criteria use, in the order of the program's list."""
    used: set[str] = set()
    for rule in program.phases[phase].criteria.values():
        metric = getattr(rule, "metric", None)
        used |= {m for m in (metric, getattr(rule, "versus_metric", None)) if m}
        if metric and getattr(rule, "against_floor", False):
            floor = program.metrics[metric].floor
            used |= {floor} if isinstance(floor, str) else set()
    for name in list(used):
        if name in program.metrics and program.metrics[name].share:
            used |= set(program.metrics[name].of)
    return [name for name in program.metrics if name in used]


def build_table(program: Program, phase: str, evidence: Evidence, judging: Judging) -> list[TableRow]:
    """Mean and interval of every metric that the phase speaks of, by arm."""
    metrics = phase_metrics(program, phase)
    pictured = [m for figure in program.figures.values() if figure.against is None for m in figure.shows]
    metrics += [m for m in pictured if m in program.metrics and m not in metrics]
    rows = []
    for arm in program.phases[phase].arms:
        for metric in metrics:
            found = {
                seed: value
                for seed, run in sorted(evidence.of(arm).items())
                if (value := run_value(program, run, metric)) is not None and is_finite(value)
            }
            if found:
                estimate = Estimate(
                    value=intervals.mean(list(found.values())),
                    interval=intervals.t_interval(list(found.values()), judging.level),
                    n=len(found),
                    values=tuple(found.items()),
                    run_ids=tuple(evidence.of(arm)[seed].id for seed in found),
                )
                rows.append(
                    TableRow(arm=arm, metric=metric, unit=program.metrics[metric].unit, estimate=estimate)
                )
    return rows


def _guard_caveats(guards: Iterable[GuardResult]) -> list[str]:
    absent = ("not_applicable", "undecided")
    return [
        f"{g.id}: {g.reason}"
        for g in guards
        if g.outcome in absent or (g.outcome in ("not_met", "invalid") and g.consequence == "caveat")
    ]


def _criteria_caveats(results: Mapping[str, CriterionResult]) -> list[str]:
    found = [caveat for result in results.values() for caveat in result.caveats]
    for result in results.values():
        if result.kind != "combined" and result.outcome in ("not_applicable", "invalid"):
            found.append(f"{result.id} is {result.outcome.replace('_', ' ')}: {result.reason}")
    return found


def _meaning(rules: Phase, tier: str | None, case: str | None) -> str:
    if case is not None:
        return rules.cases[case].means
    return next((t.means for t in rules.tiers if t.tier == tier), "")


def _hypothesis(program: Program, phase: str, case: str | None) -> str | None:
    rivals = program.hypotheses
    return case if rivals and rivals.decided_by == phase and case in rivals.rivals else None


def _rests_on(rules: Phase, earlier: Mapping[str, Verdict]) -> list[str]:
    """The phases whose verdicts or runs this one uses."""
    named = [n for rule in rules.criteria.values() for n in getattr(rule, "parts", [])]
    named += [n for row in (*rules.cases.values(), *rules.tiers) for n in (*row.when, *row.unless)]
    named += [n for claim in rules.claims.values() for n in claim.supported]
    found = {lookup(name, earlier)[0] for name in named} | {rules.runs_of or ""}
    return sorted(found - {""})
