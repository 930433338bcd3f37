"""A person's word beside the rules: what is chosen, accepted, rejected or done, and what it contradicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from planner.deciding.launch import registered
from planner.deciding.triage import Pick, Route, by_rules, choices
from planner.language.program import Option, Program
from planner.language.transitions import openers
from planner.records.decision import Action, Decision, Inputs, Rejected
from planner.records.person import Override
from planner.records.rule_ref import RuleRef
from planner.records.verdict import Verdict


def choose_route(
    program: Program,
    verdict: Verdict,
    earlier: Mapping[str, Verdict],
    route: Route,
    overrides: Sequence[Override],
    program_digest: str,
) -> Decision:
    """The decision that follows a verdict, with what it rested on.

    Args:
        earlier: verdicts of the phases before.
        overrides: those that stand for this phase, oldest first; the newest wins.
    """
    done = _by_people(program, verdict, earlier, route, overrides)
    pick = done.pick
    decision = Decision(
        program=program.program,
        phase=verdict.phase,
        fidelity=verdict.fidelity,
        action=pick.action,
        choice=pick.choice,
        target=pick.target,
        reason=pick.reason,
        rule=pick.rule,
        verdict_id=verdict.id,
        rejected=pick.rejected,
        needs_person=pick.needs_person,
        recommended=done.recommended,
        override_ids=tuple(override.id for override in done.followed),
        due=pick.due,
        program_digest=program_digest,
        inputs=Inputs(
            verdicts=tuple(v.id for v in earlier.values()),
            owner=route.owners,
            tried=route.options_tried,
            diagnosed=tuple(sorted(route.diagnosed)),
            prediction=registered(program, pick.target),
        ),
    )
    return decision.identified("d")


@dataclass(frozen=True)
class _Done:
    """What is done after a verdict, people's words heard.

    Attributes:
        followed: the overrides that it follows.
        recommended: what the rules recommend, where that differs.
    """

    pick: Pick
    followed: Sequence[Override]
    recommended: str | None


def _by_people(
    program: Program,
    verdict: Verdict,
    earlier: Mapping[str, Verdict],
    route: Route,
    overrides: Sequence[Override],
) -> _Done:
    recommended = pick = by_rules(program, verdict, earlier, route)
    followed, said = [], []
    judged = _newest(overrides, "verdict")
    if judged is not None:
        pick = by_rules(program, _accepted(verdict, judged), earlier, route)
        followed.append(judged)
        said.append(f"{judged.by} {judged.verdict}s the verdict ({judged.reason})")
    chosen = _newest(overrides, "choose")
    if chosen is not None and chosen.choose in choices(program, verdict.phase, pick.due):
        pick = _overridden(program, verdict.phase, route, pick, chosen)
        followed.append(chosen)
        said.append(f"{chosen.by} chose '{chosen.choose}' ({chosen.reason})")
    else:
        chosen = None
    done = _newest([o for o in overrides if o.done == pick.choice], "done")
    if done is not None and pick.needs_person == "to_act":
        pick = replace(pick, action="take_option", needs_person=None)
        followed.append(done)
        said.append(f"{done.by} has done what '{done.done}' asks for ({done.reason})")
    said += [] if chosen is not None else [pick.reason]
    ruled, chosen_now = recommended.choice or recommended.action, pick.choice or pick.action
    differs = ruled if ruled != chosen_now else None
    return _Done(replace(pick, reason="; ".join(said)), followed, differs)


def _newest(overrides: Sequence[Override], kind: str) -> Override | None:
    return next((o for o in reversed(overrides) if getattr(o, kind) is not None), None)


def _accepted(verdict: Verdict, override: Override) -> Verdict:
    """The verdict as a person lets it stand: accepted, or rejected (then nothing is concluded)."""
    if override.verdict == "accept":
        return verdict.model_copy(update={"confidence": "confirmed"})
    return verdict.model_copy(update={"outcome": "inconclusive", "case": None, "tier": None, "means": ""})


def _overridden(program: Program, phase: str, route: Route, pick: Pick, override: Override) -> Pick:
    """What a person chose; the recommendation goes to the head of the rejected alternatives."""
    choice = override.choose or "stop"
    if choice == (pick.choice or pick.action):
        acts = pick.needs_person == "to_act"
        action = pick.action if acts or pick.action != "wait" else _taking(pick)
        return replace(pick, action=action, needs_person="to_act" if acts else None)
    opens, others = choices(program, phase, pick.due), [r for r in pick.rejected if r.choice != choice]
    recommended = pick.choice or pick.action
    if recommended in opens:
        why = f"recommended by the rules, overridden: {pick.reason}"
        others.insert(0, Rejected(choice=recommended, reason=why))
    holder, option = _option(program, phase, route, pick, choice)
    if option is None:
        action, rule = _plain(program, phase, choice, opens[choice])
        return Pick(action, choice, opens[choice], override.reason, rule, tuple(others), due=pick.due)
    needs = option.needs_person if option.needs_person == "to_act" else None
    rule = RuleRef(holder, "triage", option.option)
    needed: Action = "wait" if needs else "take_option"
    return Pick(needed, choice, opens[choice], override.reason, rule, tuple(others), needs, pick.due)


def _taking(pick: Pick) -> Action:
    """What a pick does once nobody has to be waited for."""
    return "take_option" if pick.rule.part == "triage" else "run_phase"


def _plain(program: Program, phase: str, choice: str, opens: str | None) -> tuple[Action, RuleRef]:
    """(action, rule) of a choice that is no option: a phase, a diagnosis, or the end."""
    for holder in (phase, *openers(program, phase)):
        triage = program.phases[holder].triage
        if triage is not None and triage.diagnose == choice:
            return "run_diagnostic", RuleRef(holder, "diagnose")
    return "stop" if opens is None else "run_phase", RuleRef(phase, "override")


def _option(program: Program, phase: str, route: Route, pick: Pick, choice: str) -> tuple[str, Option | None]:
    """The option of that name, and the phase whose triage offers it; the one that opened this first."""
    mine = [route.owner[phase]] if phase in route.owner else []
    due = [one.holder for one in pick.due if one.option == choice]
    for holder in (phase, *mine, *openers(program, phase), *due):
        triage = program.phases[holder].triage
        for option in triage.options if triage else ():
            if option.option == choice:
                return holder, option
    return phase, None
