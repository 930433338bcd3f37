"""``init``: a first program and its experiment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from planner.io.commands.replies.result import CommandResult, joined
from planner.io.programs.scaffold import start_command, start_program
from planner.paths import Home

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply


def answer_init(
    home: Home, name: str, command: str | None = None, metric: str = "accuracy", better: str = "higher"
) -> CommandResult:
    """Writes a small program and an experiment that run as they are; or a program for a command.

    Raises:
        UsageError: the name cannot be that of a program, or a file of it is there already.

    Side effects: writes the files.
    """
    if command is not None:
        return _for_command(name, start_command(home, name, command, metric, better))
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


def _for_command(name: str, program: Path) -> CommandResult:
    def reply() -> Reply:
        from planner.io.commands.replies.reading import InitReply

        return InitReply(program=name, path=str(program), experiment=None)

    lines = [
        f"wrote {program}",
        f"put your script's flags into its arms, then: 'check {name}', 'advance {name}'",
    ]
    return CommandResult(reply, lambda: joined(lines))
