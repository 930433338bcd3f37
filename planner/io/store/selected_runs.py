"""Runs of others: which seed each is where a program maps them to arms, and which are no evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from planner.criteria.judge import required_by_gate
from planner.history.logged_run import LoggedRun
from planner.history.seeds import read_seeds
from planner.io.mlflow import tags
from planner.io.mlflow.run_reader import whole_number
from planner.language.criterion import Combined
from planner.language.program import Program
from planner.language.readings import columns_read
from planner.records.runs import Run, UnfinishedRun


class SelectedRun(NamedTuple):
    """A run of others that a program maps to an arm, as MLflow holds it.

    Attributes:
        seed_from: the parameter that its seed was read from; empty where its tag or nothing said it.
    """

    raw: Any
    seed: int
    seed_from: str = ""


def selected_runs(by_arm: Mapping[str, Sequence[Any]]) -> dict[str, list[SelectedRun]]:
    """Arm -> its runs with their seeds, without those that are parents of others.

    A seed is the tag ``planner.seed``, or the parameter whose name says it. A run that says none gets a
    number below 0 that no other run of the phase has: it takes nobody's place, and pairs with nobody.
    """
    every = [raw for runs in by_arm.values() for raw in runs]
    parents = {raw.data.tags.get(tags.PARENT) for raw in every}
    seeds = read_seeds([_as_logged(raw) for raw in every], None)
    numbered = {raw.info.run_id: -1 - i for i, raw in enumerate(every)}

    def with_seed(raw: Any) -> SelectedRun:
        seed = seeds.of_run.get(raw.info.run_id)
        if seed is None:
            return SelectedRun(raw, numbered[raw.info.run_id])
        is_tagged = whole_number(raw.data.tags.get(tags.SEED, "")) is not None
        return SelectedRun(raw, seed, "" if is_tagged else seeds.param or "")

    return {
        arm: [with_seed(raw) for raw in runs if raw.info.run_id not in parents]
        for arm, runs in by_arm.items()
    }


def _as_logged(raw: Any) -> LoggedRun:
    seed = whole_number(raw.data.tags.get(tags.SEED, ""))
    return LoggedRun(str(raw.info.run_id), params=raw.data.params, seed=seed)


def left_running(unfinished: UnfinishedRun) -> Run:
    """A run of others that never ended: it is no evidence, and is named."""
    return Run(
        id=unfinished.id,
        phase=unfinished.phase,
        arm=unfinished.arm,
        seed=unfinished.seed,
        outcome="lost",
        reason="it is still RUNNING in MLflow",
    )


def measured(program: Program, run: Run) -> Run:
    """A finished run of others; without a metric that its gate requires it is no evidence, and is named."""
    if run.own or run.outcome != "ok" or run.phase not in program.phases:
        return run
    absent = [name for name in _required(program, run) if name not in run.metrics]
    if not absent:
        return run
    return run.model_copy(update={"outcome": "lost", "reason": f"it has no {', '.join(absent)}"})


def _required(program: Program, run: Run) -> list[str]:
    """The metrics that a gate reads of a run's arm."""
    criteria = program.phases[run.phase].criteria
    rules = [criteria[name] for name in sorted(required_by_gate(program, run.phase)) if name in criteria]
    read = {
        metric
        for rule in rules
        if not isinstance(rule, Combined) and run.arm in rule.arms_read
        for metric, _ in columns_read(program, rule)
    }
    return sorted(
        program.with_parts(read) - {name for name in read if program.metrics[name].share is not None}
    )
