"""Commands that read: nothing is run, and nothing is written but the files that are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from planner.cli.contradictions import refuse_together, refuse_two_of
from planner.cli.output import Fidelity, Json, MaybeName, Name, print_json, show, the_home


def programs(json: Json = False) -> None:
    """Lists the programs, one line each."""
    from planner.io.commands.read import answer_programs

    show(answer_programs(the_home()), json)


def status(program: MaybeName = None, json: Json = False) -> None:
    """Where each phase stands, what is next, what has been spent."""
    from planner.io.commands.read import answer_status

    show(answer_status(the_home(), program), json)


def explain(
    program: MaybeName = None,
    phase: Annotated[
        str | None, typer.Option(help="Explain this phase; default: the latest decision.")
    ] = None,
    decision: Annotated[str | None, typer.Option(help="Explain the decision with this id.")] = None,
    full: Annotated[bool, typer.Option("--full", help="Every criterion, rule, guard and run id.")] = False,
    why_not: Annotated[
        str | None, typer.Option(help="Why this option, phase, case, tier or outcome was not chosen.")
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(metavar="ARM.METRIC=VALUE", help="Judge again with this mean; write nothing."),
    ] = None,
    format: Annotated[
        Literal["text", "json", "mermaid"], typer.Option(help="text, json or mermaid.")
    ] = "text",
    json: Json = False,
) -> None:
    """Why: guards, criteria, gate, case, triage, decision, and what was not chosen."""
    from planner.io.commands.explain import ExplainOptions, answer_explain

    refuse_two_of({"--phase": phase, "--decision": decision}, "a decision is one of its own phase")
    drawn = {"--format mermaid": format == "mermaid"}
    question = {"--why-not": why_not, "--what-if": what_if}
    refuse_two_of(question, "each is answered alone, on what was measured")
    refuse_together(question, {"--full": full, **drawn}, "the answer is about one thing, in one form")
    refuse_together(drawn, {"--json": json, "--full": full}, "the chart has one form")
    options = ExplainOptions(phase, decision, full, why_not, what_if or (), format)
    show(answer_explain(the_home(), program, options), json or format == "json")


def memo(
    program: Name,
    phase: Annotated[str | None, typer.Argument()] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Compute every number again from MLflow.")] = False,
    json: Json = False,
) -> None:
    """Prints the memo of a phase; of the one judged last if none is named."""
    if verify:
        from planner.io.commands.verify_memo import answer_memo_verify

        show(answer_memo_verify(the_home(), program, phase), json)
    else:
        from planner.io.commands.read import answer_memo

        show(answer_memo(the_home(), program, phase), json)


def graph(
    program: Name,
    format: Annotated[
        Literal["text", "mermaid", "svg", "png"], typer.Option(help="text, mermaid, svg or png.")
    ] = "text",
    out: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
    json: Json = False,
) -> None:
    """The phase graph with today's states."""
    from planner.io.commands.read import answer_graph

    form = {f"--format {format}": format != "text", "--out": out}
    refuse_together({"--json": json}, form, "--json is one object on stdout")

    show(answer_graph(the_home(), program, format, out), json)


def knowledge(
    program: MaybeName = None,
    format: Annotated[
        Literal["text", "json", "mermaid", "svg", "png"],
        typer.Option(help="text, json, mermaid, svg or png."),
    ] = "text",
    out: Annotated[Path | None, typer.Option(help="The file to write.")] = None,
    json: Json = False,
) -> None:
    """Claims with their evidence and what rests on what; predictions and overrides with their scores."""
    from planner.io.commands.knowledge import answer_knowledge

    form = {f"--format {format}": format not in ("text", "json"), "--out": out}
    refuse_together({"--json": json}, form, "--json is one object on stdout")
    refuse_together({"--format json": format == "json"}, {"--out": out}, "JSON goes to stdout")
    show(answer_knowledge(the_home(), program, format, out), json or format == "json")


def logs(run: Annotated[str, typer.Argument(metavar="RUN")], json: Json = False) -> None:
    """Prints what a run printed: so far where it is at work, else what was kept of it."""
    from planner.io.commands.upkeep.logs import answer_logs

    show(answer_logs(the_home(), run), json)


def check(
    program: Annotated[str | None, typer.Argument(metavar="[PROGRAM|FILE]")] = None, json: Json = False
) -> None:
    """Checks a program without running it; all of them if none is named."""
    from planner.io.commands.check import answer_check

    show(answer_check(the_home(), program), json)


def calibrate(
    program: Annotated[str, typer.Argument(metavar="PROGRAM|FILE")],
    noise: Annotated[
        list[str] | None,
        typer.Option(
            help="METRIC=SD: standard deviation of the difference of two arms at one seed, in the metric's "
            "unit; one arm's value varies over seeds by as much. Default: measured on recorded runs."
        ),
    ] = None,
    noise_shape: Annotated[
        Literal["normal", "t3", "lognormal"], typer.Option(help="normal, t3 or lognormal.")
    ] = "normal",
    effect: Annotated[
        list[str] | None,
        typer.Option(
            help="K: by how many standard deviations a threshold is passed where it is true (default 1); or "
            "ARM.METRIC=VALUE: means that take the place of the two standard worlds."
        ),
    ] = None,
    repetitions: Annotated[int, typer.Option(help="How often each gate and the path are simulated.")] = 200,
    seed: Annotated[int, typer.Option(help="Of the simulation; the same seed gives the same figures.")] = 0,
    fidelity: Annotated[
        Fidelity | None, typer.Option(help="smoke, standard or full; default: the program's.")
    ] = None,
    jobs: Annotated[int | None, typer.Option(help="Processes; default: one per processor.")] = None,
    out: Annotated[Path | None, typer.Option(help="Draws a figure into this .png or .svg file.")] = None,
    json: Json = False,
) -> None:
    """Simulates the program's gates under stated noise: false passes, false fails, runs needed."""
    from planner.io.commands.calibrate import CalibrationOptions, answer_calibrate

    options = CalibrationOptions(noise or (), effect or (), noise_shape, repetitions, seed, fidelity, jobs)
    show(answer_calibrate(the_home(), program, options, out), json)


def replay(
    program: Name,
    rules: Annotated[
        Path | None, typer.Option(help="An edited program: what it would have made of the past.")
    ] = None,
    json: Json = False,
) -> None:
    """Derives every recorded decision again from MLflow and the program; tells what differs."""
    from planner.io.commands.replay import answer_replay, answer_replay_rules

    if rules is not None:
        show(answer_replay_rules(the_home(), program, rules), json)
    else:
        show(answer_replay(the_home(), program), json)


def schema(
    reply: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of what a command prints with --json instead.")
    ] = None,
) -> None:
    """Prints the JSON Schema of a program file."""
    if reply is not None:
        from planner.io.commands.replies.published import reply_schema

        print_json(reply_schema(reply))
    else:
        from planner.language.json_schema import json_schema

        print_json(json_schema())
