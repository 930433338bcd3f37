"""Runs that were made a second time, as MLflow holds them: of the kind ``probe``, which is no evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.recording import read_metrics

from planner.evidence.metric_names import under_own_names
from planner.evidence.repeats import NO_ANSWER, latest_of_each, metric_differences, repeat_of
from planner.io.mlflow import tags
from planner.io.mlflow.run_reader import attempt_of, read_run, whole_number
from planner.language.program import Program
from planner.records.jobs import Ended
from planner.records.repeats import Repeat
from planner.records.runs import MEASURED, Run

KIND = "probe"
DIFFERENCE = "repeat_difference/"
"""Before the name of a metric: how far the second value is from the first."""


def read_repeats(program: Program, stored: Sequence[Any]) -> tuple[Repeat, ...]:
    """What came of making runs twice, one for each code and fidelity.

    Args:
        stored: the runs of the program's experiment, in order of their start.
    """
    by_id = {str(raw.info.run_id): raw for raw in stored}
    repeats = [
        _read(program, by_id[raw.data.tags[tags.REPEATS]], raw)
        for raw in stored
        if is_answered(raw.data.tags) and raw.data.tags.get(tags.REPEATS) in by_id
    ]
    return latest_of_each(repeat for repeat in repeats if repeat is not None)


def is_answered(run_tags: Any) -> bool:
    """Whether a run is of this kind and came to an end of its own."""
    outcome = run_tags.get(tags.OUTCOME)
    settled = outcome is not None and outcome not in NO_ANSWER and attempt_of(run_tags) > 0
    return run_tags.get(tags.KIND) == KIND and settled


def _read(program: Program, first: Any, again: Any) -> Repeat | None:
    run_tags = first.data.tags
    seed = whole_number(run_tags.get(tags.SEED, ""))
    if seed is None or run_tags.get(tags.PROGRAM) != program.program:
        return None
    phase, arm = run_tags.get(tags.PHASE, ""), run_tags.get(tags.ARM, "")
    runs = [read_run(raw, phase, arm, seed, frozenset(), lambda _: ()) for raw in (first, again)]
    one, other = (under_own_names(program, run) if isinstance(run, Run) else None for run in runs)
    if one is None or other is None:
        return None
    return repeat_of(program, one, other, (whole_number(again.data.tags.get(tags.TOGETHER, "")) or 1) > 1)


def second_run(
    program: Program,
    first: Run,
    run_id: str,
    folder: Path,
    ended: Ended,
    logged: Mapping[str, float] | None = None,
) -> Run:
    """A second time as it lies in its folder.

    Args:
        logged: what it logged by itself.
    """
    last: dict[str, tuple[int, float]] = {}
    for name, step, value in read_metrics(folder):
        if (step or 0) >= last.get(name, (0, 0.0))[0]:
            last[name] = step or 0, value
    metrics = {**(logged or {}), **{name: value for name, (_, value) in last.items()}}
    update = {"id": run_id, "outcome": ended.outcome, "reason": ended.cause, "metrics": metrics}
    return under_own_names(program, first.model_copy(update=update))


def differences_to_log(program: Program, first: Run, again: Run) -> dict[str, float]:
    """The noise of repetition, as metrics of the second run; none where it measured nothing."""
    measured = again.outcome in MEASURED
    differences = metric_differences(program, first.metrics, again.metrics) if measured else {}
    return {DIFFERENCE + name: difference for name, difference in differences.items()}


def note(first: Run) -> str:
    """What a person who browses reads on the run's page."""
    return (
        f"Repeat probe: makes run `{first.id}` a second time, to see whether it gives the same numbers. "
        "It is no evidence and no part of the budget.\n"
    )
