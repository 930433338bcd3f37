"""What commands print, the options that many of them take, and the home that they work on."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from planner.errors import Fault, ProgramBusy, ProgramError, UsageError
from planner.paths import Home
from planner.text.terminal import CONTROL, plain

if TYPE_CHECKING:
    from planner.io.commands.replies.result import CommandResult

Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
Name = Annotated[str, typer.Argument(metavar="PROGRAM")]
MaybeName = Annotated[str | None, typer.Argument(metavar="[PROGRAM]")]
Fidelity = Literal["smoke", "standard", "full"]
By = Annotated[str | None, typer.Option(help="Who; default: the user of this machine.")]

_CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass
class Settings:
    """What was said for every command, before its name or after it.

    Attributes:
        json: an error is to be told as JSON too.
        answered: an object is on stdout already; there is one at most.
    """

    home: Path | None = None
    debug: bool = False
    json: bool = False
    answered: bool = False


settings = Settings()


def the_home() -> Home:
    """The home that was asked for, or the folder that holds ``cli.py``, or the current one."""
    named = settings.home or os.environ.get("PHASEGATE_HOME")
    root = Path(named) if named else _CHECKOUT if (_CHECKOUT / "knowledge").is_dir() else Path.cwd()
    if not os.path.isdir(root):  # unlike Path.is_dir, it has an answer for any text
        raise UsageError(f"the home folder {root} is not there; make it, or name another with --home")
    return Home(root.resolve())


def show(result: CommandResult, json: bool) -> None:
    """Prints a result in the form that was asked for, and ends the command as it says.

    Raises:
        ProgramError, ProgramBusy: what kept programs from being in it.
        Exit: the command found something.
    """
    if json:
        print_json(result.reply().as_json())
        settings.answered = True
    else:
        say(result.text(), end="")
    _raise_first(result.faults)
    if result.exit_code:
        raise typer.Exit(result.exit_code)


def say(text: str, end: str = "\n") -> None:
    """Writes a result; what programs, runs and records hold reaches no terminal as a command to it."""
    typer.echo(plain(text) + end, nl=False)


def print_json(value: Any) -> None:
    """Writes a JSON value; characters that steer a terminal are escaped."""
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    typer.echo(CONTROL.sub(lambda steering: f"\\u{ord(steering[0]):04x}", text))


def _raise_first(faults: Sequence[Fault]) -> None:
    """Says what kept every program that is not in the result from it, and ends as the first asks."""
    if not faults:
        return
    text = "\n".join(map(str, faults))
    if isinstance(faults[0], ProgramError):
        raise ProgramError(faults[0].problems, text)
    raise ProgramBusy(text)
