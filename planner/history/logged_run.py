"""Runs as somebody's store holds them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

_OF_MLFLOW = re.compile(r"[0-9a-f]{32}")
Status = Literal["finished", "running", "failed", "killed"]


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """One run, with the value of the one metric that is judged.

    Attributes:
        value: of the metric, at the step that was asked for; None where it was not logged there.
        step: at which it was logged; None where the store knows no steps.
        seed: as the tag ``planner.seed`` says; seeds in parameters are read later.
        began, ended: seconds since 1970.
        parent: the run that this one is a child of.
        data: digest of its dataset.
        position: its place in the store's own order, which breaks ties.
    """

    id: str
    status: Status = "finished"
    params: Mapping[str, str] = field(default_factory=dict)
    value: float | None = None
    step: int | None = None
    seed: int | None = None
    began: float | None = None
    ended: float | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    experiment: str = ""
    parent: str | None = None
    data: str | None = None
    position: int = 0


def run_id_in(store: str, run_id: str) -> str:
    """What a run of a store is called where runs of several meet: MLflow's ids are alone in the world.

    A run of another store has its number there, after the store's name.
    """
    return run_id if _OF_MLFLOW.fullmatch(run_id) else f"{PurePath(store).name}#{run_id}"


@dataclass(frozen=True)
class History:
    """What a store holds of one metric.

    Attributes:
        store: its name, as people know it.
        metrics: every metric that some run logged; for who misspelt one.
        remarks: what is to be said of how the store was read.
    """

    store: str
    runs: Sequence[LoggedRun]
    metrics: Sequence[str] = ()
    remarks: Sequence[str] = ()
