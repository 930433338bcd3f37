"""``advance``: opens a program's parts, runs the loop, and says what came of it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from planner.engine.loop import LoopResult, Options, run_loop
from planner.errors import Fault, UsageError, each_apart
from planner.io.commands.advance_output import (
    AdvanceReport,
    advance_reply,
    end_lines,
    exit_code_of,
    heard_or_not,
    reply_for_all,
)
from planner.io.commands.open_home import (
    code_at_hand,
    only_program,
    open_journal,
    open_program,
    read_program_state,
)
from planner.io.commands.replies.advance import AdvanceAllReply, AdvanceReply
from planner.io.commands.replies.answer import Answer
from planner.io.commands.session import Session, Wishes
from planner.io.leases.program_lock import program_lock
from planner.io.leases.store_lease import SharedLease, owner_lock
from planner.io.pictures.memo_files import MemoFiles
from planner.io.programs.loader import program_names
from planner.io.system.clock import SystemClock
from planner.io.system.signals import stoppable, whole
from planner.io.workers.launcher import LocalLauncher
from planner.io.workers.process import end_workers
from planner.judging.futility import futility_error
from planner.language.program import Program
from planner.paths import Home
from planner.records.decision import Decision
from planner.text.terminal import plain


@dataclass(frozen=True)
class Request:
    """The options of one ``advance``; see ``docs/cli.md``."""

    every: bool = False
    until: str | None = None
    no_run: bool = False
    max_seconds: float | None = None
    fidelity: str | None = None
    jobs: int | None = None
    accept: bool = False
    wait: bool = False
    quiet: bool = False
    exit_code: bool = False


def answer_advance(home: Home, name: str | None, request: Request, say: Callable[[str], None]) -> Answer:
    """Advances a program, or all; what is done is said as it is done.

    Args:
        say: takes one line for stdout.

    Raises:
        UsageError: an option is out of range, or it is not clear which program is meant.

    Side effects: everything that ``advance`` does.
    """
    names = programs_named(home, name, request)
    with stoppable(end_at_once=end_workers):
        reply, faults = advance_programs(home, names, request, say)
    code = exit_code_of(reply) if request.exit_code else 0
    return Answer(lambda: reply, lambda: "", faults, code)


def programs_named(home: Home, name: str | None, request: Request) -> Sequence[str]:
    """The programs that are meant.

    Raises:
        UsageError: an option is out of range, or none is named and there are several.
    """
    for option, value in (("--max-seconds", request.max_seconds), ("--jobs", request.jobs)):
        if value is not None and not value > 0:
            raise UsageError(f"{option} takes a number above 0, not {value:g}")
    if name is None and request.every:
        return program_names(home.root)
    return [only_program(home, name)]


def advance_programs(
    home: Home, names: Sequence[str], request: Request, say: Callable[[str], None]
) -> tuple[AdvanceReply | AdvanceAllReply, list[Fault]]:
    """Advances programs one after the other; one that is broken does not hold up the others.

    Returns:
        (the reply, what is wrong with the programs that are not in it).

    Raises:
        UsageError: ``--until`` names no phase.
        ProgramBusy: another ``advance`` holds a program, and ``--wait`` was not given.
        Stopped: a signal came; what is finished is kept.
        ProgramError: the only program is malformed.
        StoreUnavailable: as the parts raise it.

    Side effects: everything that ``advance`` does.
    """
    stop_at = SystemClock().seconds() + request.max_seconds if request.max_seconds else None
    say = heard_or_not(say)
    if len(names) == 1:
        return _advance(home, names[0], request, stop_at, say), []
    done, faults = each_apart(names, lambda name: _advance(home, name, request, stop_at, say))
    return reply_for_all(done), faults


def _advance(
    home: Home, name: str, request: Request, stop_at: float | None, say: Callable[[str], None]
) -> AdvanceReply:
    _open_as_asked(home, name, request)  # what is wrong with it is said at once, and not after a wait
    held = name, SystemClock().now(), request.wait, _tell
    with program_lock(home, *held), owner_lock(home, *held):
        program = _open_as_asked(home, name, request)
        done = _run(home, program, request, stop_at, say)
    if done.position.refused:
        raise futility_error(done.position.phase, done.position.refused)
    state, _ = read_program_state(home, program)
    reply = advance_reply(state, done, done.stopped or _lacking(request, done))
    for line in end_lines(reply):
        say(line)
    return reply


def _open_as_asked(home: Home, name: str, request: Request) -> Program:
    program = open_program(home, name)
    if request.until is not None and request.until not in program.phases:
        raise UsageError(f"{name} has no phase '{request.until}'; it has {', '.join(program.phases)}")
    return program


def _run(
    home: Home, program: Program, request: Request, stop_at: float | None, say: Callable[[str], None]
) -> LoopResult:
    """Settles what was left of a program that this process holds, and runs its loop."""
    with _desk(home, program, request, stop_at, say) as desk, _held(desk, request):
        from planner.io.sync.sync import import_records, mirror_pending

        with whole():
            import_records(desk.journal, desk.records, desk.runs, program)
        desk.reaper().settle()
        with whole():
            mirror_pending(desk.journal, desk.records, desk.program)
        options = Options(request.every, request.until, request.accept)
        done = run_loop(desk, options, _ask if _has_terminal() and not request.quiet else None)
        with whole():
            mirror_pending(desk.journal, desk.records, desk.program, done.position.steps)
        if done.position.state == "done":  # nothing will be tried again
            shutil.rmtree(home.work / program.program, ignore_errors=True)
    return done


def _lacking(request: Request, done: LoopResult) -> str | None:
    """What ``--no-run`` would have to run to go on; None where it ended for another reason."""
    goes_on = request.every or request.until is not None or not done.steps
    reached = request.until in done.position.verdicts
    if not (request.no_run and goes_on and done.position.state == "ready") or reached:
        return None
    return f"'{done.position.phase}' has no runs, and --no-run makes none"


@contextmanager
def _desk(
    home: Home, program: Program, request: Request, stop_at: float | None, say: Callable[[str], None]
) -> Iterator[Session]:
    from planner.io.mlflow.record_store import MlflowRecords
    from planner.io.mlflow.run_store import MlflowRuns

    code = code_at_hand(home, program, needed=not request.no_run)
    journal = open_journal(home, program)
    runs = MlflowRuns(home)
    launcher = LocalLauncher(home.root, workers(request), home.logs / program.program)
    desk = Session(
        home=home,
        program=program,
        code=code,
        runs=runs,
        records=MlflowRecords(runs),
        journal=journal,
        launcher=launcher,
        memos=MemoFiles(home),
        clock=SystemClock(),
        wishes=Wishes(request.fidelity, request.no_run, stop_at),
        notify=heard_or_not(AdvanceReport(home, workers(request), say)),
    )
    try:
        runs.experiment(program)
        yield desk
    finally:
        launcher.close()


def _held(desk: Session, request: Request) -> AbstractContextManager[None]:
    """The program, held against other homes that use the same store."""
    from planner.io.mlflow.run_store import MlflowRuns

    runs = desk.runs
    assert isinstance(runs, MlflowRuns)
    name = desk.program.program
    lease = SharedLease(runs.client, runs.uri, desk.home, name, runs.experiment(desk.program), desk.clock)
    return lease.held(request.wait, _tell)


def workers(request: Request) -> int:
    """How many runs go on side by side: as asked, or one per processor that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return request.jobs or usable


@heard_or_not
def _tell(line: str) -> None:
    sys.stderr.write(line + "\n")


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(decision: Decision) -> str | None:
    """Asks at the terminal whether to take the recommendation; the name of who said yes, or None."""
    from planner.io.commands.session import user_name

    sys.stderr.write(f"{plain(decision.reason)}\nTake '{decision.choice}'? [y/N] ")
    sys.stderr.flush()
    return user_name() if sys.stdin.readline().strip().lower() in ("y", "yes") else None
