"""From a verdict to a decision: the program's ``next``, triage options, and a person's override."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from planner.alternatives import why_not_row
from planner.criteria.judge import lookup
from planner.program import ENDS, Option, Program
from planner.records import Decision, Override, Rejected, Verdict


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

    def taken(self, decision: Decision) -> Route:
        """The route after a decision has been followed."""
        if decision.target is None or ".triage" not in decision.rule:
            return self
        holder = decision.rule.split(".triage")[0]
        owner = {**self.owner, decision.target: holder}
        if decision.action == "run_diagnostic":
            return replace(self, owner=owner, diagnosed=self.diagnosed | {holder})
        tried = {**self.tried, holder: (*self.tried.get(holder, ()), decision.choice or "")}
        return replace(self, owner=owner, tried=tried)


@dataclass(frozen=True)
class Pick:
    """What the rules choose, before overrides."""

    action: str
    choice: str | None
    target: str | None
    reason: str
    rule: str
    rejected: tuple[Rejected, ...] = ()
    needs_person: str | None = None


def choose_route(
    program: Program,
    verdict: Verdict,
    earlier: Mapping[str, Verdict],
    route: Route,
    overrides: Sequence[Override],
    program_digest: str,
) -> Decision:
    """The decision that follows a verdict.

    Args:
        earlier: verdicts of the phases before.
        overrides: those that stand for this phase, oldest first; the newest wins.
    """
    routed, said = _accepted(verdict, overrides)
    pick = _by_rules(program, routed, earlier, route)
    if said:
        pick = replace(pick, reason=f"{said}; {pick.reason}")
    chosen = next((o for o in reversed(overrides) if o.choose is not None), None)
    done = {o.done for o in overrides if o.done is not None}
    override_id, recommended = None, None
    if chosen is not None and chosen.choose in choices(program, verdict.phase, route):
        override_id, recommended = chosen.id, chosen.recommended or pick.choice
        pick = _overridden(program, verdict.phase, route, pick, chosen)
    if pick.needs_person and pick.choice in done:
        told = next(o for o in overrides if o.done == pick.choice)
        reason = f"{told.by} has done what '{pick.choice}' asks for: {told.reason}"
        pick = replace(pick, action="take_option", needs_person=None, reason=reason)
        override_id = override_id or told.id
    decision = Decision.model_validate(
        {
            "program": program.program,
            "phase": verdict.phase,
            "fidelity": verdict.fidelity,
            **{
                k: getattr(pick, k)
                for k in ("action", "choice", "reason", "rule", "rejected", "needs_person")
            },
            "target": pick.target,
            "verdict_id": verdict.id,
            "recommended": recommended,
            "override_id": override_id,
            "program_digest": program_digest,
        }
    )
    return decision.identified("d")


def choices(program: Program, phase: str, route: Route | None = None) -> dict[str, str | None]:
    """What a person may choose after a phase: choice -> the phase that it opens (None: stop).

    These are the targets of ``next``, the options of its triage (or of the triage that opened it),
    and ``stop``.
    """
    found: dict[str, str | None] = {t: t for t in program.phases[phase].next.values() if t not in ENDS}
    holders = [phase, (route.owner.get(phase) if route else None) or _opener(program, phase)]
    for holder in holders:
        triage = program.phases[holder].triage if holder else None
        found.update({option.option: option.opens for option in triage.options} if triage else {})
    return {**found, "stop": None}


def _opener(program: Program, phase: str) -> str | None:
    """The phase whose triage may have opened this one."""
    for name, rules in program.phases.items():
        if rules.triage and (
            phase == rules.triage.diagnose or any(o.opens == phase for o in rules.triage.options)
        ):
            return name
    return None


def _accepted(verdict: Verdict, overrides: Sequence[Override]) -> tuple[Verdict, str]:
    """The verdict as a person lets it stand: accepted, or rejected (then nothing is concluded)."""
    told = next((o for o in reversed(overrides) if o.verdict is not None), None)
    if told is None:
        return verdict, ""
    if told.verdict == "accept":
        accepted = verdict.model_copy(update={"confidence": "confirmed"})
        return accepted, f"{told.by} accepts the verdict ({told.reason})"
    rejected = verdict.model_copy(update={"outcome": "inconclusive", "case": None, "tier": None})
    return rejected, f"{told.by} rejects the verdict ({told.reason})"


# --- the rules ---------------------------------------------------------------------------------


def _by_rules(program: Program, verdict: Verdict, earlier: Mapping[str, Verdict], route: Route) -> Pick:
    rules, phase = program.phases[verdict.phase], verdict.phase
    row = verdict.case or verdict.tier
    answers: tuple[str | None, ...] = (verdict.case, verdict.tier, verdict.outcome)
    if verdict.outcome in ("invalid", "blocked"):
        answers = (verdict.outcome,)  # nothing was concluded, so no row of a table leads on
    key = next((k for k in answers if k in rules.next), None)
    told = f"{phase}: {verdict.outcome}" + (f", {row_name(program, phase, row)}" if row else "")
    if verdict.means:
        told += f" ({verdict.means})"
    if key is not None:
        target, rule = rules.next[key], f"{phase}.next.{key}"
    elif phase in route.owner:
        target, rule = "back", f"{phase}.next (default: back to the triage that opened it)"
    elif verdict.outcome != "pass" and rules.triage is not None:
        target, rule = "triage", f"{phase}.next (default: triage)"
    else:
        target, rule = "stop", f"{phase}.next (default: stop)"
    if target in ("triage", "back"):
        holder = phase if target == "triage" else route.owner.get(phase, _opener(program, phase))
        if holder is None or program.phases[holder].triage is None:
            return Pick("stop", None, None, f"{told}; no triage is open to go back to", rule)
        return _by_triage(program, holder, {**earlier, phase: verdict}, route, told)
    rejected = tuple(_other_rows(program, verdict, key))
    if target == "stop":
        return Pick("stop", None, None, f"{told}; nothing more is asked", rule, rejected)
    if target == "wait":
        return Pick("wait", None, None, f"{told}; a person has to look at it", rule, rejected, "to_act")
    return _open_phase(program, verdict, target, told, rule, rejected)


def _open_phase(
    program: Program, verdict: Verdict, target: str, told: str, rule: str, rejected: tuple[Rejected, ...]
) -> Pick:
    if program.phases[target].asks_for == "confirmed" and verdict.confidence != "confirmed":
        why = verdict.caveats[0] if verdict.caveats else "a criterion was judged at point value"
        reason = f"{told}; '{target}' asks for a confirmed verdict and this one is provisional ({why})"
        return Pick("wait", target, target, reason, rule, rejected, "to_confirm")
    return Pick("run_phase", target, target, f"{told}; this leads to '{target}'", rule, rejected)


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
    program: Program, holder: str, verdicts: Mapping[str, Verdict], route: Route, told: str
) -> Pick:
    triage = program.phases[holder].triage
    assert triage is not None
    if triage.diagnose and holder not in route.diagnosed and triage.diagnose not in verdicts:
        reason = f"{told}; '{triage.diagnose}' is judged before an option is chosen"
        return Pick("run_diagnostic", triage.diagnose, triage.diagnose, reason, f"{holder}.triage.diagnose")
    judged = [
        (option, _obstacle(option, holder, verdicts, route))
        for option in _ranked(triage.options, triage.policy)
    ]
    free = [option for option, obstacle in judged if obstacle is None]
    rejected = tuple(
        _rejected(option, obstacle, free) for option, obstacle in judged if option not in free[:1]
    )
    if not free:
        reason = f"{told}; no triage option of '{holder}' is left"
        return Pick("stop", None, None, reason, f"{holder}.triage", rejected)
    best = free[0]
    reason = f"{told}; '{best.option}': {best.rationale}"
    if best.tries == 1:
        reason += " (one try, then the next option)"
    rule = f"{holder}.triage.{best.option}"
    if best.needs_person:
        return Pick("wait", best.option, best.opens, reason, rule, rejected, best.needs_person)
    return Pick("take_option", best.option, best.opens, reason, rule, rejected)


def _ranked(options: Sequence[Option], policy: str) -> list[Option]:
    """The author's order, or the cheapest first; what is discouraged comes last either way."""
    by_cost = policy == "cheapest"
    return sorted(options, key=lambda o: (bool(o.discouraged), o.least_hours if by_cost else 0.0))


def _obstacle(option: Option, holder: str, verdicts: Mapping[str, Verdict], route: Route) -> str | None:
    """Why an option cannot be taken now; None where it can."""
    taken = route.tried.get(holder, ()).count(option.option)
    if taken >= option.tries:
        after = verdicts.get(option.opens)
        return f"tried already: {after.outcome if after else 'no verdict'}"
    unmet = [name for name in option.revisit_when if not _is_met(name, holder, verdicts)]
    return f"deferred until {', '.join(unmet)}" if unmet else None


def _is_met(name: str, holder: str, verdicts: Mapping[str, Verdict]) -> bool:
    own = verdicts[holder].criterion(name) if holder in verdicts else None
    found = own or lookup(name, verdicts)[1]
    return found is not None and found.outcome == "met"


def _rejected(option: Option, obstacle: str | None, free: Sequence[Option]) -> Rejected:
    if obstacle is not None:
        flips = obstacle.replace("deferred until", "met:") if obstacle.startswith("deferred") else ""
        return Rejected(choice=option.option, reason=obstacle, flips_if=flips)
    first = free[0].option
    if option.discouraged:
        return Rejected(choice=option.option, reason=f"discouraged: {option.discouraged}")
    return Rejected(choice=option.option, reason=f"comes after '{first}' in the order of the options")


# --- overrides ---------------------------------------------------------------------------------


def _overridden(program: Program, phase: str, route: Route, pick: Pick, override: Override) -> Pick:
    """What a person chose; the recommendation goes to the head of the rejected alternatives."""
    opens = choices(program, phase, route)[override.choose or "stop"]
    reason = f"{override.by} chose '{override.choose}': {override.reason}"
    if override.choose == pick.choice:
        needs = None if pick.needs_person != "to_act" else "to_act"
        action = "wait" if needs else ("take_option" if ".triage." in pick.rule else "run_phase")
        return replace(pick, action=action, reason=reason, needs_person=needs)
    dropped = Rejected(
        choice=pick.choice or pick.action, reason=f"recommended by the rules, overridden: {pick.reason}"
    )
    others = tuple(r for r in pick.rejected if r.choice != override.choose)
    holder, option = _option(program, phase, route, override.choose or "")
    if option is None:
        action = "stop" if opens is None else "run_phase"
        return Pick(action, override.choose, opens, reason, f"{phase}.override", (dropped, *others))
    needs = option.needs_person if option.needs_person == "to_act" else None
    action = "wait" if needs else "take_option"
    rule = f"{holder}.triage.{option.option}"
    return Pick(action, option.option, opens, reason, rule, (dropped, *others), needs)


def _option(program: Program, phase: str, route: Route, choice: str) -> tuple[str, Option | None]:
    for holder in (phase, route.owner.get(phase) or _opener(program, phase)):
        triage = program.phases[holder].triage if holder else None
        for option in triage.options if triage else ():
            if option.option == choice:
                return holder or phase, option
    return phase, None
