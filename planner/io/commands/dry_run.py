"""``advance --dry-run``: every candidate with its reason and what it would cost; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from planner.deciding.situation import Plan
from planner.deciding.walk import build_plan
from planner.engine.options import AdvanceOptions
from planner.errors import Fault, each_apart
from planner.evidence.made_again import MadeAgain, Origins, made_again
from planner.evidence.repeats import would_be_repeated
from planner.io.commands.advance import programs_named
from planner.io.commands.advance_output import failing_alike
from planner.io.commands.open_home import open_program
from planner.io.commands.progress import in_words
from planner.io.commands.replies.advance import (
    ArmRunsJson,
    CandidateJson,
    DryRunAllReply,
    DryRunReply,
    EstimateJson,
    MadeAgainJson,
    PlannedStepJson,
)
from planner.io.commands.replies.error import error_replies
from planner.io.commands.replies.result import CommandResult, joined
from planner.io.commands.situation import load_situation
from planner.io.journal.journal import Journal
from planner.io.workers.code_snapshot import changed_files
from planner.io.workers.descriptions import data_today
from planner.io.workers.launcher import workers
from planner.io.workers.program_code import code_at_hand
from planner.judging.futility import futility_error
from planner.language.program import Program
from planner.paths import Home
from planner.records.runs import PlannedRun


def answer_dry_run(home: Home, name: str | None, options: AdvanceOptions) -> CommandResult:
    """What ``advance`` would do now.

    Side effects: none on the home; workers write to a temporary folder.
    """
    reply, faults = dry_run_programs(home, programs_named(home, name, options), options)
    return CommandResult(lambda: reply, lambda: joined(dry_run_lines(reply)), faults)


def dry_run_programs(
    home: Home, names: Sequence[str], options: AdvanceOptions
) -> tuple[DryRunReply | DryRunAllReply, list[Fault]]:
    """What ``advance`` would do now: every candidate with its reason, and what it would cost.

    Returns:
        (the reply, what is wrong with the programs that are not in it).

    Raises:
        ProgramError: the only program is malformed.

    Side effects: none on the home; workers write to a temporary folder.
    """
    if len(names) == 1:
        return _dry_run(home, open_program(home, names[0]), options), []
    done, faults = each_apart(names, lambda name: _dry_run(home, open_program(home, name), options))
    return DryRunAllReply(programs=tuple(done), errors=error_replies(faults)), faults


def _dry_run(home: Home, program: Program, options: AdvanceOptions) -> DryRunReply:
    situation = load_situation(home, program, options)
    plan = build_plan(situation.state)
    snapshot = situation.run_selector.snapshot
    made = [run for run in snapshot.finished if run.own]
    again = made_again(plan.launch, made, _origins(home, program, plan))
    estimate = EstimateJson(
        runs=len(plan.launch),
        seconds=_estimate(plan.launch, made, workers(options.jobs)),
        probe=would_be_repeated(program, plan.launch, snapshot.repeats),
    )
    return _reply(program, plan, again, estimate)


def _origins(home: Home, program: Program, plan: Plan) -> Origins:
    """What is known of the code and the data that runs of a program were made with."""
    code = code_at_hand(home, program, needed=False)
    rungs = {planned.phase: planned.fidelity for planned in plan.launch}
    data = data_today(program, code.digest, Journal(home.journal), rungs)
    return Origins(
        earlier=code.earlier,
        changed_code=lambda digest: changed_files(home, digest, code),
        changed_data={phase: one.changed_files for phase, one in data.items()},
    )


def _reply(program: Program, plan: Plan, again: Sequence[MadeAgain], estimate: EstimateJson) -> DryRunReply:
    if plan.refused:
        raise futility_error(plan.phase, plan.refused)
    decision = plan.next
    arms = Counter(planned.arm for planned in plan.launch)
    return DryRunReply(
        program=program.program,
        state=plan.state,
        next=PlannedStepJson(action=decision.action, target=decision.choice, reason=decision.reason)
        if decision
        else None,
        candidates=tuple(_candidates(plan)),
        runs=tuple(ArmRunsJson(phase=plan.phase, arm=arm, runs=count) for arm, count in arms.items()),
        again=tuple(MadeAgainJson(runs=one.runs, why=one.why, files=one.files) for one in again),
        estimate=estimate,
        stopped=failing_alike(plan, program.program),
    )


def _candidates(plan: Plan) -> Iterator[CandidateJson]:
    """What is next, and what was rejected for it."""
    decision = plan.next
    if decision is None:
        return
    yield CandidateJson(choice=decision.choice, action=decision.action, reason=decision.reason, chosen=True)
    last = plan.steps[-1].decision if plan.steps else decision
    for rejected in last.rejected:
        yield CandidateJson(choice=rejected.choice, action=None, reason=rejected.reason, chosen=False)


def _estimate(launch: Sequence[PlannedRun], made: Sequence[Any], count: int) -> float | None:
    """Seconds for these runs on so many workers, from runs of the same arm, else of the fidelity."""
    total = 0.0
    for planned in launch:
        same = [run.seconds for run in made if run.fidelity == planned.fidelity]
        arm = [run.seconds for run in made if run.arm == planned.arm and run.fidelity == planned.fidelity]
        if not same:
            return None
        total += sum(arm or same) / len(arm or same)
    return round(total / max(min(count, len(launch)), 1), 1) if launch else 0.0


def dry_run_lines(reply: DryRunReply | DryRunAllReply) -> list[str]:
    """A dry run for a person."""
    if isinstance(reply, DryRunAllReply):
        return [line for one in reply.programs for line in [*dry_run_lines(one), ""]][:-1]
    lines = [f"{reply.program} is {reply.state}; nothing is launched or written"]
    for candidate in reply.candidates:
        mark = "->" if candidate.chosen else "  "
        lines.append(f"{mark} {candidate.choice or candidate.action}: {candidate.reason}")
    lines += [f"     {row.arm}: {row.runs} runs" for row in reply.runs]
    lines += [str(MadeAgain(row.runs, row.why, row.files)) for row in reply.again]
    count, seconds = reply.estimate.runs, reply.estimate.seconds
    cost = "no earlier run to estimate the time from" if seconds is None else f"about {in_words(seconds)}"
    if not count:
        return [*lines, f"stopped: {reply.stopped}" if reply.stopped else "no run is missing"]
    lines.append(f"{count} runs, {cost}")
    if reply.estimate.probe:
        lines.append("one of them is made twice, to see whether it gives the same numbers")
    return lines
