"""Why something was not chosen, what would have to hold, and the smallest change that would choose it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from planner.deciding.triage import choices
from planner.errors import UsageError
from planner.explaining.counterfactual_decisions import Flip
from planner.explaining.trace import Trace
from planner.explaining.unfired_rules import FailedCondition, RuleTrace, first_failed, rule_traces, wanted_for
from planner.language.program import OUTCOMES
from planner.language.transitions import openers, targets
from planner.records.base import Record, Value
from planner.records.decision import Decision
from planner.records.verdict import Verdict
from planner.text.numbers import number, words


class RequiredChange(Record):
    """One observed value moved beyond a flip point.

    Attributes:
        decision: what would be done next: the choice, or the action where it has none.
    """

    criterion: str
    arm: str
    metric: str
    observed: Value
    beyond: Value
    unit: str
    outcome: str
    decision: str


class WhyNot(Record):
    """Why a name was not chosen.

    Attributes:
        phase: after which phase it could have been chosen.
        chosen: it was.
        chain: what would have to hold, in order, each with its state.
        failed: the first condition that failed.
        smallest: the smallest change of a single observed value that would have chosen it.
    """

    name: str
    phase: str
    chosen: bool
    reason: str
    chain: tuple[str, ...] = ()
    failed: FailedCondition | None = None
    smallest: RequiredChange | None = None


def why_not(trace: Trace, name: str) -> WhyNot:
    """Why an option, phase, case, tier or outcome was not chosen after a phase, or before it.

    Raises:
        UsageError: nothing has that name; what there is, is listed.
    """
    names = names_of(trace)
    if name not in names:
        raise UsageError(f"{trace.program.program} has no '{name}' to choose; there is {', '.join(names)}")
    here = next((t for t in _judged_traces(trace) if _may_choose(t, name)), None)
    if here is None:
        return _unreachable(trace, name)
    assert here.verdict is not None
    if _is_chosen(name, here.verdict, here.decision):
        return WhyNot(name=name, phase=here.phase, chosen=True, reason=f"it was, after {here.phase}")
    rules = _rules_leading_to(here, name)
    failed = next((t.failed for t in rules if t.failed is not None), None)
    reason = next((t.reason for t in rules if t.reason), "") or _passed_by(here)
    chain = tuple(f"{t.rule}: {t.reason or 'it holds'}" for t in rules)
    changes = [_change(flip) for flip in _flips_to(here, name)]
    return WhyNot(
        name=name,
        phase=here.phase,
        chosen=False,
        reason=reason,
        chain=chain,
        failed=failed,
        smallest=changes[0] if changes else None,
    )


def names_of(trace: Trace) -> list[str]:
    """Everything that may be asked about: options, phases, the rows of the phase, outcomes."""
    rules, phases = trace.rules, trace.program.phases
    options = [o.option for p in phases.values() if p.triage for o in p.triage.options]
    rows = [*rules.cases, *(tier.tier for tier in rules.tiers)] if rules else []
    others = [n for p in phases.values() for n in (*p.cases, *(t.tier for t in p.tiers))]
    return list(dict.fromkeys([*options, *phases, *rows, *others, *OUTCOMES, "stop", "wait"]))


def why_not_lines(answer: WhyNot) -> list[str]:
    """The answer for a person."""
    if answer.chosen:
        return [f"why not {answer.name}: {answer.reason}"]
    lines = [f"why not {answer.name} after {answer.phase}: {answer.reason}"]
    lines += [f"  {condition}" for condition in answer.chain]
    small = answer.smallest
    if small is None:
        return [*lines, "  no single value would have chosen it"]
    unit = f" {small.unit}" if small.unit else ""
    moved = f"{small.criterion} from {number(small.observed)} to beyond {number(small.beyond)}{unit}"
    by = f" (all of {small.arm}.{small.metric} moved alike)"
    return [*lines, f"  smallest change: {moved}{by}; then {small.outcome}, {small.decision}"]


def _judged_traces(trace: Trace) -> Iterator[Trace]:
    """The phase that is explained, then the others that are judged."""
    if trace.verdict is not None:
        yield trace
    for phase, verdict in trace.verdicts.items():
        if phase != trace.phase and phase in trace.program.phases:
            decision = trace.decisions.get(phase)
            yield replace(trace, phase=phase, verdict=verdict, decision=decision)


def _may_choose(trace: Trace, name: str) -> bool:
    """Whether the verdict of a phase, or the decision after it, could have been that."""
    rules = trace.rules
    assert rules is not None
    due = trace.decision.due if trace.decision else ()
    offered = choices(trace.program, trace.phase, due)
    return name in (*OUTCOMES, "wait", *offered, *offered.values()) or rules.row(name) is not None


def _is_chosen(name: str, verdict: Verdict, decision: Decision | None) -> bool:
    said = [verdict.outcome, verdict.case, verdict.tier]
    if decision is not None:
        said += [decision.choice, decision.target, decision.action]
    return name in said


def _rules_leading_to(trace: Trace, name: str) -> list[RuleTrace]:
    """The rules that lead to a name."""
    rules = trace.rules
    assert rules is not None
    assert trace.verdict is not None
    by_location = {t.rule: t for t in rule_traces(trace)}
    keys = [key for key, target in rules.next.items() if target == name]
    if name in OUTCOMES or rules.row(name) is not None:
        keys = [name]
    leading = [_rule_of_key(trace, by_location, key) for key in keys]
    options = rules.triage.options if rules.triage else []
    mine = [o.option for o in options if name in (o.option, o.opens)]
    if mine and not any(t.fired for t in by_location.values() if t.kind == "option"):
        leading += [
            _rule_of_key(trace, by_location, key) for key, target in rules.next.items() if target == "triage"
        ]
    leading += [by_location[f"{trace.phase}.triage.{option}"] for option in mine]
    return leading or _rules_leading_back(trace, name)


def _rules_leading_back(trace: Trace, name: str) -> list[RuleTrace]:
    """An option of a triage that opened the phase: the verdict has to lead back there."""
    for holder in openers(trace.program, trace.phase):
        triage = trace.program.phases[holder].triage
        for option in triage.options if triage else ():
            if name in (option.option, option.opens):
                rule = trace.decision.rule if trace.decision else "nothing yet"
                back = f"the verdict does not lead back to the triage of {holder}, but on by {rule}"
                why = {r.choice: r.reason for r in trace.decision.rejected} if trace.decision else {}
                location, kept = (
                    f"{holder}.triage.{option.option}",
                    why.get(option.option, "it would be offered"),
                )
                return [
                    RuleTrace(rule=f"{trace.phase}.next", kind="next", fired=False, reason=back),
                    RuleTrace(rule=location, kind="option", fired=False, reason=kept),
                ]
    return []


def _rule_of_key(trace: Trace, by_location: dict[str, RuleTrace], key: str) -> RuleTrace:
    """The rule behind an answer: its row, the gate, or its key of ``next``."""
    for location in (f"{trace.phase}.cases.{key}", f"{trace.phase}.tiers.{key}", f"{trace.phase}.next.{key}"):
        if location in by_location:
            return by_location[location]
    verdict = trace.verdict
    assert verdict is not None
    failed = first_failed(trace, verdict, wanted_for(trace, key))
    fired = verdict.outcome == key
    reason = "" if fired else f"the outcome is {verdict.outcome}, not {key}"
    return RuleTrace(rule=f"{trace.phase}.gate", kind="gate", fired=fired, failed=failed, reason=reason)


def _passed_by(trace: Trace) -> str:
    decision = trace.decision
    return decision.reason if decision is not None else "nothing has been decided yet"


def _flips_to(trace: Trace, name: str) -> list[Flip]:
    """The flips beyond which a name is chosen, the smallest change first."""
    flips = [f for f in trace.flips if _is_chosen(name, f.verdict, f.decision)]
    return sorted(flips, key=lambda f: _share(f.flip_point.observed, f.flip_point.flips_at))


def _share(observed: float, beyond: float) -> float:
    return abs(beyond - observed) / max(abs(observed), abs(beyond), 1e-300)


def _change(flip: Flip) -> RequiredChange:
    flip_point, flipped = flip.flip_point, flip.verdict
    row = f", Case {flipped.case}" if flipped.case else f", Tier {flipped.tier}" if flipped.tier else ""
    decision = flip.decision
    chosen = f"{words(decision.action)} {decision.choice}" if decision.choice else words(decision.action)
    return RequiredChange(
        criterion=flip_point.id,
        arm=flip_point.arm,
        metric=flip_point.metric,
        observed=flip_point.observed,
        beyond=flip_point.flips_at,
        unit=flip_point.unit,
        outcome=f"{flipped.outcome}{row}",
        decision=chosen,
    )


def _unreachable(trace: Trace, name: str) -> WhyNot:
    """A name that no decision so far could have chosen."""
    phases = trace.program.phases
    from_next = [p for p in phases if name in targets(trace.program, p).values()]
    from_triage = [
        p
        for p, rules in phases.items()
        if rules.triage and any(name in (o.option, o.opens) for o in rules.triage.options)
    ]
    rows = [p for p, rules in phases.items() if rules.row(name) is not None]
    sources = list(dict.fromkeys([*from_next, *from_triage, *rows]))
    waits = ", ".join(f"'{source}'" for source in sources)
    reason = f"only {waits} could lead to it, and is not judged" if sources else "no decision leads to it"
    if name == trace.program.first:
        reason = "it is where the program begins"
    return WhyNot(name=name, phase=sources[0] if sources else trace.phase, chosen=False, reason=reason)
