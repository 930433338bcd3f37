"""Commands that work on a home: they run experiments, mend what is broken, show it, or begin one."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from planner.cli.contradictions import refuse_together, refuse_two_of
from planner.cli.output import Fidelity, Json, MaybeName, Name, say, show, the_home

if TYPE_CHECKING:
    from planner.engine.options import AdvanceOptions

KeepGoing = Annotated[
    bool, typer.Option("--keep-going", help="Go on though two arms failed in the same way.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait while another advance holds the program.")]


def advance(
    program: MaybeName = None,
    all_: Annotated[bool, typer.Option("--all", help="Go on until done, blocked or waiting.")] = False,
    until: Annotated[str | None, typer.Option(help="Go on until this phase is judged.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; do nothing.")] = False,
    no_run: Annotated[bool, typer.Option("--no-run", help="Judge what is there; launch nothing.")] = False,
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
    _refuse_contradictions(options, dry_run, exit_code)
    if dry_run:
        show(answer_dry_run(the_home(), program, options), json)
    else:
        show(answer_advance(the_home(), program, options, _unsaid if json else say, exit_code), json)


def _refuse_contradictions(options: AdvanceOptions, dry_run: bool, exit_code: bool) -> None:
    ends = {"--all": options.every, "--until": options.until}
    refuse_two_of(ends, "one goes on to the end, the other to a phase")
    limits = {"--jobs": options.jobs, "--max-seconds": options.max_seconds}
    refuse_together({"--no-run": options.no_run}, limits, "--no-run makes no runs")
    refuse_two_of({"--dry-run": dry_run, "--exit-code": exit_code}, "--dry-run reaches no verdict")


def _unsaid(_: str) -> None:
    """What is said while it is done has no place beside one JSON object."""


def stop(program: Name, json: Json = False) -> None:
    """Ends an advance that is at work elsewhere on this machine, as Ctrl-C would; waits for its end."""
    from planner.io.commands.upkeep.stop import answer_stop

    show(answer_stop(the_home(), program), json)


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


def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed.")] = False,
    days: Annotated[
        int, typer.Option(min=0, help="Quarantined folders of runs go when they are older than this.")
    ] = 30,
    json: Json = False,
) -> None:
    """Removes what nothing rests on: folders of finished runs, code that no run was made with."""
    from planner.io.commands.upkeep.prune import answer_prune

    show(answer_prune(the_home(), dry_run, days), json)


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
    command: Annotated[
        str | None, typer.Option(help='Of your own: "python train.py {flags} --seed {seed}".')
    ] = None,
    metric: Annotated[str, typer.Option(help="With --command: as it is logged.")] = "accuracy",
    better: Annotated[Literal["higher", "lower"], typer.Option(help="With --command.")] = "higher",
    json: Json = False,
) -> None:
    """Writes a small program and an experiment that run as they are; or a program for a command."""
    from planner.io.commands.init import answer_init

    show(answer_init(the_home(), name, command, metric, better), json)
