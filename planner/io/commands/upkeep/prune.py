"""``prune``: removes what nothing rests on; never runs of MLflow, records, memos or the journal."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from filelock import FileLock

from planner.errors import PhasegateError, ProgramBusy
from planner.io.commands.open_home import open_program
from planner.io.commands.replies.result import CommandResult, joined
from planner.io.doctor.files import finished_folders
from planner.io.journal.journal import Journal
from planner.io.leases.program_lock import holder_of, program_lock
from planner.io.programs.loader import program_names
from planner.io.system.clock import SystemClock
from planner.io.system.disk import bytes_of, in_words
from planner.io.workers.program_code import code_of
from planner.language.program import Program
from planner.paths import Home
from planner.records.journal_entry import entries_of
from planner.records.verdict import Verdict

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply

DAYS = 30
_RUN_FOLDER = re.compile(r"\d{8}T\d{6}-[0-9a-f]{16,64}(-\d+)?(\.\d+)?")
"""What ``doctor --repair`` calls the folder of a finished run; all else that is set aside is for people."""
Kind = Literal["code", "work", "quarantine"]


@dataclass(frozen=True)
class Dispensable:
    """A folder that nothing rests on."""

    kind: Kind
    path: Path
    bytes: int
    why: str


def answer_prune(home: Home, dry_run: bool, days: int = DAYS) -> CommandResult:
    """What nothing rests on, and how much disk it takes; it is removed, unless it is only asked for.

    Args:
        days: quarantined folders of runs go when they are older.

    Raises:
        ProgramError, StoreUnavailable: what rests on what cannot be known; nothing is removed.

    Side effects: holds every program that nobody advances; removes folders below ``mlruns``.
    """
    with ExitStack() as held:
        busy = _busy(home) if dry_run else _hold(home, held)
        items = list(dispensable(home, busy, days))
        if not dry_run:
            for item in items:
                shutil.rmtree(item.path, ignore_errors=True)

    def reply() -> Reply:
        from planner.io.commands.replies.upkeep import DispensableJson, PruneReply

        rows = [
            DispensableJson(kind=one.kind, path=str(one.path), bytes=one.bytes, why=one.why) for one in items
        ]
        total = sum(one.bytes for one in items)
        return PruneReply(dry_run=dry_run, items=tuple(rows), bytes=total, left_alone=tuple(sorted(busy)))

    return CommandResult(reply, lambda: joined(_lines(items, busy, dry_run)))


def _busy(home: Home) -> frozenset[str]:
    return frozenset(name for name in program_names(home.root) if holder_of(home, name) is not None)


def _hold(home: Home, held: ExitStack) -> frozenset[str]:
    """Takes the locks of all programs and of kept code; the programs that others hold."""
    busy = set()
    for name in program_names(home.root):
        try:
            held.enter_context(program_lock(home, name, SystemClock().now(), command="prune"))
        except ProgramBusy:
            busy.add(name)
    if home.locks.is_dir():
        held.enter_context(FileLock(home.lock(".code")))
    return frozenset(busy)


def dispensable(home: Home, busy: frozenset[str], days: int) -> Iterator[Dispensable]:
    """What nothing rests on: of programs that are at work nothing, and no code while any is at work."""
    programs = [open_program(home, name) for name in program_names(home.root)]
    journal = Journal(home.journal)
    for program in programs:
        if program.program not in busy:
            why = f"a run of {program.program} that is finished and in MLflow"
            yield from (_of("work", path, why) for path in finished_folders(home, journal, program))
    if not busy:
        needed = _needed(home, programs, journal)
        kept = [path for path in sorted(home.code("").glob("*")) if path.name not in needed]
        yield from (_of("code", path, "no run was recorded with this code") for path in kept)
    oldest = time.time() - days * 86400
    for path in sorted(home.quarantine.glob("*")):
        if path.is_dir() and _RUN_FOLDER.fullmatch(path.name) and path.stat().st_ctime < oldest:
            yield _of("quarantine", path, f"the folder of a finished run, set aside over {days} days ago")


def _of(kind: Kind, path: Path, why: str) -> Dispensable:
    return Dispensable(kind, path, bytes_of(path), why)


def _needed(home: Home, programs: Sequence[Program], journal: Journal) -> set[str]:
    """The digests of code on which a run, recorded or at work, a verdict or the next ``advance`` rests."""
    from planner.io.mlflow.client import has_store
    from planner.io.store.run_store import MlflowRuns

    runs = MlflowRuns(home) if has_store(home) else None
    needed: set[str] = set()
    for program in programs:
        needed |= {str(work.planned.get("code_digest")) for work in journal.work(program.program)}
        verdicts = entries_of(journal.entries(program.program), Verdict)
        needed |= {digest for entry in verdicts for digest in entry.record.code_digests}
        if runs is not None:
            needed |= {run.code_digest for run in runs.snapshot(program).finished if run.code_digest}
        try:
            needed.add(code_of(home, program))
        except PhasegateError:
            continue
    return needed


def _lines(items: Sequence[Dispensable], busy: frozenset[str], dry_run: bool) -> list[str]:
    alone = [f"{name} is at work and is left alone" for name in sorted(busy)]
    if not items:
        return [*alone, "nothing to remove"]
    verb = "would remove" if dry_run else "removed"
    total = in_words(sum(one.bytes for one in items))
    rows = [f"{verb} {one.path} ({in_words(one.bytes)}): {one.why}" for one in items]
    return [*alone, *rows, f"{verb} {total} in all"]
