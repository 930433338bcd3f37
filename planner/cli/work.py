"""Commands that work on a home: they run experiments, mend what is broken, show it, or begin one."""

from __future__ import annotations

import signal
from typing import Annotated, Any, Literal

import typer

from planner.cli.output import Fidelity, Json, MaybeName, say, show, the_home

KeepGoing = Annotated[
    bool, typer.Option("--keep-going", help="Go on though two arms failed in the same way.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait while another advance holds the program.")]


def advance(
    program: MaybeName = None,
    all_: Annotated[bool, typer.Option("--all", help="Go on until done, blocked or waiting.")] = False,
    until: Annotated[str | None, typer.Option(help="Go on until this phase is judged.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    no_run: Annotated[
        bool, typer.Option("--no-run", help="Judge what MLflow holds; launch nothing.")
    ] = False,
    keep_going: KeepGoing = False,
    max_seconds: Annotated[float | None, typer.Option(help="Start no run after this many seconds.")] = None,
    fidelity: Annotated[
        Fidelity | None, typer.Option(help="smoke, standard or full; default: the program's.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Runs side by side; default: one per processor.")] = None,
    launcher: Annotated[Literal["local"], typer.Option(help="local (the only launcher so far).")] = "local",
    accept: Annotated[bool, typer.Option("--accept", help="Take a recommendation that waits.")] = False,
    wait: Wait = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Let the verdict speak: 10 to 15.")] = False,
    json: Json = False,
) -> None:
    """Runs the next gated phase: decide, run what is missing, judge, write the memo, decide what follows."""
    from planner.engine.options import AdvanceOptions
    from planner.io.commands.advance import answer_advance
    from planner.io.commands.dry_run import answer_dry_run

    options = AdvanceOptions(
        every=all_,
        until=until,
        accept=accept,
        fidelity=fidelity,
        keep_going=keep_going,
        no_run=no_run,
        max_seconds=max_seconds,
        jobs=jobs,
        wait=wait,
        quiet=json,
    )
    if dry_run:
        show(answer_dry_run(the_home(), program, options), json)
    else:
        show(answer_advance(the_home(), program, options, _unsaid if json else say, exit_code), json)


def _unsaid(_: str) -> None:
    """What is said while it is done has no place beside one JSON object."""


def doctor(
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Mend what can be mended; what cannot is moved away, never deleted."),
    ] = False,
    json: Json = False,
) -> None:
    """Checks journal, MLflow, leases, records and files; says what is wrong and what mends it."""
    from planner.io.commands.doctor import answer_doctor

    show(answer_doctor(the_home(), repair), json)


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on 127.0.0.1.")] = 5000,
) -> None:
    """Opens the MLflow UI on this home's store, on 127.0.0.1."""
    from planner.io.mlflow.ui import serve

    signal.signal(signal.SIGTERM, _terminated)
    serve(the_home(), port, say=say)


def _terminated(number: int, _: Any) -> None:
    """SIGTERM unwinds like Ctrl-C, so that what was started ends too."""
    raise SystemExit(128 + number)


def init(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and '_'.")],
    json: Json = False,
) -> None:
    """Writes a small program and an experiment that run as they are."""
    from planner.io.commands.init import answer_init

    show(answer_init(the_home(), name), json)
