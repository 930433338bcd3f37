"""``advance``: opens a program's parts, runs the loop, and says what came of it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from planner.engine.loop import LoopResult, run_loop
from planner.engine.options import AdvanceOptions
from planner.errors import Fault, UsageError, each_apart
from planner.io.commands.advance_output import (
    AdvanceReport,
    advance_reply,
    end_lines,
    exit_code_of,
    failing_alike,
    heard_or_not,
    reply_for_all,
)
from planner.io.commands.open_home import (
    only_program,
    open_journal,
    open_program,
    read_program_state,
)
from planner.io.commands.replies.advance import AdvanceAllReply, AdvanceReply
from planner.io.commands.replies.result import CommandResult
from planner.io.commands.session import Session
from planner.io.commands.upkeep.notify import notify
from planner.io.leases.program_lock import program_lock
from planner.io.leases.store_lease import SharedLease, owner_lock
from planner.io.pictures.memo_files import MemoFiles
from planner.io.programs.loader import program_names
from planner.io.system.clock import SystemClock
from planner.io.system.signals import stoppable, whole
from planner.io.workers.launcher import LocalLauncher, workers
from planner.io.workers.program_code import CodeReader, code_at_hand
from planner.io.workers.worker_process import end_workers
from planner.judging.futility import futility_error
from planner.language.program import Program
from planner.paths import Home
from planner.records.decision import Decision
from planner.text.terminal import plain


def answer_advance(
    home: Home,
    name: str | None,
    options: AdvanceOptions,
    say: Callable[[str], None],
    exit_code: bool = False,
) -> CommandResult:
    """Advances a program, or all; what is done is said as it is done.

    Args:
        say: takes one line for stdout.
        exit_code: let the verdict speak through the exit code.

    Raises:
        UsageError: an option is out of range, or it is not clear which program is meant.

    Side effects: everything that ``advance`` does.
    """
    names = programs_named(home, name, options)
    with stoppable(end_at_once=end_workers):
        reply, faults = advance_programs(home, names, options, say)
    code = exit_code_of(reply) if exit_code else 0
    return CommandResult(lambda: reply, lambda: "", faults, code)


def programs_named(home: Home, name: str | None, options: AdvanceOptions) -> Sequence[str]:
    """The programs that are meant.

    Raises:
        UsageError: an option is out of range, or none is named and there are several.
    """
    for option, value in (("--max-seconds", options.max_seconds), ("--jobs", options.jobs)):
        if value is not None and not value > 0:
            raise UsageError(f"{option} takes a number above 0, not {value:g}")
    if name is None and options.every:
        return program_names(home.root)
    return [only_program(home, name)]


def advance_programs(
    home: Home, names: Sequence[str], options: AdvanceOptions, say: Callable[[str], None]
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
    options = options.started(SystemClock().seconds())
    say = heard_or_not(say)
    if len(names) == 1:
        return _advance(home, names[0], options, say), []
    done, faults = each_apart(names, lambda name: _advance(home, name, options, say))
    return reply_for_all(done, faults), faults


def _advance(home: Home, name: str, options: AdvanceOptions, say: Callable[[str], None]) -> AdvanceReply:
    _open_with(home, name, options)  # what is wrong with it is said at once, and not after a wait
    now = SystemClock().now()
    with (
        program_lock(home, name, now, options.wait, _say_on_stderr),
        owner_lock(home, name, now, options.wait, _say_on_stderr),
    ):
        program = _open_with(home, name, options)
        options = options.of(program)
        done = _run(home, program, options, say)
    if done.plan.refused:
        raise futility_error(done.plan.phase, done.plan.refused)
    state, _ = read_program_state(home, program)
    reply = advance_reply(
        state, done, done.stopped or failing_alike(done.plan, name) or _lacking(home, program, options, done)
    )
    for line in end_lines(reply):
        say(line)
    notify(home, state, _say_on_stderr)
    return reply


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


def _lacking(home: Home, program: Program, options: AdvanceOptions, done: LoopResult) -> str | None:
    """What would have to be run to go on where nothing may be; None where it ended for another reason."""
    goes_on = options.every or options.until is not None or not done.steps
    reached = options.until in done.plan.verdicts
    if not (options.no_run and goes_on and done.plan.state == "ready") or reached:
        return None
    if not program.launches:
        return f"'{done.plan.phase}' has no runs in the stores that the program names as its evidence"
    elsewhere = home.root / "mlflow.db"  # where MLflow writes that is told nothing else
    beside = (
        f"; there are runs in {elsewhere}: name it with MLFLOW_TRACKING_URI" if elsewhere.exists() else ""
    )
    return f"'{done.plan.phase}' has no runs, and --no-run makes none{beside}"


@contextmanager
def _session(
    home: Home, program: Program, options: AdvanceOptions, say: Callable[[str], None]
) -> Iterator[Session]:
    from planner.io.store.record_store import MlflowRecords
    from planner.io.store.run_store import MlflowRuns

    launcher = LocalLauncher(home.root, workers(options.jobs), home.logs / program.program)
    read_code = None if options.no_run else CodeReader(home, program, launcher)
    code = read_code(anew=False) if read_code else code_at_hand(home, program, needed=False)
    journal = open_journal(home, program)
    runs = MlflowRuns(home)
    session = Session(
        home=home,
        program=program,
        code=code.digest,
        runs=runs,
        records=MlflowRecords(runs),
        journal=journal,
        launcher=launcher,
        memos=MemoFiles(home),
        clock=SystemClock(),
        options=options,
        notify=heard_or_not(AdvanceReport(home, workers(options.jobs), say)),
        read_code=read_code,
    )
    try:
        runs.experiment(program)
        yield session
    finally:
        launcher.close()


def _held(session: Session, options: AdvanceOptions) -> AbstractContextManager[None]:
    """The program, held against other homes that use the same store."""
    from planner.io.store.run_store import MlflowRuns

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
