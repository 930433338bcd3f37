"""Which runs of a history are evidence, and why the others are not."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from planner.evidence.values import as_text, is_finite
from planner.history.arms import is_of_the_run
from planner.history.logged_run import LoggedRun
from planner.history.seeds import is_seed_name

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


def choose(
    runs: Sequence[LoggedRun], metric: str, parents: Collection[str]
) -> tuple[list[LoggedRun], list[LeftOut]]:
    """(runs that measured the metric to their end, the others).

    Args:
        parents: ids of runs that others name as theirs.
    """
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


def settings_within_seeds(runs: Sequence[LoggedRun], seeds: Mapping[str, int]) -> list[str]:
    """The settings in which runs of one arm and one seed differ: such runs repeat nothing."""
    values: dict[tuple[int, str], set[str]] = {}
    for run in runs:
        if run.id in seeds:
            for name, value in run.params.items():
                if not is_seed_name(name) and not is_of_the_run(name):
                    values.setdefault((seeds[run.id], name), set()).add(as_text(value))
    return list(dict.fromkeys(name for (_, name), held in values.items() if len(held) > 1))


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
