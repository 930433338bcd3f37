"""Every rule that could have fired after a verdict: whether it did, else the first condition that failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from planner.criteria.judge import result_from
from planner.deciding.deferred import conditions_of
from planner.deciding.rejected import why_not_row
from planner.deciding.triage import next_rule
from planner.explaining.trace import Trace
from planner.language.program import OUTCOMES, Option, Rule
from planner.records.base import Record, Value
from planner.records.rule_ref import RuleRef
from planner.records.verdict import CriterionOutcome, CriterionResult, Verdict
from planner.text.numbers import number, words

Kind = Literal["gate", "case", "tier", "next", "option"]
Wanted = tuple[str, CriterionOutcome]
"""A criterion and what it would have to say."""


class FailedCondition(Record):
    """The first condition of a rule that failed, and by how much.

    Attributes:
        criterion: the condition; of a combined one, the single criterion in it that failed.
        of: the combined criterion that the rule names; empty where it names the criterion itself.
        flips_at: the observed value beyond which the condition would hold; None where no value would do.
        distance: how far the observed value is from it, in ``unit``.
    """

    criterion: str
    of: str = ""
    wanted: CriterionOutcome
    outcome: CriterionOutcome
    observed: Value | None = None
    threshold: Value | tuple[Value, Value] | None = None
    flips_at: Value | None = None
    distance: Value | None = None
    unit: str = ""
    run_ids: tuple[str, ...] = ()

    @property
    def share(self) -> float | None:
        """The distance as a share of the larger of the two values; for putting the nearest first."""
        if self.distance is None:
            return None
        return self.distance / max(abs(self.observed or 0.0), abs(self.flips_at or 0.0), 1e-300)

    @property
    def description(self) -> str:
        """The condition in words, with its numbers."""
        what = f"{self.criterion} is {words(self.outcome)}, asked {words(self.wanted)}"
        if self.distance is None or self.flips_at is None:
            return what
        unit = f" {self.unit}" if self.unit else ""
        numbers = f"{number(self.observed)}, {words(self.wanted)} beyond {number(self.flips_at)}"
        return f"{what}: {number(self.distance)}{unit} off ({numbers})"


class RuleTrace(Record):
    """One rule of the program, and whether it fired.

    Attributes:
        rule: where it stands in the program, for example ``late.tiers.2`` or ``late.next.pass``.
        reason: why it did not fire; empty where it did.
    """

    rule: str
    kind: Kind
    fired: bool
    failed: FailedCondition | None = None
    reason: str = ""


def rule_traces(trace: Trace) -> list[RuleTrace]:
    """The gate, each row of the tables, each key of ``next`` and each option, in the order of the program."""
    rules, verdict = trace.rules, trace.verdict
    if rules is None or verdict is None:
        return []
    traces = [_gate(trace, verdict)]
    traces += [_row(trace, verdict, name, rule, "case") for name, rule in rules.cases.items()]
    traces += [_row(trace, verdict, tier.tier, tier, "tier") for tier in rules.tiers]
    traces += [_next_rule(trace, verdict, key) for key in rules.next]
    return [*traces, *(_option(trace, o) for o in (rules.triage.options if rules.triage else ()))]


def nearness(rule: RuleTrace) -> float | None:
    """How near a rule was: how far its first failed condition is off, as a share; None where unknown."""
    return rule.failed.share if rule.failed is not None else None


def first_failed(trace: Trace, verdict: Verdict, wanted: Sequence[Wanted]) -> FailedCondition | None:
    """The first of these conditions that does not hold."""
    results = {c.id: c for c in verdict.criteria}
    for name, expected in wanted:
        result = result_from(name, results, trace.verdicts)
        if result.outcome != expected:
            return _failed(result, expected)
    return None


def conditions_of_row(rule: Rule) -> list[Wanted]:
    """What a row of a table asks for, in the order in which it is judged."""
    return [*((name, "met") for name in rule.when), *((name, "not_met") for name in rule.unless)]


def _failed(result: CriterionResult, wanted: CriterionOutcome) -> FailedCondition:
    leaf = _leaf(result, wanted)
    flip_values = {outcome: value for value, outcome in leaf.turns}
    flips_at = flip_values.get(wanted)
    distance = abs(flips_at - leaf.observed) if flips_at is not None and leaf.observed is not None else None
    return FailedCondition(
        criterion=leaf.id,
        of=result.id if leaf.id != result.id else "",
        wanted=wanted,
        outcome=leaf.outcome,
        observed=leaf.observed,
        threshold=leaf.threshold,
        flips_at=flips_at,
        distance=distance,
        unit=leaf.unit,
        run_ids=leaf.run_ids,
    )


def _leaf(result: CriterionResult, wanted: CriterionOutcome) -> CriterionResult:
    """Of a combined criterion, the first single one that is not as wanted."""
    while result.kind == "combined" and result.parts:
        result = next((p for p in result.parts if p.outcome != wanted), result.parts[0])
    return result


def _gate(trace: Trace, verdict: Verdict) -> RuleTrace:
    wanted: list[Wanted] = [(name, "met") for name in trace.rules.gate] if trace.rules else []
    failed = first_failed(trace, verdict, wanted)
    passed = verdict.outcome == "pass"
    cause = f" ({words(verdict.cause)})" if verdict.cause else ""
    reason = failed.description if failed is not None else f"the outcome is {verdict.outcome}{cause}"
    facts = {"rule": f"{trace.phase}.gate", "kind": "gate", "fired": passed, "failed": failed}
    return RuleTrace.model_validate({**facts, "reason": "" if passed else reason})


def _row(trace: Trace, verdict: Verdict, name: str, rule: Rule, kind: Literal["case", "tier"]) -> RuleTrace:
    location = f"{trace.phase}.{kind}s.{name}"
    if getattr(verdict, kind) == name:
        return RuleTrace(rule=location, kind=kind, fired=True)
    failed = first_failed(trace, verdict, conditions_of_row(rule))
    if verdict.outcome == "invalid":
        reason = "nothing is concluded from evidence that is invalid"
    elif failed is not None:
        reason = failed.description
    elif rule.otherwise:
        reason = "holds only where no other does"
    else:
        reason = "a row before it holds, or may"
    return RuleTrace(rule=location, kind=kind, fired=False, failed=failed, reason=reason)


def _next_rule(trace: Trace, verdict: Verdict, key: str) -> RuleTrace:
    assert trace.rules is not None
    location = f"{trace.phase}.next.{key}"
    if next_rule(trace.program, verdict, trace.decision_context.route)[1].answer == key:
        return RuleTrace(rule=location, kind="next", fired=True)
    if key in (verdict.outcome, verdict.case, verdict.tier):
        reason = "it holds, and a row before it leads on"
        return RuleTrace(rule=location, kind="next", fired=False, reason=reason)
    failed = first_failed(trace, verdict, wanted_for(trace, key))
    reason = failed.description if failed is not None else why_not_row(trace.rules, verdict, key)[0]
    return RuleTrace(rule=location, kind="next", fired=False, failed=failed, reason=reason)


def wanted_for(trace: Trace, key: str) -> list[Wanted]:
    """The conditions of a row, or of a gate that passes; for a gate that fails, any criterion not met."""
    assert trace.rules is not None
    row = trace.rules.row(key)
    if row is not None:
        return conditions_of_row(row)
    if key not in OUTCOMES or key in ("invalid", "blocked", "inconclusive"):
        return []
    return [(name, "met" if key == "pass" else "not_met") for name in trace.rules.gate]


def _option(trace: Trace, option: Option) -> RuleTrace:
    location, decision = RuleRef(trace.phase, "triage", option.option), trace.decision
    taken = decision is not None and decision.rule == location
    why = {r.choice: r.reason for r in decision.rejected} if decision else {}
    reason = "" if taken else why.get(option.option, "triage is not asked for by this verdict")
    failed = next(iter(_unmet(trace, option)), None) if not taken else None
    return RuleTrace(rule=str(location), kind="option", fired=taken, failed=failed, reason=reason)


def _unmet(trace: Trace, option: Option) -> Iterator[FailedCondition]:
    """The conditions on which an option waits and that are not met."""
    verdicts = {**trace.verdicts, **({trace.phase: trace.verdict} if trace.verdict else {})}
    for condition in conditions_of(trace.program, trace.phase, option, verdicts):
        if not condition.met and condition.result is not None:
            yield _failed(condition.result, "met")
