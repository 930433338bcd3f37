"""Where a program stands, read from its records alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from planner.program import Program
from planner.records import Decision, Override, Verdict
from planner.standing import overrides_today
from planner.supersede import Standing, build_standing


@dataclass(frozen=True)
class Standpoint:
    """What the records say of a program today.

    Attributes:
        fidelity: the rung that was worked on last.
        verdicts: the latest verdict of each phase at that fidelity.
        decisions: the latest decision after each phase.
        latest: the latest decision of all; None where nothing was decided.
        pending: an override that the next ``advance`` will follow.
    """

    program: Program
    fidelity: str
    verdicts: dict[str, Verdict]
    decisions: dict[str, Decision]
    decided_at: dict[str, str]
    latest: Decision | None
    overrides: Sequence[Override]
    pending: Override | None
    standing: Standing
    running: bool = False
    spent_runs: int = 0
    spent_seconds: float = 0.0
    openers: dict[str, str] = field(default_factory=dict)


def build_standpoint(
    program: Program,
    entries: Sequence[Any],
    now: str,
    code: str | None = None,
    accepted: frozenset[str] = frozenset(),
    running: bool = False,
    spent: tuple[int, float] = (0, 0.0),
) -> Standpoint:
    """Reads journal entries (oldest first) into what stands today.

    Args:
        code: digest of the experiment's code today; None where it cannot be told.
        spent: runs and seconds so far.
    """
    records = [(entry.position, entry.at, entry.record) for entry in entries]
    judged = [r for _, _, r in records if isinstance(r, Verdict | Decision)]
    fidelity = judged[-1].fidelity if judged else "standard"
    verdicts = {r.phase: r for r in judged if isinstance(r, Verdict) and r.fidelity == fidelity}
    decided = [(p, at, r) for p, at, r in records if isinstance(r, Decision) and r.fidelity == fidelity]
    decisions = {r.phase: r for _, _, r in decided}
    overrides = overrides_today(entries, now)
    openers = {d.target: d.phase for _, _, d in decided if d.target and d.verdict_id and d.target != d.phase}
    return Standpoint(
        program=program,
        fidelity=fidelity,
        verdicts=verdicts,
        decisions=decisions,
        decided_at={r.id: at for _, at, r in decided},
        latest=decided[-1][2] if decided else None,
        overrides=overrides,
        pending=_pending(records, decided, overrides),
        standing=build_standing(program, verdicts, code, accepted, openers),
        running=running,
        spent_runs=spent[0],
        spent_seconds=spent[1],
        openers=openers,
    )


def _pending(
    records: Sequence[Any], decided: Sequence[Any], overrides: Sequence[Override]
) -> Override | None:
    """The newest override that no decision has followed yet."""
    standing = {o.id for o in overrides}
    followed = {d.override_id for _, _, d in decided}
    found = [
        r for _, _, r in records if isinstance(r, Override) and r.id in standing and r.id not in followed
    ]
    last = found[-1] if found else None
    if last is not None and last.verdict is not None:
        position = next(p for p, _, r in records if r is last)
        return last if not any(p > position for p, _, _ in decided) else None
    return last


def program_state(at: Standpoint) -> str:
    """``ready``, ``running``, ``waiting``, ``blocked`` or ``done``."""
    if at.running:
        return "running"
    latest = at.latest
    if at.pending is not None or latest is None or _stale_on_path(at):
        return "ready"
    if latest.action == "wait":
        verdict = at.verdicts.get(latest.phase)
        return "blocked" if verdict is not None and verdict.outcome == "blocked" else "waiting"
    if latest.action == "stop" or (latest.target in at.verdicts and latest.action != "add_seeds"):
        return "done"
    return "ready"


def _stale_on_path(at: Standpoint) -> bool:
    return any(not why.startswith("it rests on") for why in at.standing.stale.values())


def next_step(at: Standpoint) -> dict[str, Any]:
    """What the next ``advance`` will do: action, target (option or phase) and reason."""
    if at.pending is not None:
        told = at.pending
        target = told.choose or told.done
        action = "run_phase" if told.choose in at.program.phases else "take_option"
        return {"action": action, "target": target, "reason": f"{told.by} decided otherwise: {told.reason}"}
    if at.latest is None:
        return {
            "action": "run_phase",
            "target": at.program.first,
            "reason": "nothing has been judged yet; this is the program's first phase",
        }
    stale = {p: why for p, why in at.standing.stale.items() if not why.startswith("it rests on")}
    if stale:
        phase = (
            next(p for p in at.program.phases if p in stale) if set(stale) & set(at.program.phases) else None
        )
        if phase is not None:
            return {"action": "run_phase", "target": phase, "reason": f"{phase} is stale: {stale[phase]}"}
    return {"action": at.latest.action, "target": at.latest.choice, "reason": at.latest.reason}


def phase_state(at: Standpoint, phase: str) -> str:
    """``locked``, ``ready``, ``running``, ``judged``, ``waiting`` or ``blocked``."""
    ahead = next_step(at)
    opened = at.latest.target if at.latest is not None else at.program.first
    is_next = phase in (ahead["target"], opened)
    if at.running and phase in (ahead["target"], opened) and phase not in at.verdicts:
        return "running"
    verdict, decision = at.verdicts.get(phase), at.decisions.get(phase)
    if verdict is not None:
        waits = (
            decision is not None and decision.action == "wait" and at.latest is decision and not at.pending
        )
        return ("blocked" if verdict.outcome == "blocked" else "waiting") if waits else "judged"
    if not is_next:
        return "locked"
    return "waiting" if at.latest is not None and at.latest.action == "wait" and not at.pending else "ready"


def phase_json(at: Standpoint, phase: str) -> dict[str, Any]:
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


def program_json(at: Standpoint) -> dict[str, Any]:
    """One program as ``status --json`` gives it."""
    return {
        "name": at.program.program,
        "state": program_state(at),
        "fidelity": at.fidelity,
        "phases": [phase_json(at, phase) for phase in at.program.phases],
        "next": next_step(at),
        "spent": {"runs": at.spent_runs, "seconds": round(at.spent_seconds, 3)},
    }


def as_lines(at: Standpoint) -> list[str]:
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
    lines.append(f"  spent: {told['spent']['runs']} runs, {told['spent']['seconds']:.0f} s")
    return lines
