"""``advance --dry-run``: every candidate with its reason and what it would cost; nothing is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planner.deciding.policy import build_plan
from planner.deciding.situation import Plan
from planner.engine.options import AdvanceOptions
from planner.errors import Fault, each_apart
from planner.io.commands.open_home import open_program
from planner.io.commands.progress import in_words
from planner.io.commands.situation import load_situation
from planner.io.workers.launcher import workers
from planner.judging.futility import refusal
from planner.language.program import Program
from planner.paths import Home
from planner.records.runs import PlannedRun, Run


def dry_run_programs(
    home: Home, names: Sequence[str], options: AdvanceOptions
) -> tuple[dict[str, Any], list[Fault]]:
    """What ``advance`` would do now: every candidate with its reason, and what it would cost.

    Returns:
        (the reply of ``advance --dry-run --json``, what is wrong with the programs that are not in it).

    Raises:
        ProgramError: the only program is malformed.

    Side effects: none on the home; workers write to a temporary folder.
    """
    if len(names) == 1:
        return _dry_run(home, open_program(home, names[0]), options), []
    done, faults = each_apart(names, lambda name: _dry_run(home, open_program(home, name), options))
    return {"schema": "phasegate.advance/1", "dry_run": True, "program": None, "programs": done}, faults


def _dry_run(home: Home, program: Program, options: AdvanceOptions) -> dict[str, Any]:
    situation = load_situation(home, program, options)
    plan = build_plan(situation.state)
    made = [run for run in situation.run_selector.snapshot.finished if run.own]
    return _dry_json(program, plan, _estimate(plan.launch, made, workers(options.jobs)))


def _dry_json(program: Program, plan: Plan, seconds: float | None) -> dict[str, Any]:
    if plan.refused:
        raise refusal(plan.phase, plan.refused)
    decision = plan.next
    candidates = []
    if decision is not None:
        chosen = {"choice": decision.choice, "action": decision.action, "reason": decision.reason}
        candidates.append({**chosen, "chosen": True})
        last = plan.steps[-1].decision if plan.steps else decision
        candidates += [
            {"choice": r.choice, "action": None, "reason": r.reason, "chosen": False} for r in last.rejected
        ]
    counts: dict[str, int] = {}
    for planned in plan.launch:
        counts[planned.arm] = counts.get(planned.arm, 0) + 1
    return {
        "schema": "phasegate.advance/1",
        "dry_run": True,
        "program": program.program,
        "steps": [],
        "state": plan.state,
        "next": {"action": decision.action, "target": decision.choice, "reason": decision.reason}
        if decision
        else None,
        "candidates": candidates,
        "runs": [{"phase": plan.phase, "arm": arm, "runs": n} for arm, n in counts.items()],
        "estimate": {"runs": len(plan.launch), "seconds": seconds},
    }


def _estimate(launch: Sequence[PlannedRun], made: Sequence[Run], count: int) -> float | None:
    """Seconds for these runs on so many workers, from runs of the same arm, else of the fidelity."""
    total = 0.0
    for planned in launch:
        same = [run.seconds for run in made if run.fidelity == planned.fidelity]
        arm = [run.seconds for run in made if run.arm == planned.arm and run.fidelity == planned.fidelity]
        if not same:
            return None
        total += sum(arm or same) / len(arm or same)
    return round(total / max(min(count, len(launch)), 1), 1) if launch else 0.0


def dry_run_lines(reply: dict[str, Any]) -> list[str]:
    """A dry run for a person."""
    if "programs" in reply:
        return [line for one in reply["programs"] for line in [*dry_run_lines(one), ""]][:-1]
    lines = [f"{reply['program']} is {reply['state']}; nothing is launched or written"]
    for candidate in reply["candidates"]:
        mark = "->" if candidate["chosen"] else "  "
        name = candidate["choice"] or candidate["action"]
        lines.append(f"{mark} {name}: {candidate['reason']}")
    lines += [f"     {row['arm']}: {row['runs']} runs" for row in reply["runs"]]
    count, seconds = reply["estimate"]["runs"], reply["estimate"]["seconds"]
    cost = "no earlier run to estimate the time from" if seconds is None else f"about {in_words(seconds)}"
    lines.append(f"{count} runs, {cost}" if count else "no run is missing")
    return lines
