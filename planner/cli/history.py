"""Commands on runs that others made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from planner.cli.output import Json, show, the_home

_ARMS_BY = "Parameters that tell arms apart, joined by commas, or all-but-seed."


def judge(
    store: Annotated[
        str | None,
        typer.Argument(help="MLflow address, database or folder, or a table; default: this home's store."),
    ] = None,
    metric: Annotated[str, typer.Option(help="The metric, as it was logged.")] = ...,  # type: ignore[assignment]
    arms_by: Annotated[str, typer.Option(help=_ARMS_BY)] = "all-but-seed",
    baseline: Annotated[str, typer.Option(help="NAME=VALUE,..., best or none.")] = "best",
    better: Annotated[
        Literal["higher", "lower"] | None, typer.Option(help="Default: as the metric's name says.")
    ] = None,
    min_effect: Annotated[float | None, typer.Option(help="Smaller differences do not matter.")] = None,
    experiment: Annotated[
        list[str] | None, typer.Option(help="Whose runs are judged (repeatable); default: all.")
    ] = None,
    where: Annotated[str, typer.Option(help="Which runs, as \"params.dataset = 'cifar10'\".")] = "",
    seed_from: Annotated[str | None, typer.Option(help="The parameter that holds the seed.")] = None,
    at: Annotated[str, typer.Option(help="last, best or a step.")] = "last",
    alpha: Annotated[float, typer.Option(help="How often any answer may be wrong.")] = 0.05,
    out: Annotated[Path | None, typer.Option(help="A .csv, .html, .png or .svg file to write.")] = None,
    json: Json = False,
) -> None:
    """Which arm is better, from runs that are there already: writes nothing, needs no program."""
    from planner.history.question import HistoryQuestion, arms_by_of
    from planner.io.commands.history.judge import JudgeOptions, answer_judge

    names = arms_by_of(arms_by)
    question = HistoryQuestion(metric, names, better, baseline, min_effect, seed_from, where, at, alpha)
    show(answer_judge(the_home(), question, JudgeOptions(store, experiment or (), out)), json)
