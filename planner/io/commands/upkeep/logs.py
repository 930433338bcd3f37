"""``logs``: what a run printed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import ProgramError, UsageError
from planner.io.commands.open_home import open_program
from planner.io.commands.replies.result import CommandResult
from planner.io.journal.journal import Journal
from planner.io.journal.work import Work
from planner.io.leases.reaper import run_folder
from planner.io.programs.loader import program_names
from planner.io.workers.results import output_of
from planner.paths import Home
from planner.text.terminal import printed

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply


@dataclass(frozen=True)
class NamedRun:
    """A run that somebody named by its id.

    Attributes:
        work: how it stands in this home's journal; None where another home or tool made it.
    """

    program: str
    id: str
    work: Work | None = None

    @property
    def at_work(self) -> bool:
        """Whether it has not ended."""
        return self.work is not None and self.work.state in ("leased", "started")


def answer_logs(home: Home, run_id: str) -> CommandResult:
    """What a run printed: while it runs what it has printed so far, afterwards what was kept of it.

    Raises:
        UsageError: no program has such a run, or more than one fits.

    Side effects: reads MLflow; a line on stderr where there is nothing to show.
    """
    run = run_named(home, run_id)
    text = _live_log(home, run.work) if run.at_work and run.work is not None else _kept_log(home, run.id)
    if not text:
        sys.stderr.write(f"run {run.id} of {run.program}: nothing of what it printed was kept\n")

    def reply() -> Reply:
        from planner.io.commands.replies.upkeep import LogsReply

        return LogsReply(program=run.program, run_id=run.id, running=run.at_work, text=printed(text or ""))

    return CommandResult(reply, lambda: printed(text or ""))


def run_named(home: Home, run_id: str) -> NamedRun:
    """The run of an id, or of the beginning of one.

    Raises:
        UsageError: it is no id; no run fits, or more than one does.
    """
    if not re.fullmatch(r"[0-9a-f]{6,64}", run_id):
        raise UsageError(f"'{run_id}' is no run id", "give at least its first 6 characters")
    fitting = {run.id: run for run in _in_journal(home) if run.id.startswith(run_id)}
    if not fitting:
        fitting = {run.id: run for run in _in_mlflow(home) if run.id.startswith(run_id)}
    if len(fitting) != 1:
        what = (
            f"no program has run '{run_id}'" if not fitting else f"more than one run begins with '{run_id}'"
        )
        raise UsageError(what, "see 'explain PROGRAM --full' or 'status' for run ids")
    return next(iter(fitting.values()))


def _in_journal(home: Home) -> Iterator[NamedRun]:
    journal = Journal(home.journal)
    for name in program_names(home.root):
        for work in journal.work(name):
            if work.mlflow_run:
                yield NamedRun(name, work.mlflow_run, work)


def _in_mlflow(home: Home) -> Iterator[NamedRun]:
    """The runs that others made, too; of programs that can be read."""
    from planner.io.store.run_store import MlflowRuns

    runs = MlflowRuns(home)
    for name in program_names(home.root):
        try:
            program = open_program(home, name)
        except ProgramError:
            continue
        snapshot = runs.snapshot(program)
        ids = [*(run.id for run in snapshot.finished), *(run.id for run in snapshot.unfinished)]
        ids += [repeat.run_id for repeat in snapshot.repeats]
        yield from (NamedRun(name, one) for one in ids)


def _kept_log(home: Home, run_id: str) -> str | None:
    from planner.io.mlflow.client import connect, speaking_of
    from planner.io.mlflow.home_store import store_uri
    from planner.io.store.run_log import read_log

    client = connect(home)
    with speaking_of(store_uri(home)):
        return read_log(client, run_id)


def _live_log(home: Home, work: Work) -> str | None:
    """What a run has printed so far, as it lies in its folder."""
    folder = run_folder(home, work)
    return output_of(folder) if folder is not None else None
