"""The typer application: its commands, and the options of all of them."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from planner.cli import history, person, read, work
from planner.cli.failures import program_name, tell, wants_json
from planner.cli.output import settings
from planner.io.system.signals import Stopped


class _Commands(TyperGroup):
    """Commands whose errors are sentences on stderr, with the exit codes of ``docs/cli.md``."""

    def make_context(self, info_name: Any, args: Any, parent: Any = None, **extra: Any) -> Any:
        """Reads the words before the command's name."""
        settings.json, settings.answered = wants_json(args), False
        try:
            return super().make_context(info_name, args, parent, **extra)
        except typer.TyperException as error:
            code = tell(error)
        raise typer.Exit(code)

    def invoke(self, ctx: Any) -> Any:
        """Runs the command that was asked for."""
        try:
            return super().invoke(ctx)
        except (Exception, KeyboardInterrupt, Stopped) as error:
            code = tell(error)
        raise typer.Exit(code)


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
    read.logs,
    read.check,
    read.calibrate,
    history.judge,
    history.adopt,
    read.replay,
    read.schema,
    work.advance,
    work.stop,
    person.override,
    person.exclude,
    person.retry,
    person.keep,
    work.doctor,
    work.prune,
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
