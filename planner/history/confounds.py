"""What else compared arms differ in, besides what tells arms apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.evidence.values import as_text
from planner.history.arms import Arm, is_of_the_run
from planner.history.logged_run import LoggedRun
from planner.history.seeds import is_seed_name

DATASET = "dataset"


@dataclass(frozen=True)
class Confound:
    """A setting in which an arm differs from the baseline, the same in all runs of each."""

    param: str
    here: str
    there: str


Settings = Mapping[str, str | None]
"""Setting -> its value; None where the runs of one arm differ in it."""


def settings_of(arm: Arm, seed_param: str | None) -> Settings:
    """What the runs of an arm have in common, but what tells arms apart, seeds and names of runs."""
    held: dict[str, str | None] = {}
    for run in arm.runs:
        for name, value in _of_run(run).items():
            text = as_text(value)
            held[name] = text if held.setdefault(name, text) == text else None
    apart = {name.removeprefix("params.") for name in arm.params}
    return {
        name: value if _all_have(arm.runs, name) else None
        for name, value in held.items()
        if name not in apart and name != seed_param and not is_seed_name(name) and not is_of_the_run(name)
    }


def _of_run(run: LoggedRun) -> Mapping[str, str]:
    return {**run.params, DATASET: run.data} if run.data else run.params


def _all_have(runs: Sequence[LoggedRun], name: str) -> bool:
    return name == DATASET or all(name in run.params for run in runs)


def confounds(here: Settings, there: Settings) -> list[Confound]:
    """Where two arms differ: a setting that varies within one of them cannot be what makes them differ."""
    differing = []
    for name in sorted(here.keys() | there.keys()):
        if name == DATASET and not (name in here and name in there):
            continue  # that nobody logged it is said once
        ours, theirs = here.get(name, ""), there.get(name, "")
        if ours is not None and theirs is not None and ours != theirs:
            differing.append(Confound(name, ours or "not set", theirs or "not set"))
    return differing
