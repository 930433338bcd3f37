"""``adopt``: a program from runs that are there already."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.history.adoption import program_from
from planner.history.judge import judge_history
from planner.history.judged import JudgedHistory
from planner.history.question import HistoryQuestion
from planner.io.commands.history.judge import JudgeOptions
from planner.io.commands.replies.result import CommandResult, joined
from planner.io.histories.open_history import is_address, read_history, store_named
from planner.io.programs.scaffold import write_program
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply


def answer_adopt(home: Home, name: str, question: HistoryQuestion, options: JudgeOptions) -> CommandResult:
    """Writes a program that asks of a store what ``judge`` asks of it.

    Raises:
        UsageError: as ``judge``; or the name cannot be that of a program, or its file is there already.
        StoreUnavailable: the store cannot be reached or read.

    Side effects: reads the store; writes ``knowledge/programs/NAME.yaml``.
    """
    judged = judge_history(read_history(home, options.store, question, options.experiments), question)
    written, path = adopt(home, name, judged, options)

    def reply() -> Reply:
        from planner.io.commands.replies.judge import AdoptReply

        phases, arms = tuple(written["phases"]), tuple(written["arms"])
        return AdoptReply(program=name, path=str(path), phases=phases, arms=arms)

    lines = [
        f"wrote {path}",
        f"read it, then: 'check {name}', 'advance {name} --all'",
        "it was written after these runs were seen: verdicts on them are post hoc, until fresh ones carry it",
    ]
    return CommandResult(reply, lambda: joined(lines))


def adopt(home: Home, name: str, judged: JudgedHistory, options: JudgeOptions) -> tuple[dict[str, Any], Path]:
    """(the program that was written, its file).

    Raises:
        UsageError: as ``answer_adopt``.

    Side effects: writes the file.
    """
    store = _as_written(home, store_named(home, options.store))
    program = program_from(judged, name, store, options.experiments)
    return program, write_program(home, name, program)


def _as_written(home: Home, store: str) -> str:
    """A store as a program names it: a path below the home begins there."""
    if is_address(store):
        return store
    path, root = Path(store).resolve(), home.root.resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
