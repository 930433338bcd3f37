"""What becomes of errors: a sentence on stderr, an object on stdout where JSON was wanted, an exit code."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from planner.cli.output import print_json, settings
from planner.errors import PhasegateError, ProgramError, meaning_of_system_error
from planner.io.system.secrets import hidden
from planner.io.system.signals import Stopped
from planner.text.terminal import sentence

if TYPE_CHECKING:
    from planner.io.commands.replies.error import ErrorReply


def wants_json(words: Sequence[str]) -> bool:
    """Whether a command line asks for JSON; it is asked before the command line is known to be sound."""
    pairs = list(zip(words, words[1:], strict=False))
    return "--json" in words or "--format=json" in words or ("--format", "json") in pairs


def tell(error: BaseException) -> int:
    """Says what went wrong; the exit code that goes with it.

    Raises:
        Exit: a command ended by itself, and has said what it had to say.
    """
    match error:
        case typer.Exit() | typer.Abort():
            raise error
        case typer.TyperException():
            return _tell_usage(error)
        case PhasegateError():
            return _tell_ours(error)
        case KeyboardInterrupt():
            what, again = "stopped", "what is finished is kept, and the same command goes on from here"
            return _say(f"{what}; {again}", 130, what, again)
        case Stopped():
            return _tell_stop(error)
        case BrokenPipeError():
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - nobody reads on; say nothing more
            return 0
    return _tell_unexpected(error)


def _say(text: str, code: int, message: str, mend: str | None = None) -> int:
    typer.echo(text, err=True)
    if settings.json:
        from planner.io.commands.replies.error import ErrorReply

        _answer(ErrorReply(code=code, message=message, next=mend))
    return code


def _answer(reply: ErrorReply) -> None:
    """The error as the one object on stdout, where the command has not answered already."""
    if not settings.answered:
        print_json(reply.as_json())


def _tell_usage(error: typer.TyperException) -> int:
    """Wrong usage that typer notices: a value in a sentence of ours, the rest as typer says it."""
    context = getattr(error, "ctx", None)
    message = sentence(error.format_message().replace("Value error, ", "", 1))
    if type(error) is typer.BadParameter:
        typer.echo(message, err=True)
    else:
        error.show()  # type: ignore[attr-defined]
    if settings.json:
        from planner.io.commands.replies.error import ErrorReply

        mend = f"'{context.command_path} --help' says how it is used" if context is not None else None
        _answer(ErrorReply(code=error.exit_code, message=message, next=mend))
    return error.exit_code


def _tell_ours(error: PhasegateError) -> int:
    """One sentence; of a malformed program, one line for each fault."""
    lines = str(error).splitlines() if isinstance(error, ProgramError) else [str(error)]
    typer.echo(hidden("\n".join(map(sentence, lines))), err=True)
    if settings.json:
        from planner.io.commands.replies.error import error_reply

        _answer(error_reply(error))
    return error.exit_code


def _tell_stop(stop: Stopped) -> int:
    """What a stop left behind, and how to go on."""
    cut_off = f"; {stop.marked} in progress marked as killed, to be made again" if stop.marked else ""
    message = f"stopped by {stop.name}: what is finished is kept{cut_off}"
    again = f"go on with: {shlex.join([program_name(), *sys.argv[1:]])}"
    return _say(f"{message}\n{again}", stop.exit_code, message, again)


def _tell_unexpected(error: BaseException) -> int:
    if settings.debug:
        typer.echo(hidden("".join(traceback.format_exception(error))), err=True)
    meaning = meaning_of_system_error(error) if isinstance(error, OSError) else None
    if meaning is not None:
        return _tell_ours(meaning)
    message = hidden(f"unexpected error: {sentence(f'{type(error).__name__}: {error}')}")
    mend = "run it again with --debug to see where"
    return _say(f"{message}; {mend}", 1, message, mend)


def program_name() -> str:
    """What the program is called by whoever started it."""
    return "phasegate" if Path(sys.argv[0]).suffix != ".py" else "cli.py"
