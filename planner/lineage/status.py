"""Where a program stands, in the words and the JSON of ``status``."""

from __future__ import annotations

from typing import Any

from planner.deciding.next_command import commands_after
from planner.deciding.triage import choices
from planner.lineage.in_force import follows_verdict
from planner.lineage.program_state import ProgramState


def program_state(at: ProgramState) -> str:
    """``ready``, ``running``, ``waiting``, ``blocked`` or ``done``."""
    latest = at.latest
    if at.running:
        return "running"
    if latest is None or at.reopened or at.to_judge_again:
        return "ready"
    if latest.action == "wait":
        return _waits(at)
    carried_out = follows_verdict(latest) and latest.target in at.path
    return "done" if latest.action == "stop" or carried_out else "ready"


def _waits(at: ProgramState) -> str:
    verdict = at.verdicts.get(at.latest.phase) if at.latest else None
    return "blocked" if verdict is not None and verdict.outcome == "blocked" else "waiting"


def next_step(at: ProgramState) -> dict[str, Any]:
    """What the next ``advance`` will do: action, target (option or phase) and reason.

    Where it would do nothing, ``commands`` says what a person may type.
    """
    return {**_ahead(at), "commands": _commands(at)}


def command_lines(ahead: dict[str, Any]) -> list[str]:
    """The commands of a next step for a person."""
    leads = ["to go on", *["or"] * len(ahead["commands"])]
    return [f"{lead}: {command}" for lead, command in zip(leads, ahead["commands"], strict=False)]


def _commands(at: ProgramState) -> list[str]:
    if at.latest is None or at.running or at.reopened or at.to_judge_again:
        return []
    verdict = at.verdicts.get(at.latest.phase)
    return commands_after(at.program, at.latest, verdict.outcome if verdict else None)


def _ahead(at: ProgramState) -> dict[str, Any]:
    if at.latest is None:
        reason = "nothing has been judged yet; this is the program's first phase"
        return {"action": "run_phase", "target": at.program.first, "reason": reason}
    if at.to_judge_again:
        phase = at.to_judge_again[0]
        reason = f"{phase} is stale: {at.standing.stale[phase]}"
        return {"action": "run_phase", "target": phase, "reason": reason}
    if at.pending is not None:
        return _by_a_person(at)
    if at.withdrawn is not None:
        told, target = at.withdrawn, at.withdrawn.recommended or at.withdrawn.choice
        followed = ", ".join(told.override_ids)
        reason = f"override {followed} no longer stands, so the rules decide after {told.phase}"
        return {"action": _action(at, told.phase, target), "target": target, "reason": reason}
    return {"action": at.latest.action, "target": at.latest.choice, "reason": at.latest.reason}


def _by_a_person(at: ProgramState) -> dict[str, Any]:
    told, decision = at.pending, at.decisions[at.pending.phase if at.pending else ""]
    assert told is not None
    if told.verdict is not None:
        reason = f"{told.by} {told.verdict}s the verdict of {told.phase}: {told.reason}"
        return {"action": decision.action, "target": decision.choice, "reason": reason}
    target, what = told.choose or told.done, "decided otherwise" if told.choose else "has done it"
    action = "take_option" if told.done else _action(at, told.phase, target)
    return {"action": action, "target": target, "reason": f"{told.by} {what}: {told.reason}"}


def _action(at: ProgramState, phase: str, choice: str | None) -> str:
    if choice in (None, "stop", "wait"):
        return "wait" if choice == "wait" else "stop"
    plain = choice in at.program.phases[phase].next.values()
    return "run_phase" if plain else "take_option"


def _opens(at: ProgramState) -> str | None:
    """The phase that the next step opens."""
    ahead = _ahead(at)["target"]
    if at.reopened and not at.to_judge_again:
        phase = at.pending.phase if at.pending else at.withdrawn.phase if at.withdrawn else ""
        return choices(at.program, phase, at.decisions[phase].due).get(ahead)
    if ahead in at.program.phases:
        return str(ahead)
    return at.latest.target if at.latest else at.program.first


def phase_state(at: ProgramState, phase: str) -> str:
    """``locked``, ``ready``, ``running``, ``judged``, ``waiting`` or ``blocked``."""
    opened = _opens(at)
    waits = at.latest is not None and at.latest.action == "wait" and not at.reopened
    if at.running and phase == opened:
        return "running"
    if phase in at.verdicts:
        return _waits(at) if waits and at.latest is at.decisions.get(phase) else "judged"
    if phase == opened:
        return "waiting" if waits else "ready"
    return "ready" if phase in at.passed_over else "locked"


def phase_json(at: ProgramState, phase: str) -> dict[str, Any]:
    """One phase as ``status --json`` gives it."""
    verdict = at.verdicts.get(phase)
    return {
        "name": phase,
        "state": phase_state(at, phase),
        "outcome": verdict.outcome if verdict else None,
        "confidence": verdict.confidence if verdict else None,
        "tier": verdict.tier if verdict else None,
        "case": verdict.case if verdict else None,
        "stale": phase in at.standing.stale,
        "stale_because": at.standing.stale.get(phase),
        "superseded_by": at.standing.superseded_by.get(phase),
    }


def program_json(at: ProgramState) -> dict[str, Any]:
    """One program as ``status --json`` gives it."""
    return {
        "name": at.program.program,
        "state": program_state(at),
        "fidelity": at.fidelity,
        "phases": [phase_json(at, phase) for phase in at.program.phases],
        "next": next_step(at),
        "spent": {"runs": at.spent_runs, "seconds": round(at.spent_seconds, 3)},
    }


def as_lines(at: ProgramState) -> list[str]:
    """One program for a person."""
    told = program_json(at)
    lines = [f"{told['name']}: {told['state']} ({at.fidelity}) · {at.program.question}"]
    width = max(len(p["name"]) for p in told["phases"])
    for phase in told["phases"]:
        facts = [phase["outcome"], phase["confidence"]]
        facts += [f"case {phase['case']}" if phase["case"] else None]
        facts += [f"tier {phase['tier']}" if phase["tier"] else None]
        facts += [f"superseded by {phase['superseded_by']}" if phase["superseded_by"] else None]
        facts += [f"stale: {phase['stale_because']}" if phase["stale"] else None]
        text = ", ".join(f for f in facts if f)
        lines.append(f"  {phase['name']:<{width}}  {phase['state']:<8} {text}".rstrip())
    ahead = told["next"]
    lines.append(f"  next: {ahead['action']} {ahead['target'] or ''}".rstrip() + f" - {ahead['reason']}")
    lines += [f"  {line}" for line in command_lines(ahead)]
    lines.append(f"  spent: {told['spent']['runs']} runs, {told['spent']['seconds']:.0f} s")
    return lines
