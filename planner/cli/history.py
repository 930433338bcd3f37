"""Commands on runs that others made."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from planner.cli.output import Json, show, the_home

_STORE = "MLflow address, database or folder, or a table; default: this home's store."
_ARMS_BY = "Parameters that tell arms apart, joined by commas, or all-but-seed."

MetricName = Annotated[str, typer.Option("--metric", help="The metric, as it was logged.")]
ArmsBy = Annotated[str, typer.Option(help=_ARMS_BY)]
Baseline = Annotated[str, typer.Option(help="NAME=VALUE,..., best or none.")]
BetterWay = Annotated[
    Literal["higher", "lower"] | None, typer.Option("--better", help="Default: as the metric's name says.")
]
MinEffect = Annotated[float | None, typer.Option(help="Smaller differences do not matter.")]
Experiments = Annotated[
    list[str] | None, typer.Option("--experiment", help="Whose runs are judged (repeatable); default: all.")
]
Where = Annotated[str, typer.Option(help="Which runs, as \"params.dataset = 'cifar10'\".")]
SeedFrom = Annotated[str | None, typer.Option(help="The parameter that holds the seed.")]
Alpha = Annotated[float, typer.Option(help="How often any answer may be wrong.")]


def judge(
    metric: MetricName,
    store: Annotated[str | None, typer.Argument(help=_STORE)] = None,
    arms_by: ArmsBy = "all-but-seed",
    baseline: Baseline = "best",
    better: BetterWay = None,
    min_effect: MinEffect = None,
    experiment: Experiments = None,
    where: Where = "",
    seed_from: SeedFrom = None,
    at: Annotated[str, typer.Option(help="last, best or a step.")] = "last",
    alpha: Alpha = 0.05,
    out: Annotated[Path | None, typer.Option(help="A .csv, .html, .png or .svg file to write.")] = None,
    save: Annotated[str | None, typer.Option(help="Also write a program, as adopt does.")] = None,
    json: Json = False,
) -> None:
    """Which arm is better, from runs that are there already: writes nothing, needs no program."""
    from planner.history.question import HistoryQuestion, arms_by_of
    from planner.io.commands.history.judge import JudgeOptions, answer_judge

    names = arms_by_of(arms_by)
    question = HistoryQuestion(metric, names, better, baseline, min_effect, seed_from, where, at, alpha)
    show(answer_judge(the_home(), question, JudgeOptions(store, experiment or (), out, save)), json)


def adopt(
    name: Annotated[str, typer.Argument(help="The name of the program to write.")],
    metric: MetricName,
    store: Annotated[str | None, typer.Option("--from", help=_STORE)] = None,
    arms_by: ArmsBy = "all-but-seed",
    baseline: Baseline = "best",
    better: BetterWay = None,
    min_effect: MinEffect = None,
    experiment: Experiments = None,
    where: Where = "",
    seed_from: SeedFrom = None,
    alpha: Alpha = 0.05,
    json: Json = False,
) -> None:
    """Writes a program from runs that are there already: it asks of them what judge would."""
    from planner.history.question import HistoryQuestion, arms_by_of
    from planner.io.commands.history.adopt import answer_adopt
    from planner.io.commands.history.judge import JudgeOptions

    names = arms_by_of(arms_by)
    question = HistoryQuestion(metric, names, better, baseline, min_effect, seed_from, where, alpha=alpha)
    show(answer_adopt(the_home(), name, question, JudgeOptions(store, experiment or ())), json)
