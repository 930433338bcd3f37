"""The typer application: its commands, the options of all of them, and what becomes of errors."""

from __future__ import annotations

import gc
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from planner.cli import person, read, work
from planner.cli.output import settings
from planner.errors import PhasegateError, ProgramError, meaning_of_system_error
from planner.io.system.signals import Stopped
from planner.text.terminal import sentence


class _Commands(TyperGroup):
    """Commands whose errors are sentences on stderr, with the exit codes of ``docs/cli.md``."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt, Stopped) as error:
            code = _exit_code(error)
        raise typer.Exit(code)


def _exit_code(error: BaseException) -> int:
    """Says what went wrong; the exit code that goes with it. What typer says itself is left to it."""
    match error:
        case typer.BadParameter() if type(error) is typer.BadParameter:
            typer.echo(_wrong_value(error), err=True)
            return 2
        case typer.Exit() | typer.TyperException():
            raise error
        case PhasegateError():
            typer.echo(_sentences(error), err=True)
            return error.exit_code
        case KeyboardInterrupt():
            typer.echo("stopped; what is finished is kept, and the same command goes on from here", err=True)
            return 130
        case Stopped():
            typer.echo(_stopped(error), err=True)
            return error.exit_code
        case BrokenPipeError():
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - nobody reads on; say nothing more
            return 0
    return _say_unexpected(error)


def _wrong_value(error: typer.BadParameter) -> str:
    """``Invalid value for '--format': 'pdf' is not one of 'text', 'json', 'mermaid'.``"""
    return sentence(error.format_message().replace("Value error, ", "", 1))


def _sentences(error: PhasegateError) -> str:
    """One sentence; of a malformed program, one line for each fault."""
    lines = str(error).splitlines() if isinstance(error, ProgramError) else [str(error)]
    return "\n".join(map(sentence, lines))


def _stopped(stop: Stopped) -> str:
    """What a stop left behind, and how to go on."""
    cut_off = f"; {stop.marked} in progress marked as killed, to be made again" if stop.marked else ""
    again = shlex.join([program_name(), *sys.argv[1:]])
    return f"stopped by {stop.name}: what is finished is kept{cut_off}\ngo on with: {again}"


def _say_unexpected(error: BaseException) -> int:
    """Says in a sentence what went wrong; the exit code that goes with it."""
    if settings.debug:
        traceback.print_exception(error)
    meaning = meaning_of_system_error(error) if isinstance(error, OSError) else None
    if meaning is not None:
        typer.echo(_sentences(meaning), err=True)
        return meaning.exit_code
    what = sentence(f"{type(error).__name__}: {error}")
    typer.echo(f"unexpected error: {what}; run it again with --debug to see where", err=True)
    return 1


app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Runs gated research programs, judges them by rules, and says why.",
)


@app.callback()
def _for_every_command(
    home: Annotated[Path | None, typer.Option(help="Folder with knowledge/, experiments/, mlruns/.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback on an error.")] = False,
) -> None:
    settings.home, settings.debug = home, debug


for command in (
    read.programs,
    read.status,
    read.explain,
    read.memo,
    read.graph,
    read.knowledge,
    read.check,
    read.calibrate,
    read.replay,
    read.schema,
    work.advance,
    person.override,
    person.exclude,
    person.retry,
    person.keep,
    work.doctor,
    work.ui,
    work.init,
):
    app.command()(command)


def hoisted(arguments: Sequence[str]) -> list[str]:
    """``--home DIR`` and ``--debug`` first, wherever they were written."""
    first: list[str] = []
    rest: list[str] = []
    todo = list(arguments)
    while todo:
        word = todo.pop(0)
        if word == "--home" and todo:
            first += [word, todo.pop(0)]
        elif word == "--debug" or word.startswith("--home="):
            first.append(word)
        else:
            rest.append(word)
    return first + rest


def program_name() -> str:
    """What the program is called by whoever started it."""
    return "phasegate" if Path(sys.argv[0]).suffix != ".py" else "cli.py"


def _open_streams() -> None:
    """Leads stdin, stdout and stderr nowhere where whoever started this process has closed them.

    A database would be opened under their numbers otherwise, and be written to as one of them.
    """
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def main() -> None:
    """The entry point of ``phasegate`` and ``python cli.py``."""
    _open_streams()
    gc.set_threshold(100_000)  # imports make much that stays; tracing it again and again slows every start
    app(args=hoisted(sys.argv[1:]), prog_name=program_name())
