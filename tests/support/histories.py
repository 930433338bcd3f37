"""Histories made by hand: runs as a store would hold them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from planner.history.judge import judge_history
from planner.history.judged import JudgedArm, JudgedHistory
from planner.history.logged_run import History, LoggedRun
from planner.history.question import HistoryQuestion

ADAM = [0.91, 0.92, 0.90, 0.93, 0.915]
SGD = [0.81, 0.83, 0.80, 0.82, 0.825]
SEEDS = [42, 7, 123, 5, 99]


def runs_of(
    values: Mapping[str, Sequence[float | None]],
    seeds: Sequence[int] | None = SEEDS,
    seed_param: str = "seed",
    **more: Any,
) -> list[LoggedRun]:
    """Finished runs of arms that differ in the parameter ``optimizer``."""
    runs = []
    for arm, of_arm in values.items():
        for i, value in enumerate(of_arm):
            params = {"optimizer": arm, **({seed_param: str(seeds[i])} if seeds else {})}
            number = len(runs)
            times = {
                "began": float(number),
                "ended": number + 0.5,
                "position": number,
                "experiment": "x",
                **more,
            }
            runs.append(LoggedRun(id=f"{arm}{i}", params=params, value=value, **times))
    return runs


def judged(runs: Sequence[LoggedRun], **question: Any) -> JudgedHistory:
    """What ``judge`` says of runs, arms told apart by ``optimizer``."""
    fields = {"metric": "val/acc", "arms_by": ("optimizer",), "baseline": "optimizer=sgd", **question}
    return judge_history(History("made up", runs, ["val/acc"]), HistoryQuestion(**fields))


def arm_of(history: JudgedHistory, name: str) -> JudgedArm:
    """The row of an arm."""
    return next(arm for arm in history.arms if name in (arm.name, arm.name.removeprefix("optimizer=")))


def answer_of(history: JudgedHistory, name: str) -> str | None:
    """The answer in the row of an arm."""
    comparison = arm_of(history, name).comparison
    return comparison.answer if comparison else None
