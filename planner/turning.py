"""What would change a verdict: each criterion taken beyond its flip point, everything else as it is."""

from __future__ import annotations

from collections.abc import Mapping

from planner.criteria.combined import judge_combined
from planner.criteria.judge import result_from
from planner.criterion import Combined
from planner.gates import build_judging, judge_gate, judge_row
from planner.guards import judge_declared
from planner.program import Program
from planner.records import CriterionOutcome, CriterionResult, GateOutcome, Record, Verdict


class Turning(Record):
    """One criterion beyond its flip point.

    Attributes:
        flips_to: what the criterion says there.
        outcome, case, tier: what the verdict then says.
        changes: whether that is anything else than what it says now.
    """

    id: str
    observed: float
    flips_at: float
    flips_to: CriterionOutcome
    unit: str
    outcome: GateOutcome
    case: str | None
    tier: str | None
    changes: bool


def turnings(program: Program, verdict: Verdict, earlier: Mapping[str, Verdict]) -> list[Turning]:
    """Every criterion of a verdict that can flip, in the order of the program.

    Args:
        earlier: verdicts of the phases whose criteria this one's rules name.
    """
    rules = program.phases[verdict.phase].criteria
    measured = [c for c in verdict.criteria if c.id in rules and c.kind != "combined"]
    return [
        _beyond(program, verdict, earlier, result, result.flips_at, result.flips_to)
        for result in measured
        if result.flips_at is not None and result.flips_to is not None
    ]


def _beyond(
    program: Program,
    verdict: Verdict,
    earlier: Mapping[str, Verdict],
    result: CriterionResult,
    flips_at: float,
    flips_to: CriterionOutcome,
) -> Turning:
    results = _with(program, verdict, earlier, result.model_copy(update={"outcome": flips_to}))

    def result_of(name: str) -> CriterionResult:
        return result_from(name, results, earlier)

    rules = program.phases[verdict.phase]
    guards = [
        judge_declared(g.id, rules.guards.get(g.id, g.consequence), results[g.id]) if g.id in results else g
        for g in verdict.guards
    ]
    # Which cause a gate names depends on the seeds that are allowed; its outcome does not.
    judging = build_judging(program, verdict.phase, verdict.fidelity, final=True)
    outcome, _ = judge_gate(guards, [result_of(name) for name in rules.gate], judging)
    row, _ = judge_row(program, verdict.phase, result_of)
    case, tier = (None, None) if outcome == "invalid" else (row["case"], row["tier"])
    return Turning(
        id=result.id,
        observed=result.observed or 0.0,
        flips_at=flips_at,
        flips_to=flips_to,
        unit=result.unit,
        outcome=outcome,
        case=case,
        tier=tier,
        changes=(outcome, case, tier) != (verdict.outcome, verdict.case, verdict.tier),
    )


def _with(
    program: Program, verdict: Verdict, earlier: Mapping[str, Verdict], turned: CriterionResult
) -> dict[str, CriterionResult]:
    """The verdict's results with one replaced, and those that combine it judged anew."""
    results = {c.id: c for c in verdict.criteria} | {turned.id: turned}
    rules = program.phases[verdict.phase].criteria
    done: set[str] = set()

    def of(name: str) -> CriterionResult:
        rule = rules.get(name)
        if isinstance(rule, Combined) and name not in done:
            done.add(name)
            results[name] = judge_combined(name, rule, {part: of(part) for part in rule.parts})
        return results[name] if name in results else result_from(name, results, earlier)

    for name in list(results):
        of(name)
    return results
