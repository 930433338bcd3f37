"""What follows from a phase's results: gate, row of the table, caveats, confidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from planner.criteria.answer import NO_VARIATION
from planner.criteria.combination import lacks_evidence
from planner.criteria.judge import judge_criteria, judge_measured, result_from
from planner.criteria.test_design import TestDesign
from planner.evidence.evidence import Evidence
from planner.guards.finite_values import FiniteValues
from planner.guards.judge import RunGuards, judge_guards, judge_run_guards
from planner.judging.caveats import ResultOf, evidence_caveats
from planner.judging.decision_table import choose_row
from planner.judging.error_budget import build_alpha_shares
from planner.judging.flip_points import PerturbedOutcome
from planner.language.program import Phase, Program
from planner.records.verdict import (
    Confidence,
    CriterionOutcome,
    CriterionResult,
    GateOutcome,
    GuardResult,
    Verdict,
)

BEYOND_BUDGET = "error budget: more gates than budget.gates plans for, so this one may err beyond the budget"


@dataclass(frozen=True)
class Conclusion:
    """What follows from the results of a phase's criteria."""

    outcome: GateOutcome
    cause: str | None
    confidence: Confidence
    guards: tuple[GuardResult, ...]
    caveats: tuple[str, ...]
    row: dict[str, Any]


@dataclass(frozen=True)
class PhaseEvaluator:
    """The rules of a phase and its evidence, to be judged as it is or with a value moved.

    What no value of a metric changes is judged once.

    Attributes:
        evidence: as it is, nothing moved.
        said: what the caller knows against the evidence.
        judge_runs: (rules, evidence, judging) -> what the guards say that read no value.
    """

    program: Program
    phase: str
    evidence: Evidence
    design: TestDesign
    earlier: Mapping[str, Verdict]
    said: tuple[str, ...] = ()
    post_hoc: bool = False
    judge_runs: Callable[[Phase, Evidence, TestDesign], RunGuards] = judge_run_guards

    @property
    def rules(self) -> Phase:
        """The rules of the phase."""
        return self.program.phases[self.phase]

    @cached_property
    def _of_runs(self) -> RunGuards:
        return self.judge_runs(self.rules, self.evidence, self.design)

    @cached_property
    def _finite_values(self) -> FiniteValues:
        return FiniteValues(self.program, self.phase, self.evidence)

    @cached_property
    def _beforehand(self) -> tuple[str, ...]:
        """What is against a verdict whatever was measured."""
        beyond = (BEYOND_BUDGET,) if build_alpha_shares(self.program)[self.phase].beyond else ()
        return (*self.said, *beyond)

    def result_of(self, results: Mapping[str, CriterionResult]) -> ResultOf:
        """The result that a criterion's name means, here or in an earlier phase."""
        return lambda name: result_from(name, results, self.earlier)

    def judge(
        self,
        evidence: Evidence,
        kept: Mapping[str, CriterionResult] | None = None,
        with_flip_points: bool = False,
    ) -> dict[str, CriterionResult]:
        """What all criteria say.

        Args:
            kept: see :func:`planner.criteria.judge.judge_criteria`.
            with_flip_points: also where each would say something else if what it observes moved alone.
        """
        return judge_criteria(
            self.program, self.phase, evidence, self.design, self.earlier, kept, with_flip_points
        )

    def judge_alone(self, name: str, evidence: Evidence) -> CriterionResult:
        """What one measured criterion says."""
        return judge_measured(name, self.program, self.phase, evidence, self.design, self.earlier)

    def conclude(self, evidence: Evidence, results: Mapping[str, CriterionResult]) -> Conclusion:
        """What follows from these results of the criteria."""
        rules, result_of = self.rules, self.result_of(results)
        guards = judge_guards(
            self.program, self.phase, evidence, self._of_runs, self._finite_values, result_of
        )
        gate = [result_of(name) for name in rules.gate]
        outcome, cause = judge_gate(guards, gate, self.design)
        row, open_rows = judge_row(self.program, self.phase, result_of)
        caveats = [
            *self._beforehand,
            *evidence_caveats(rules, evidence, guards, results, result_of),
            *([f"open between {', '.join(open_rows)}: a criterion is undecided"] if open_rows else []),
            *(["a rule changed after evidence for it was seen (post hoc)"] if self.post_hoc else []),
        ]
        caveats = list(dict.fromkeys(caveats))
        confidence: Confidence = "confirmed" if is_confirmed(outcome, gate, caveats) else "provisional"
        kept = row if outcome != "invalid" else {}
        return Conclusion(outcome, cause, confidence, tuple(guards), tuple(caveats), kept)

    def there(self, evidence: Evidence, results: Mapping[str, CriterionResult]) -> PerturbedOutcome:
        """The part of it that a turning keeps."""
        conclusion = self.conclude(evidence, results)
        return PerturbedOutcome(
            conclusion.outcome, conclusion.row.get("case"), conclusion.row.get("tier"), conclusion.confidence
        )


def judge_gate(
    guards: Iterable[GuardResult], gate: Sequence[CriterionResult], design: TestDesign
) -> tuple[GateOutcome, str | None]:
    """(outcome, cause) of a gate: every listed criterion must be met.

    In this order: a guard that blocks; a guard or required criterion that is invalid; required
    evidence that is missing, so that the gate neither passes nor fails; one criterion not met; one
    undecided.
    """
    broken = {g.consequence: g for g in reversed(list(guards)) if is_broken(g)}
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
    if any(r.cause == NO_VARIATION for r in undecided):
        return "inconclusive", NO_VARIATION
    return "inconclusive", "budget" if min(r.n for r in undecided) >= design.most_seeds else "underpowered"


def is_broken(guard: GuardResult) -> bool:
    """Whether a guard found what it guards against."""
    return guard.outcome in ("not_met", "invalid")


def is_confirmed(outcome: str, gate: Sequence[CriterionResult], caveats: Sequence[str]) -> bool:
    """Whether a verdict may stand: a clear answer, no caveat, and no criterion judged at point value."""
    if outcome not in ("pass", "fail") or caveats:
        return False
    decisive = gate if outcome == "pass" else [r for r in gate if r.outcome == "not_met"]
    return all(r.treatment not in ("point", None) for r in decisive)


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
