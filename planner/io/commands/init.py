"""``init``: a first program and its experiment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.io.commands.replies.result import CommandResult, joined
from planner.io.programs.scaffold import start_program
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply


def answer_init(home: Home, name: str) -> CommandResult:
    """Writes a small program and an experiment that run as they are.

    Raises:
        UsageError: the name cannot be that of a program, or a file of it is there already.

    Side effects: writes both files.
    """
    program, experiment = start_program(home, name)

    def reply() -> Reply:
        from planner.io.commands.replies.reading import InitReply

        return InitReply(program=name, path=str(program), experiment=str(experiment))

    lines = [
        f"wrote {program}",
        f"      {experiment}",
        f"read them, then: 'check {name}', 'advance {name} --dry-run', 'advance {name}'",
    ]
    return CommandResult(reply, lambda: joined(lines))
