"""A person's word beside the rules: what is chosen, accepted, rejected or done, and what it contradicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from planner.deciding.launch import registered
from planner.deciding.triage import Pick, Route, by_rules, choices
from planner.language.program import Option, Program
from planner.language.transitions import openers
from planner.records.decision import Decision, Rejected
from planner.records.person import Override
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
    pick, followed, recommended = _by_people(program, verdict, earlier, route, overrides)
    decision = Decision.model_validate(
        {
            "program": program.program,
            "phase": verdict.phase,
            "fidelity": verdict.fidelity,
            **{
                k: getattr(pick, k)
                for k in ("action", "choice", "reason", "rule", "rejected", "needs_person", "due")
            },
            "target": pick.target,
            "verdict_id": verdict.id,
            "recommended": recommended,
            "override_id": ", ".join(o.id for o in followed) or None,
            "program_digest": program_digest,
            "inputs": {
                "verdicts": tuple(v.id for v in earlier.values()),
                "prediction": registered(program, pick.target),
                **route.told(),
            },
        }
    )
    return decision.identified("d")


def _by_people(
    program: Program,
    verdict: Verdict,
    earlier: Mapping[str, Verdict],
    route: Route,
    overrides: Sequence[Override],
) -> tuple[Pick, list[Override], str | None]:
    """(what is done, the overrides that it follows, what the rules recommend where that differs)."""
    recommended = pick = by_rules(program, verdict, earlier, route)
    followed, said = [], []
    told = _newest(overrides, "verdict")
    if told is not None:
        pick = by_rules(program, _accepted(verdict, told), earlier, route)
        followed.append(told)
        said.append(f"{told.by} {told.verdict}s the verdict ({told.reason})")
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
    told_by_rules, done_now = recommended.choice or recommended.action, pick.choice or pick.action
    differs = told_by_rules if told_by_rules != done_now else None
    return replace(pick, reason="; ".join(said)), followed, differs


def _newest(overrides: Sequence[Override], kind: str) -> Override | None:
    return next((o for o in reversed(overrides) if getattr(o, kind) is not None), None)


def _accepted(verdict: Verdict, told: Override) -> Verdict:
    """The verdict as a person lets it stand: accepted, or rejected (then nothing is concluded)."""
    if told.verdict == "accept":
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
    rule = f"{holder}.triage.{option.option}"
    action = "wait" if needs else "take_option"
    return Pick(action, choice, opens[choice], override.reason, rule, tuple(others), needs, pick.due)


def _taking(pick: Pick) -> str:
    """What a pick does once nobody has to be waited for."""
    return "take_option" if ".triage." in pick.rule else "run_phase"


def _plain(program: Program, phase: str, choice: str, opens: str | None) -> tuple[str, str]:
    """(action, rule) of a choice that is no option: a phase, a diagnosis, or the end."""
    for holder in (phase, *openers(program, phase)):
        triage = program.phases[holder].triage
        if triage is not None and triage.diagnose == choice:
            return "run_diagnostic", f"{holder}.triage.diagnose"
    return "stop" if opens is None else "run_phase", f"{phase}.override"


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
