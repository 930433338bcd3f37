"""Where a program stands, in the words and the JSON of ``status``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from planner.deciding.next_command import commands_after
from planner.deciding.triage import choices
from planner.lineage.identity import Identity
from planner.lineage.in_force import follows_verdict, rejection_of
from planner.lineage.program_state import ProgramState, RunAtWork
from planner.records.repeats import Repeat


def program_state(state: ProgramState) -> str:
    """``ready``, ``running``, ``waiting``, ``blocked`` or ``done``."""
    latest = state.latest
    if state.running:
        return "running"
    if latest is None or state.reopened or state.to_judge_again:
        return "ready"
    if latest.action == "wait":
        return _waits(state)
    carried_out = follows_verdict(latest) and latest.target in state.path
    return "done" if latest.action == "stop" or carried_out else "ready"


def _waits(state: ProgramState) -> str:
    verdict = state.verdicts.get(state.latest.phase) if state.latest else None
    return "blocked" if verdict is not None and verdict.outcome == "blocked" else "waiting"


def next_step(state: ProgramState) -> dict[str, Any]:
    """What the next ``advance`` will do: action, target (option or phase) and reason.

    Where it would do nothing, ``commands`` says what a person may type.
    """
    return {**_ahead(state), "commands": _commands(state)}


def command_lines(ahead: dict[str, Any]) -> list[str]:
    """The commands of a next step for a person."""
    leads = ["to go on", *["or"] * len(ahead["commands"])]
    return [f"{lead}: {command}" for lead, command in zip(leads, ahead["commands"], strict=False)]


def _commands(state: ProgramState) -> list[str]:
    if state.latest is None or state.running or state.reopened or state.to_judge_again:
        return []
    verdict = state.verdicts.get(state.latest.phase)
    return commands_after(state.program, state.latest, verdict)


def _ahead(state: ProgramState) -> dict[str, Any]:
    if state.latest is None:
        reason = "nothing has been judged yet; this is the program's first phase"
        return {"action": "run_phase", "target": state.program.first, "reason": reason}
    if state.to_judge_again:
        phase = state.to_judge_again[0]
        reason = f"{phase} is stale: {state.validity.stale[phase]}"
        return {"action": "run_phase", "target": phase, "reason": reason}
    if state.pending is not None:
        return _by_a_person(state)
    if state.withdrawn is not None:
        decision = state.withdrawn
        target, followed = decision.recommended or decision.choice, ", ".join(decision.override_ids)
        reason = f"override {followed} no longer stands, so the rules decide after {decision.phase}"
        return {"action": _action(state, decision.phase, target), "target": target, "reason": reason}
    return {"action": state.latest.action, "target": state.latest.choice, "reason": state.latest.reason}


def _by_a_person(state: ProgramState) -> dict[str, Any]:
    assert state.pending is not None
    override, decision = state.pending, state.decisions[state.pending.phase]
    if override.verdict is not None:
        reason = f"{override.by} {override.verdict}s the verdict of {override.phase}: {override.reason}"
        return {"action": decision.action, "target": decision.choice, "reason": reason}
    target, what = override.choose or override.done, "decided otherwise" if override.choose else "has done it"
    action = "take_option" if override.done else _action(state, override.phase, target)
    return {"action": action, "target": target, "reason": f"{override.by} {what}: {override.reason}"}


def _action(state: ProgramState, phase: str, choice: str | None) -> str:
    if choice in (None, "stop", "wait"):
        return "wait" if choice == "wait" else "stop"
    plain = choice in state.program.phases[phase].next.values()
    return "run_phase" if plain else "take_option"


def _opens(state: ProgramState) -> str | None:
    """The phase that the next step opens."""
    ahead = _ahead(state)["target"]
    if state.reopened and not state.to_judge_again:
        phase = state.pending.phase if state.pending else state.withdrawn.phase if state.withdrawn else ""
        return choices(state.program, phase, state.decisions[phase].due).get(ahead)
    if ahead in state.program.phases:
        return str(ahead)
    return state.latest.target if state.latest else state.program.first


def phase_state(state: ProgramState, phase: str) -> str:
    """``locked``, ``ready``, ``running``, ``judged``, ``waiting`` or ``blocked``."""
    opened = _opens(state)
    waits = state.latest is not None and state.latest.action == "wait" and not state.reopened
    if state.running and phase == opened:
        return "running"
    if phase in state.verdicts:
        return _waits(state) if waits and state.latest is state.decisions.get(phase) else "judged"
    if phase == opened:
        return "waiting" if waits else "ready"
    return "ready" if phase in state.passed_over else "locked"


def phase_json(state: ProgramState, phase: str) -> dict[str, Any]:
    """One phase as ``status --json`` gives it."""
    verdict = state.verdicts.get(phase)
    rejection = rejection_of(state.overrides, phase) if verdict is not None else None
    return {
        "name": phase,
        "state": phase_state(state, phase),
        "outcome": verdict.outcome if verdict else None,
        "confidence": verdict.confidence if verdict else None,
        "tier": verdict.tier if verdict else None,
        "case": verdict.case if verdict else None,
        "stale": phase in state.validity.stale,
        "stale_because": state.validity.stale.get(phase),
        "superseded_by": state.validity.superseded_by.get(phase),
        "rejected_by": rejection.by if rejection is not None else None,
        "failures": [f.model_dump(mode="json") for f in (verdict.failures if verdict else ())],
    }


def program_json(state: ProgramState) -> dict[str, Any]:
    """One program as ``status --json`` gives it."""
    return {
        "name": state.program.program,
        "state": program_state(state),
        "fidelity": state.fidelity,
        "phases": [phase_json(state, phase) for phase in state.program.phases],
        "running": [asdict(run) for run in state.at_work],
        "next": next_step(state),
        "spent": {"runs": state.spent_runs, "seconds": round(state.spent_seconds, 3)},
        "identity": Identity.of(state.checks).as_json,
        "repeats": [repeat.model_dump(mode="json") for repeat in _repeats(state)],
    }


def as_lines(state: ProgramState) -> list[str]:
    """One program for a person."""
    reply = program_json(state)
    lines = [f"{reply['name']}: {reply['state']} ({state.fidelity}) · {state.program.question}"]
    width = max(len(p["name"]) for p in reply["phases"])
    for phase in reply["phases"]:
        facts = [phase["outcome"], phase["confidence"]]
        facts += [f"case {phase['case']}" if phase["case"] else None]
        facts += [f"tier {phase['tier']}" if phase["tier"] else None]
        facts += [f"rejected by {phase['rejected_by']}" if phase["rejected_by"] else None]
        facts += [f"superseded by {phase['superseded_by']}" if phase["superseded_by"] else None]
        facts += [f"stale: {phase['stale_because']}" if phase["stale"] else None]
        text = ", ".join(f for f in facts if f)
        lines.append(f"  {phase['name']:<{width}}  {phase['state']:<8} {text}".rstrip())
        verdict = state.verdicts.get(phase["name"])
        lines += [f"      {failure.text_with_log}" for failure in (verdict.failures if verdict else ())]
    lines += map(_run_line, state.at_work)
    ahead = reply["next"]
    lines.append(f"  next: {ahead['action']} {ahead['target'] or ''}".rstrip() + f" - {ahead['reason']}")
    lines += [f"  {line}" for line in command_lines(ahead)]
    lines.append(f"  spent: {reply['spent']['runs']} runs, {reply['spent']['seconds']:.0f} s")
    lines += [f"  {repeat.text}" for repeat in _repeats(state) if not repeat.same]
    lines += [f"  {line}" for line in Identity.of(state.checks).lines]
    return lines


def _repeats(state: ProgramState) -> list[Repeat]:
    """Those of the code on which a verdict stands."""
    digests = {digest for verdict in state.verdicts.values() for digest in verdict.code_digests}
    return [repeat for repeat in state.repeats if repeat.code_digest in digests]


def _run_line(run: RunAtWork) -> str:
    far = f", step {run.step}" if run.step is not None else ""
    named = f" (run {run.run_id[:8]})" if run.run_id else ""
    named += ", made a second time" if run.repeats else ""
    return f"  at work: {run.phase} · {run.arm} · seed {run.seed}, for {run.seconds:.0f} s{far}{named}"
