"""``advance``: opens a program's parts, runs the loop, and says what came of it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from planner.engine.loop import LoopResult, Options, run_loop
from planner.errors import Fault, UsageError, each_apart
from planner.io.commands.advance_output import AdvanceReport, end_lines, heard_or_not
from planner.io.commands.open_home import code_at_hand, open_journal, open_program, read_program_state
from planner.io.commands.session import Session, Wishes
from planner.io.leases.program_lock import program_lock
from planner.io.leases.store_lease import SharedLease, owner_lock
from planner.io.pictures.memo_files import MemoFiles
from planner.io.system.clock import SystemClock
from planner.io.system.signals import whole
from planner.io.workers.launcher import LocalLauncher
from planner.judging.futility import futility_error
from planner.language.program import Program
from planner.lineage.status import command_lines, next_step, program_state
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


def advance_programs(
    home: Home, names: Sequence[str], request: Request, say: Callable[[str], None]
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
    stop_at = SystemClock().seconds() + request.max_seconds if request.max_seconds else None
    say = heard_or_not(say)
    if len(names) == 1:
        return _advance(home, names[0], request, stop_at, say), []
    done, faults = each_apart(names, lambda name: _advance(home, name, request, stop_at, say))
    return _in_one(done), faults


def _in_one(done: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The reply for several programs."""
    steps = [step for one in done for step in one["steps"]]
    states = {one["state"] for one in done}
    worst = next((s for s in ("ready", "blocked", "waiting") if s in states), "done")
    told = {"schema": "phasegate.advance/1", "program": None, "steps": steps}
    return {**told, "state": worst, "next": None, "programs": list(done)}


def _advance(
    home: Home, name: str, request: Request, stop_at: float | None, say: Callable[[str], None]
) -> dict[str, Any]:
    _open_as_asked(home, name, request)  # what is wrong with it is said at once, and not after a wait
    held = name, SystemClock().now(), request.wait, _tell
    with program_lock(home, *held), owner_lock(home, *held):
        program = _open_as_asked(home, name, request)
        done = _run(home, program, request, stop_at, say)
    if done.position.refused:
        raise futility_error(done.position.phase, done.position.refused)
    return _told(home, program, request, done, say)


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


def _told(
    home: Home, program: Program, request: Request, done: LoopResult, say: Callable[[str], None]
) -> dict[str, Any]:
    """The reply for one program, which is also said."""
    at, _ = read_program_state(home, program)
    steps = [{k: v for k, v in asdict(step).items() if k != "judged"} for step in done.steps]
    ahead = next_step(at)
    told = {
        "schema": "phasegate.advance/1",
        "program": program.program,
        "steps": steps,
        "state": program_state(at),
        "next": ahead,
        "stopped": done.stopped or _lacking(request, done),
        "passed_over": list(done.position.passed_over),
    }
    for line in [*end_lines(told), *(f"  {line}" for line in command_lines(ahead))]:
        say(line)
    return told


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


def exit_code_of(told: dict[str, Any]) -> int:
    """The code with which ``--exit-code`` lets the verdict speak."""
    if told["state"] == "waiting":
        return 12
    if told["state"] == "blocked":
        return 15
    if not told["steps"]:
        return 13
    return {"fail": 10, "inconclusive": 11, "invalid": 14, "blocked": 15}.get(told["steps"][-1]["outcome"], 0)
