"""``advance``: opens a program's parts, runs the loop, and says what came of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from typing import Any

from planner.engine.loop import LoopResult, run_loop
from planner.engine.options import AdvanceOptions
from planner.errors import Fault, UsageError, each_apart
from planner.io.commands.advance_output import AdvanceReport, end_lines, heard_or_not
from planner.io.commands.open_home import code_at_hand, open_journal, open_program, read_program_state
from planner.io.commands.session import Session
from planner.io.leases.program_lock import program_lock
from planner.io.leases.store_lease import SharedLease, owner_lock
from planner.io.pictures.memo_files import MemoFiles
from planner.io.system.clock import SystemClock
from planner.io.system.signals import whole
from planner.io.workers.launcher import LocalLauncher, workers
from planner.judging.futility import refusal
from planner.language.program import Program
from planner.lineage.status import command_lines, next_step, program_state
from planner.paths import Home
from planner.records.decision import Decision
from planner.text.terminal import plain


def advance_programs(
    home: Home, names: Sequence[str], options: AdvanceOptions, say: Callable[[str], None]
) -> tuple[dict[str, Any], list[Fault]]:
    """Advances programs one after the other; one that is broken does not hold up the others.

    Returns:
        (the reply of ``advance --json``, what is wrong with the programs that are not in it).

    Raises:
        UsageError: ``--until`` names no phase.
        ProgramBusy: another ``advance`` holds a program, and ``--wait`` was not given.
        Stopped: a signal came; what is finished is kept.
        ProgramError: the only program is malformed.
        StoreUnavailable: as the parts raise it.

    Side effects: everything that ``advance`` does.
    """
    options = options.started(SystemClock().seconds())
    say = heard_or_not(say)
    if len(names) == 1:
        return _advance(home, names[0], options, say), []
    done, faults = each_apart(names, lambda name: _advance(home, name, options, say))
    return _in_one(done), faults


def _in_one(done: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The reply for several programs."""
    steps = [step for one in done for step in one["steps"]]
    states = {one["state"] for one in done}
    worst = next((s for s in ("ready", "blocked", "waiting") if s in states), "done")
    whole = {"schema": "phasegate.advance/1", "program": None, "steps": steps}
    return {**whole, "state": worst, "next": None, "programs": list(done)}


def _advance(home: Home, name: str, options: AdvanceOptions, say: Callable[[str], None]) -> dict[str, Any]:
    _open_with(home, name, options)  # what is wrong with it is said at once, and not after a wait
    now = SystemClock().now()
    with (
        program_lock(home, name, now, options.wait, _say_on_stderr),
        owner_lock(home, name, now, options.wait, _say_on_stderr),
    ):
        program = _open_with(home, name, options)
        done = _run(home, program, options, say)
    if done.plan.refused:
        raise refusal(done.plan.phase, done.plan.refused)
    return _reply(home, program, options, done, say)


def _open_with(home: Home, name: str, options: AdvanceOptions) -> Program:
    program = open_program(home, name)
    if options.until is not None and options.until not in program.phases:
        raise UsageError(f"{name} has no phase '{options.until}'; it has {', '.join(program.phases)}")
    return program


def _run(home: Home, program: Program, options: AdvanceOptions, say: Callable[[str], None]) -> LoopResult:
    """Settles what was left of a program that this process holds, and runs its loop."""
    with _session(home, program, options, say) as session, _held(session, options):
        from planner.io.sync.sync import import_records, mirror_pending

        with whole():
            import_records(session.journal, session.records, session.runs, program)
        session.reaper().settle()
        with whole():
            mirror_pending(session.journal, session.records, session.program)
        done = run_loop(session, options, _ask if _has_terminal() and not options.quiet else None)
        with whole():
            mirror_pending(session.journal, session.records, session.program, done.plan.steps)
        if done.plan.state == "done":  # nothing will be tried again
            shutil.rmtree(home.work / program.program, ignore_errors=True)
    return done


def _reply(
    home: Home, program: Program, options: AdvanceOptions, done: LoopResult, say: Callable[[str], None]
) -> dict[str, Any]:
    """The reply for one program, which is also said."""
    state, _ = read_program_state(home, program)
    steps = [{k: v for k, v in asdict(step).items() if k != "judged"} for step in done.steps]
    ahead = next_step(state)
    reply = {
        "schema": "phasegate.advance/1",
        "program": program.program,
        "steps": steps,
        "state": program_state(state),
        "next": ahead,
        "stopped": done.stopped or _lacking(options, done),
        "passed_over": list(done.plan.passed_over),
    }
    for line in [*end_lines(reply), *(f"  {line}" for line in command_lines(ahead))]:
        say(line)
    return reply


def _lacking(options: AdvanceOptions, done: LoopResult) -> str | None:
    """What ``--no-run`` would have to run to go on; None where it ended for another reason."""
    goes_on = options.every or options.until is not None or not done.steps
    reached = options.until in done.plan.verdicts
    if not (options.no_run and goes_on and done.plan.state == "ready") or reached:
        return None
    return f"'{done.plan.phase}' has no runs, and --no-run makes none"


@contextmanager
def _session(
    home: Home, program: Program, options: AdvanceOptions, say: Callable[[str], None]
) -> Iterator[Session]:
    from planner.io.mlflow.record_store import MlflowRecords
    from planner.io.mlflow.run_store import MlflowRuns

    code = code_at_hand(home, program, needed=not options.no_run)
    journal = open_journal(home, program)
    runs = MlflowRuns(home)
    launcher = LocalLauncher(home.root, workers(options.jobs), home.logs / program.program)
    session = Session(
        home=home,
        program=program,
        code=code,
        runs=runs,
        records=MlflowRecords(runs),
        journal=journal,
        launcher=launcher,
        memos=MemoFiles(home),
        clock=SystemClock(),
        options=options,
        notify=heard_or_not(AdvanceReport(home, workers(options.jobs), say)),
    )
    try:
        runs.experiment(program)
        yield session
    finally:
        launcher.close()


def _held(session: Session, options: AdvanceOptions) -> AbstractContextManager[None]:
    """The program, held against other homes that use the same store."""
    from planner.io.mlflow.run_store import MlflowRuns

    runs = session.runs
    assert isinstance(runs, MlflowRuns)
    name = session.program.program
    lease = SharedLease(
        runs.client, runs.uri, session.home, name, runs.experiment(session.program), session.clock
    )
    return lease.held(options.wait, _say_on_stderr)


@heard_or_not
def _say_on_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(decision: Decision) -> str | None:
    """Asks at the terminal whether to take the recommendation; the name of who said yes, or None."""
    from planner.io.commands.session import user_name

    sys.stderr.write(f"{plain(decision.reason)}\nTake '{decision.choice}'? [y/N] ")
    sys.stderr.flush()
    return user_name() if sys.stdin.readline().strip().lower() in ("y", "yes") else None


def exit_code_of(reply: dict[str, Any]) -> int:
    """The code with which ``--exit-code`` lets the verdict speak."""
    if reply["state"] == "waiting":
        return 12
    if reply["state"] == "blocked":
        return 15
    if not reply["steps"]:
        return 13
    return {"fail": 10, "inconclusive": 11, "invalid": 14, "blocked": 15}.get(
        reply["steps"][-1]["outcome"], 0
    )
