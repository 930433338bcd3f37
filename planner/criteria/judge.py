"""Judges every criterion of a phase, each after those that it combines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from planner.criteria.blocked import judge_blocked
from planner.criteria.combination import judge_combined
from planner.criteria.comparison import judge_comparison
from planner.criteria.level import judge_level
from planner.criteria.pairs_of_arms import judge_order, judge_spread
from planner.criteria.results import Question
from planner.criteria.test_design import TestDesign
from planner.evidence.evidence import Evidence
from planner.language.criterion import Blocked, Combined, Comparison, Level, MeasuredCriterion, Order, Spread
from planner.language.program import Program
from planner.language.references import resolve
from planner.records.verdict import CriterionResult, Verdict


def judge_criteria(
    program: Program,
    phase: str,
    evidence: Evidence,
    design: TestDesign,
    earlier: Mapping[str, Verdict],
    kept: Mapping[str, CriterionResult] | None = None,
    with_flip_points: bool = False,
) -> dict[str, CriterionResult]:
    """The result of each criterion of a phase, in the order of the file.

    Args:
        earlier: the verdicts of phases judged before, for criteria that combine theirs.
        kept: results that stand as they are and are not judged again.
        with_flip_points: also say where each would change if what it observes moved alone.
    """
    rules = program.phases[phase].criteria
    results = dict(kept or {})

    def of(name: str) -> CriterionResult:
        if name in results:
            return results[name]
        if name not in rules:
            return result_from(name, results, earlier)
        rule = rules[name]
        if isinstance(rule, Combined):
            results[name] = judge_combined(name, rule, {part: of(part) for part in rule.parts})
        else:
            question = Question(name, program, evidence, design.of(name), with_flip_points, earlier)
            results[name] = _judge(question, rule)
        return results[name]

    return {name: of(name) for name in rules}


def judge_measured(
    name: str,
    program: Program,
    phase: str,
    evidence: Evidence,
    design: TestDesign,
    earlier: Mapping[str, Verdict],
) -> CriterionResult:
    """The result of one criterion that combines no others."""
    rule = program.phases[phase].criteria[name]
    assert not isinstance(rule, Combined)
    return _judge(Question(name, program, evidence, design.of(name), earlier=earlier), rule)


def result_from(
    name: str, results: Mapping[str, CriterionResult], earlier: Mapping[str, Verdict]
) -> CriterionResult:
    """The result that a name means: a criterion of the phase itself, or ``phase.criterion``."""
    return results[name] if name in results else _from_elsewhere(name, earlier)


def _judge(question: Question, rule: MeasuredCriterion) -> CriterionResult:
    match rule:
        case Order():
            return judge_order(question, rule)
        case Spread():
            return judge_spread(question, rule)
        case Comparison():
            return judge_comparison(question, rule)
        case Blocked():
            return judge_blocked(question, rule)
        case Level():
            return judge_level(question, rule)
        case _:
            assert_never(rule)


def _from_elsewhere(name: str, earlier: Mapping[str, Verdict]) -> CriterionResult:
    """A criterion of another phase, as that phase's verdict recorded it."""
    phase, recorded = lookup(name, earlier)
    if recorded is None:
        reason = f"'{name}' has not been judged"
        return CriterionResult(
            id=name, kind="level", outcome="not_applicable", cause="missing", reason=reason
        )
    caveats = recorded.caveats
    if earlier[phase].confidence != "confirmed":
        caveats += (f"{phase}.{recorded.id} is from a verdict that is provisional",)
    return recorded.model_copy(update={"id": f"{phase}.{recorded.id}", "caveats": caveats})


def lookup(name: str, earlier: Mapping[str, Verdict]) -> tuple[str, CriterionResult | None]:
    """The criterion that ``phase.criterion`` names among the verdicts of earlier phases."""
    for phase, verdict in earlier.items():
        if name.startswith(phase + "."):
            result = verdict.criterion(name[len(phase) + 1 :])
            if result is not None:
                return phase, result
    return "", None


def gating_criteria(program: Program, phase: str) -> frozenset[str]:
    """The criteria of a phase that its own gate, or that of another phase, rests on."""
    return frozenset(gates_resting_on(program, phase))


def gates_resting_on(program: Program, phase: str) -> dict[str, list[str]]:
    """Criterion of a phase -> the phases whose gates rest on it; without those on which none does."""
    gates: dict[str, list[str]] = {name: [phase] for name in sorted(required_by_gate(program, phase))}
    for other in program.phases:
        if other != phase:
            named = (resolve(program, other, ref) for ref in required_by_gate(program, other))
            for name in sorted({key[1] for key in named if key is not None and key[0] == phase}):
                gates.setdefault(name, []).append(other)
    return gates


def alternatives_of_gate(program: Program, phase: str) -> dict[str, int]:
    """Criterion -> how many alternatives share its error rate, because any one of them lets the gate pass.

    Criteria that are no alternative to another are left out.
    """
    rules = program.phases[phase].criteria
    shares: dict[str, int] = {}
    todo = [(name, 1) for name in program.phases[phase].gate]
    while todo:
        name, share = todo.pop()
        if shares.get(name, 0) >= share:
            continue
        shares[name] = share
        rule = rules.get(name)
        if isinstance(rule, Combined):
            todo += [(part, share * max(len(rule.any_of), 1)) for part in rule.parts]
    return {name: share for name, share in shares.items() if share > 1}


def comparisons_that_may_fail(program: Program, phase: str) -> int:
    """How many comparisons there are any one of which, not met, fails the gate; 1 at least."""
    rules = program.phases[phase].criteria

    def count(name: str, above: frozenset[str] = frozenset()) -> int:
        rule = rules.get(name)
        if rule is None or name in above:  # of another phase, judged there; or a circle, which is refused
            return 0
        if isinstance(rule, Combined):
            parts = [count(part, above | {name}) for part in rule.parts]
            return sum(parts) if rule.all_of else max(parts, default=0)
        if isinstance(rule, Order | Spread):
            return max(len(rule.judged_pairs), 1)
        if isinstance(rule, Blocked):
            return max(len(rule.judged_pairs), 1) if rule.over_blocks == "each" else 1
        return 1 if rule.any_arm else max(len(rule.subjects), 1)

    return max(sum(map(count, program.phases[phase].gate)), 1)


def required_by_gate(program: Program, phase: str) -> frozenset[str]:
    """The criteria whose evidence the gate requires: those it lists, and what they combine."""
    rules = program.phases[phase].criteria
    wanted: set[str] = set()
    todo = list(program.phases[phase].gate)
    while todo:
        name = todo.pop()
        if name in wanted:
            continue
        wanted.add(name)
        rule = rules.get(name)
        if isinstance(rule, Combined):
            todo.extend(rule.parts)
    return frozenset(wanted)
