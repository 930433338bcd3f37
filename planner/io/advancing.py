"""``advance``: opens a program's parts, runs the loop, and says what came of it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from planner.errors import UsageError
from planner.graph import Options, run_loop
from planner.io.clock import SystemClock
from planner.io.desk import Desk, Wishes
from planner.io.home import code_of, open_journal, open_program, standpoint
from planner.io.journal import Journal
from planner.io.launcher import LocalLauncher
from planner.io.locks import program_lock
from planner.io.memo_files import MemoFiles
from planner.io.memory import MemoryRecords, MemoryRuns
from planner.io.mlflow_client import store_uri
from planner.io.progress import Progress, in_words
from planner.paths import Home
from planner.policy import Position, build_position
from planner.program import Program
from planner.records import Decision, PlannedRun
from planner.status import next_step, program_state


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
    quiet: bool = False


def advance_programs(
    home: Home, names: Sequence[str], request: Request, say: Callable[[str], None]
) -> dict[str, Any]:
    """Advances programs one after the other; the reply is that of ``advance --json``.

    Raises:
        UsageError: ``--until`` names no phase.
        ProgramBusy: another ``advance`` holds a program.
        StoreUnavailable, ProgramError: as the parts raise them.

    Side effects: everything that ``advance`` does.
    """
    stop_at = SystemClock().seconds() + request.max_seconds if request.max_seconds else None
    done = [_advance(home, name, request, stop_at, say) for name in names]
    if len(done) == 1:
        return done[0]
    steps = [step for one in done for step in one["steps"]]
    states = {one["state"] for one in done}
    worst = next((s for s in ("ready", "blocked", "waiting") if s in states), "done")
    told = {"schema": "phasegate.advance/1", "program": None, "steps": steps}
    return {**told, "state": worst, "next": None, "programs": done}


def _advance(
    home: Home, name: str, request: Request, stop_at: float | None, say: Callable[[str], None]
) -> dict[str, Any]:
    program = open_program(home, name)
    if request.until is not None and request.until not in program.phases:
        raise UsageError(f"{name} has no phase '{request.until}'; it has {', '.join(program.phases)}")
    clock = SystemClock()
    with program_lock(home, name, clock.now()), _desk(home, program, request, stop_at) as desk:
        from planner.io.sync import import_records, mirror_pending, settle_work

        import_records(desk.journal, desk.records, desk.runs, program)
        settle_work(desk)
        mirror_pending(desk)
        options = Options(request.every, request.until, request.accept)
        done = run_loop(desk, options, _ask if _has_terminal() and not request.quiet else None)
    at, _ = standpoint(home, program)
    steps = [{k: v for k, v in asdict(step).items() if k != "judged"} for step in done.steps]
    ahead = next_step(at)
    told = {
        "schema": "phasegate.advance/1",
        "program": name,
        "steps": steps,
        "state": program_state(at),
        "next": ahead,
        "stopped": done.stopped or None,
        "passed_over": list(done.position.passed_over),
    }
    for line in _lines(told, home):
        say(line)
    return told


@contextmanager
def _desk(home: Home, program: Program, request: Request, stop_at: float | None) -> Iterator[Desk]:
    from planner.io.record_store import MlflowRecords
    from planner.io.run_store import MlflowRuns

    code = code_of(home, program)
    journal = open_journal(home, program)
    runs = MlflowRuns(home)
    launcher = LocalLauncher(home.root, workers(request), home.logs / program.program)
    desk = Desk(
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
        notify=_shown(workers(request)),
    )
    try:
        runs.experiment(program)
        yield desk
    finally:
        launcher.close()


def workers(request: Request) -> int:
    """How many runs go on side by side: as asked, or one per processor that this process may use."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return request.jobs or usable


def _shown(count: int) -> Callable[[Any], None]:
    """Follows the loop's messages on stderr."""
    progress = Progress(workers=count)

    def show(message: Any) -> None:
        if message is None:
            progress.finish()
        elif isinstance(message[0], str):
            progress.start(message[1], message[0])
        else:
            progress.event(*message)

    return show


def _has_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(decision: Decision) -> str | None:
    """Asks at the terminal whether to take the recommendation; the name of who said yes, or None."""
    from planner.io.desk import user_name

    sys.stderr.write(f"{decision.reason}\nTake '{decision.choice}'? [y/N] ")
    sys.stderr.flush()
    return user_name() if sys.stdin.readline().strip().lower() in ("y", "yes") else None


def _lines(told: dict[str, Any], home: Home) -> list[str]:
    lines = []
    for step in told["steps"]:
        row = f", case {step['case']}" if step["case"] else f", tier {step['tier']}" if step["tier"] else ""
        ran = f"{step['runs_launched']} runs, {step['runs_reused']} reused"
        lines.append(f"{step['phase']}: {step['outcome']}{row}, {step['confidence']} ({ran})")
        lines.append(f"  memo {_short(Path(step['memo']), home)}")
    if not told["steps"]:
        lines.append(
            f"{told['program']}: nothing to do" if not told["stopped"] else f"stopped: {told['stopped']}"
        )
    ahead = told["next"]
    lines.append(
        f"{told['program']} is {told['state']}; next: {ahead['action']} {ahead['target'] or ''}".rstrip()
    )
    lines.append(f"  {ahead['reason']}")
    return lines


def _short(path: Path, home: Home) -> str:
    for root in (Path.cwd(), home.root):
        if path.is_relative_to(root):
            return str(path.relative_to(root))
    return str(path)


def exit_code_of(told: dict[str, Any]) -> int:
    """The code with which ``--exit-code`` lets the verdict speak."""
    if told["state"] == "waiting":
        return 12
    if told["state"] == "blocked":
        return 15
    if not told["steps"]:
        return 13
    return {"fail": 10, "inconclusive": 11, "invalid": 14, "blocked": 15}.get(told["steps"][-1]["outcome"], 0)


# --- dry run -----------------------------------------------------------------------------------


class _ReadOnlyJournal(Journal):
    """A journal that forgets what it is told, so that a dry run leaves no trace."""

    def note_described(self, found: dict[str, str]) -> None:
        """Keeps nothing."""


def dry_run_programs(home: Home, names: Sequence[str], request: Request) -> dict[str, Any]:
    """What ``advance`` would do now: every candidate with its reason, and what it would cost.

    Side effects: none on the home; workers write to a temporary folder.
    """
    done = [_dry_run(home, open_program(home, name), request) for name in names]
    if len(done) == 1:
        return done[0]
    return {"schema": "phasegate.advance/1", "dry_run": True, "program": None, "programs": done}


def _dry_run(home: Home, program: Program, request: Request) -> dict[str, Any]:
    runs: Any = MemoryRuns()
    if home.database.exists() or not store_uri(home).startswith("sqlite:"):
        from planner.io.run_store import MlflowRuns

        runs = MlflowRuns(home)
    with tempfile.TemporaryDirectory() as scratch:
        launcher = LocalLauncher(home.root, workers(request), Path(scratch))
        desk = Desk(
            home=home,
            program=program,
            code=code_of(home, program),
            runs=runs,
            records=MemoryRecords(),
            journal=_ReadOnlyJournal(home.journal),
            launcher=launcher,
            memos=MemoFiles(home),
            clock=SystemClock(),
            wishes=Wishes(request.fidelity, request.no_run),
        )
        try:
            position = build_position(desk.recall())
        finally:
            launcher.close()
    known = [run for run in runs.snapshot(program).finished if run.own]
    seconds = _estimate(position.launch, known, workers(request))
    return _dry_json(program, position, seconds)


def _dry_json(program: Program, position: Position, seconds: float | None) -> dict[str, Any]:
    decision = position.next
    candidates = []
    if decision is not None:
        chosen = {"choice": decision.choice, "action": decision.action, "reason": decision.reason}
        candidates.append({**chosen, "chosen": True})
        last = position.steps[-1].decision if position.steps else decision
        candidates += [
            {"choice": r.choice, "action": None, "reason": r.reason, "chosen": False} for r in last.rejected
        ]
    counts: dict[str, int] = {}
    for planned in position.launch:
        counts[planned.arm] = counts.get(planned.arm, 0) + 1
    return {
        "schema": "phasegate.advance/1",
        "dry_run": True,
        "program": program.program,
        "steps": [],
        "state": position.state,
        "next": {"action": decision.action, "target": decision.choice, "reason": decision.reason}
        if decision
        else None,
        "candidates": candidates,
        "runs": [{"phase": position.phase, "arm": arm, "runs": n} for arm, n in counts.items()],
        "estimate": {"runs": len(position.launch), "seconds": seconds},
    }


def _estimate(launch: Sequence[PlannedRun], known: Sequence[Any], count: int) -> float | None:
    """Seconds for these runs on so many workers, from runs of the same arm, else of the fidelity."""
    total = 0.0
    for planned in launch:
        same = [run.seconds for run in known if run.fidelity == planned.fidelity]
        arm = [run.seconds for run in known if run.arm == planned.arm and run.fidelity == planned.fidelity]
        if not same:
            return None
        total += sum(arm or same) / len(arm or same)
    return round(total / max(min(count, len(launch)), 1), 1) if launch else 0.0


def dry_run_lines(told: dict[str, Any]) -> list[str]:
    """A dry run for a person."""
    if told.get("programs"):
        return [line for one in told["programs"] for line in [*dry_run_lines(one), ""]][:-1]
    lines = [f"{told['program']} is {told['state']}; nothing is launched or written"]
    for candidate in told["candidates"]:
        mark = "->" if candidate["chosen"] else "  "
        name = candidate["choice"] or candidate["action"]
        lines.append(f"{mark} {name}: {candidate['reason']}")
    lines += [f"     {row['arm']}: {row['runs']} runs" for row in told["runs"]]
    count, seconds = told["estimate"]["runs"], told["estimate"]["seconds"]
    cost = "no earlier run to estimate the time from" if seconds is None else f"about {in_words(seconds)}"
    lines.append(f"{count} runs, {cost}" if count else "no run is missing")
    return lines
