"""Which runs of a history are evidence, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from planner.evidence.values import is_finite
from planner.history.logged_run import LoggedRun

_ENDED = {"running": "was left running", "failed": "failed", "killed": "was killed"}


@dataclass(frozen=True)
class LeftOut:
    """A run that is no evidence.

    Attributes:
        kind: why, the same words for all runs of a kind.
        why: the same, with what is particular to this run.
    """

    run_id: str
    kind: str
    why: str


def choose(runs: Sequence[LoggedRun], metric: str) -> tuple[list[LoggedRun], list[LeftOut]]:
    """(runs that measured the metric to their end, the others)."""
    parents = {run.parent for run in runs if run.parent}
    kept, left_out = [], []
    for run in runs:
        kind = _why_not(run, metric, run.id in parents)
        if kind:
            left_out.append(LeftOut(run.id, kind, kind))
        else:
            kept.append(run)
    return kept, left_out


def _why_not(run: LoggedRun, metric: str, is_parent: bool) -> str:
    if run.value is None:
        if is_parent:
            return "it is the parent of other runs"
        return f"it has no {metric}" + (f" and {_ENDED[run.status]}" if run.status in _ENDED else "")
    if run.status != "finished":
        return f"it {_ENDED[run.status]}"
    if is_parent:
        return "it is the parent of other runs"
    return "" if is_finite(run.value) else f"its {metric} is not finite"


def one_of_each_seed(
    runs: Sequence[LoggedRun], seeds: Mapping[str, int]
) -> tuple[list[LoggedRun], list[LeftOut]]:
    """Of several runs of one arm and seed, the one that ended last; the order of run ids decides nothing.

    Args:
        runs: of one arm.
        seeds: run id -> seed; runs that say none are all kept.
    """
    latest: dict[int, LoggedRun] = {}
    for run in runs:
        seed = seeds.get(run.id)
        if seed is not None and (seed not in latest or _order(run) > _order(latest[seed])):
            latest[seed] = run
    kept, left_out = [], []
    for run in runs:
        seed = seeds.get(run.id)
        if seed is None or latest[seed] is run:
            kept.append(run)
        else:
            other = latest[seed].id
            left_out.append(
                LeftOut(run.id, "a later run has its seed", f"run {other} of seed {seed} ended later")
            )
    return kept, left_out


def _order(run: LoggedRun) -> tuple[float, float, int]:
    return run.ended or 0.0, run.began or 0.0, run.position
