"""From a verdict to what the rules choose: the program's ``next`` and its triage options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from planner.deciding.deferred import conditions_of, due_options, why_deferred
from planner.deciding.rejected import one_try, why_not_row
from planner.language.program import ENDS, Option, Program
from planner.language.transitions import openers
from planner.records.decision import Action, Decision, Due, NeedsPerson, Rejected
from planner.records.rule_ref import RuleRef
from planner.records.verdict import Verdict


@dataclass(frozen=True)
class Route:
    """How the walk came here.

    Attributes:
        owner: phase -> the phase whose triage opened it (as an option or as a diagnosis).
        tried: phase -> options of its triage that were taken, in order.
        diagnosed: phases whose diagnosis was started.
    """

    owner: Mapping[str, str] = field(default_factory=dict)
    tried: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    diagnosed: frozenset[str] = frozenset()

    @property
    def owners(self) -> tuple[tuple[str, str], ...]:
        """``owner`` as a decision's inputs keep it."""
        return tuple(sorted(self.owner.items()))

    @property
    def options_tried(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """``tried`` as a decision's inputs keep it."""
        return tuple(sorted(self.tried.items()))

    def taken(self, decision: Decision) -> Route:
        """The route after a decision has been followed."""
        holder = decision.rule.holder
        if decision.target is None or holder is None:
            return self
        owner = {**self.owner, decision.target: holder}
        if decision.action == "run_diagnostic":
            return replace(self, owner=owner, diagnosed=self.diagnosed | {holder})
        tried = {**self.tried, holder: (*self.tried.get(holder, ()), decision.choice or "")}
        return replace(self, owner=owner, tried=tried)


@dataclass(frozen=True)
class Pick:
    """What the rules choose, before overrides."""

    action: Action
    choice: str | None
    target: str | None
    reason: str
    rule: RuleRef
    rejected: tuple[Rejected, ...] = ()
    needs_person: NeedsPerson | None = None
    due: tuple[Due, ...] = ()


def choices(program: Program, phase: str, due: Iterable[Due] = ()) -> dict[str, str | None]:
    """What a person may choose after a phase: choice -> the phase that it opens (None: stop).

    These are the targets of ``next``, the diagnosis and the options of its triage and of every triage
    that may have opened it, and ``stop``.

    Args:
        due: options of any triage that the decision after the phase names as due.
    """
    late = {(one.holder, one.option) for one in due}
    targets: dict[str, str | None] = {
        option.option: option.opens
        for holder, rules in program.phases.items()
        for option in (rules.triage.options if rules.triage else ())
        if (holder, option.option) in late
    }
    targets |= {t: t for t in program.phases[phase].next.values() if t not in ENDS}
    for holder in (phase, *openers(program, phase)):
        triage = program.phases[holder].triage
        if triage is not None:
            targets.update({triage.diagnose: triage.diagnose} if triage.diagnose else {})
            targets.update({option.option: option.opens for option in triage.options})
    return {**targets, "stop": None}


def by_rules(program: Program, verdict: Verdict, earlier: Mapping[str, Verdict], route: Route) -> Pick:
    """What the program says follows from a verdict, nobody contradicting.

    Where it ends there, options that were deferred and are due by now are named: no rule takes them.
    """
    pick = _by_next(program, verdict, earlier, route)
    due = due_options(program, {**earlier, verdict.phase: verdict}, route.tried)
    if pick.action != "stop" or not due:
        return pick
    due_reasons = "; ".join(f"'{one.option}' was deferred and is due: {why}" for one, why in due.items())
    return replace(pick, reason=f"{pick.reason}; {due_reasons}", due=tuple(due))


def _by_next(program: Program, verdict: Verdict, earlier: Mapping[str, Verdict], route: Route) -> Pick:
    phase, row = verdict.phase, verdict.case or verdict.tier
    conclusion = f"{phase}: {verdict.outcome}" + (f", {row_name(program, phase, row)}" if row else "")
    conclusion += f" ({verdict.means})" if verdict.means else ""
    target, rule = next_rule(program, verdict, route)
    if target in ("triage", "back"):
        opened = route.owner.get(phase) or next(iter(openers(program, phase)), None)
        holder = phase if target == "triage" else opened
        if holder is None or program.phases[holder].triage is None:
            return Pick("stop", None, None, f"{conclusion}; no triage is open to go back to", rule)
        return _by_triage(program, holder, {**earlier, phase: verdict}, route, conclusion, verdict)
    rejected = tuple(_other_rows(program, verdict, rule.answer))
    if target == "stop":
        return Pick("stop", None, None, f"{conclusion}; nothing more is asked", rule, rejected)
    if target == "wait" and verdict.no_run_worked:
        (why,) = (guard.reason for guard in verdict.guards if guard.id == "complete")
        reason = f"{conclusion}; {why}; mend what they lacked, then advance again"
        return Pick("wait", None, None, reason, rule, rejected, "to_act")
    if target == "wait":
        return Pick("wait", None, None, f"{conclusion}; a person has to look at it", rule, rejected, "to_act")
    return _open_phase(program, verdict, target, conclusion, rule, rejected)


def next_rule(program: Program, verdict: Verdict, route: Route) -> tuple[str, RuleRef]:
    """Where a verdict leads, and the rule that leads there."""
    rules, phase = program.phases[verdict.phase], verdict.phase
    answers: tuple[str | None, ...] = (verdict.case, verdict.tier, verdict.outcome)
    if verdict.outcome in ("invalid", "blocked"):
        answers = (verdict.outcome,)  # nothing was concluded, so no row of a table leads on
    key = next((k for k in answers if k in rules.next), None)
    if key is not None:
        return rules.next[key], RuleRef(phase, "next", key)
    target = _default_target(program, verdict, route)
    return target, RuleRef(phase, "default", target)


def _default_target(program: Program, verdict: Verdict, route: Route) -> str:
    """Where an answer leads of which ``next`` says nothing."""
    if verdict.no_run_worked:
        return "wait"
    if verdict.phase in route.owner:
        return "back"
    if verdict.outcome == "invalid":  # no option mends evidence that cannot be trusted
        return "wait"
    if verdict.outcome != "pass" and program.phases[verdict.phase].triage is not None:
        return "triage"
    return "stop"


def _open_phase(
    program: Program,
    verdict: Verdict,
    target: str,
    conclusion: str,
    rule: RuleRef,
    rejected: tuple[Rejected, ...],
) -> Pick:
    doubt = _doubt(program, target, verdict)
    if doubt:
        return Pick("wait", target, target, f"{conclusion}; {doubt}", rule, rejected, "to_confirm")
    return Pick("run_phase", target, target, f"{conclusion}; this leads to '{target}'", rule, rejected)


def _doubt(program: Program, target: str, verdict: Verdict) -> str:
    """Why a verdict is not good enough to open a phase; empty where it is."""
    if program.phases[target].asks_for == "provisional" or verdict.confidence == "confirmed":
        return ""
    why = verdict.caveats[0] if verdict.caveats else "a criterion was judged at point value, or is undecided"
    return f"'{target}' asks for a confirmed verdict and this one is provisional ({why})"


def row_name(program: Program, phase: str, row: str) -> str:
    """``Case D`` or ``Tier 1.5``."""
    return f"{'Case' if row in program.phases[phase].cases else 'Tier'} {row}"


def _other_rows(program: Program, verdict: Verdict, taken: str | None) -> Iterator[Rejected]:
    """The ways of ``next`` that were not taken, each once, and why."""
    rules = program.phases[verdict.phase]
    mine = rules.next.get(taken) if taken else None
    offered = choices(program, verdict.phase)
    seen = {mine}
    for key, target in rules.next.items():
        if target in seen or (target not in offered and target != "stop"):
            continue
        seen.add(target)
        reason, flips = why_not_row(rules, verdict, key)
        yield Rejected(choice=target, reason=reason, flips_if=flips)
    for option in rules.triage.options if rules.triage else ():
        if option.option not in seen:
            yield Rejected(choice=option.option, reason="triage is not asked for by this verdict")


# --- triage ------------------------------------------------------------------------------------


def _by_triage(
    program: Program,
    holder: str,
    verdicts: Mapping[str, Verdict],
    route: Route,
    conclusion: str,
    verdict: Verdict,
) -> Pick:
    triage = program.phases[holder].triage
    assert triage is not None
    ranked = _ranked(triage.options, triage.policy)
    against = {o.option: _obstacle(program, o, holder, verdicts, route) for o in ranked}
    diagnosis = triage.diagnose
    if diagnosis and holder not in route.diagnosed and diagnosis not in verdicts:
        first = f"'{diagnosis}' is judged before an option is chosen"
        rejected = tuple(_rejected(o, against[o.option], first) for o in ranked)
        rule = RuleRef(holder, "diagnose")
        return Pick("run_diagnostic", diagnosis, diagnosis, f"{conclusion}; {first}", rule, rejected)
    free = [o for o in ranked if against[o.option] is None]
    first = f"comes after '{free[0].option}' in the order of the options" if free else ""
    rejected = tuple(_rejected(o, against[o.option], first) for o in ranked if o not in free[:1])
    if not free:
        reason = f"{conclusion}; no triage option of '{holder}' is left"
        return Pick("stop", None, None, reason, RuleRef(holder, "exhausted"), rejected)
    best = free[0]
    reason = f"{conclusion}; '{best.option}': {best.rationale}"
    if best.tries == 1:
        waiting = [o for o in ranked if (against[o.option] or ("", ""))[1]]
        reason += f" ({one_try(program, best, [o for o in ranked if o in free or o in waiting], waiting)})"
    rule = RuleRef(holder, "triage", best.option)
    if best.needs_person:
        return Pick("wait", best.option, best.opens, reason, rule, rejected, best.needs_person)
    doubt = _doubt(program, best.opens, verdict)
    if doubt:
        return Pick("wait", best.option, best.opens, f"{reason}; {doubt}", rule, rejected, "to_confirm")
    return Pick("take_option", best.option, best.opens, reason, rule, rejected)


def _ranked(options: Sequence[Option], policy: str) -> list[Option]:
    """The author's order, or the cheapest first; what is discouraged comes last either way."""
    by_cost = policy == "cheapest"
    return sorted(options, key=lambda o: (bool(o.discouraged), o.least_hours if by_cost else 0.0))


Obstacle = tuple[str, str]
"""Why an option cannot be taken now, and what would let it be taken."""


def _obstacle(
    program: Program, option: Option, holder: str, verdicts: Mapping[str, Verdict], route: Route
) -> Obstacle | None:
    """Why an option cannot be taken now; None where it can."""
    taken = route.tried.get(holder, ()).count(option.option)
    if taken >= option.tries:
        after = verdicts.get(option.opens)
        return f"tried already: {after.outcome if after else 'no verdict'}", ""
    if option.opens in verdicts:
        return f"its phase '{option.opens}' is judged already: {verdicts[option.opens].outcome}", ""
    unmet = [c for c in conditions_of(program, holder, option, verdicts) if not c.met]
    return why_deferred(unmet) if unmet else None


def _rejected(option: Option, obstacle: Obstacle | None, first: str) -> Rejected:
    """An option that is not taken.

    Args:
        first: why one against which nothing stands is not taken now.
    """
    if obstacle is not None:
        return Rejected(choice=option.option, reason=obstacle[0], flips_if=obstacle[1])
    reason = f"discouraged: {option.discouraged}" if option.discouraged else first
    return Rejected(choice=option.option, reason=reason)
