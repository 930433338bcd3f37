"""Which look a judgement is, and which seeds it rests on, given the looks before it.

A look below the planned number of seeds costs nothing, however many there are. The final look is the first
that reaches it; its bounds stay, and what comes after it is judged at the level kept for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass

from planner.records.look import Look
from planner.statistics.bounds import Stage

PastLooks = Mapping[tuple[str, str], Sequence[Look]]
"""(criterion, comparison) -> its looks, oldest first."""
RunsBySeed = Mapping[int, frozenset[str]]
"""Seed -> the runs at it: of all arms compared seed by seed, or of one arm."""
Seeds = tuple[tuple[int, ...], ...]
"""Seeds, for each group of runs that has seeds of its own: one, or two for arms that are not paired."""


@dataclass(frozen=True)
class View:
    """What a judgement looks at.

    Attributes:
        final_seeds: those of the final look; empty where it was not made, or a run of it was excluded.
        at_final: what the final look recorded, where an earlier judgement made it.
        looked_late: seeds beyond those of the final look are judged too.
    """

    stage: Stage
    final_seeds: Seeds = ()
    at_final: Look | None = None
    looked_late: bool = False


def looks_before(looks: Sequence[Look], groups: Sequence[RunsBySeed]) -> list[Look]:
    """The looks before the first one on the same runs: judged again, evidence gives what it gave.

    Looks on runs none of which is there any more, as after a change of the code, are of other evidence.
    """
    there = runs_of(groups)
    shared = [look for look in looks if there & frozenset(look.run_ids)]
    same = (i for i, look in enumerate(shared) if frozenset(look.run_ids) == there)
    return shared[: next(same, len(shared))]


def build_view(groups: Sequence[RunsBySeed], before: Sequence[Look], planned: int) -> View:
    """Which look this is.

    Args:
        groups: one, or two for arms that are not paired; the smaller says how many seeds there are.
        before: the looks before it.
        planned: seeds at which the final look is.
    """
    made = next((look for look in before if look.stage == "final"), None)
    if made is None and min(map(len, groups)) < planned:
        return View("early")
    if made is None:
        seeds = tuple(_first_arrived(runs, before, planned) for runs in groups)
        return View("final", seeds, looked_late=_count(seeds) < _count(groups))
    then = frozenset(made.run_ids)
    if not then <= runs_of(groups):
        return View("late", looked_late=True)
    groups_then = [{seed: ids for seed, ids in runs.items() if ids <= then} for runs in groups]
    seeds = tuple(_first_arrived(runs, before[: before.index(made)], planned) for runs in groups_then)
    return View("late", seeds, made, looked_late=_count(seeds) < _count(groups))


def _first_arrived(runs: RunsBySeed, before: Sequence[Look], planned: int) -> tuple[int, ...]:
    """All seeds where nobody looked before; else the planned number of those that were there first.

    Whoever has looked may choose the size of the next batch by what was seen; its surplus counts late.
    """
    if not before:
        return tuple(sorted(runs))
    arrived = {
        seed: next((i for i, look in enumerate(before) if ids <= frozenset(look.run_ids)), len(before))
        for seed, ids in runs.items()
    }
    return tuple(sorted(runs, key=lambda seed: (arrived[seed], seed))[:planned])


def runs_of(groups: Sequence[RunsBySeed]) -> frozenset[str]:
    """The ids of all runs."""
    return frozenset(run for runs in groups for ids in runs.values() for run in ids)


def seeds_of(groups: Sequence[RunsBySeed]) -> Seeds:
    """All seeds of each group."""
    return tuple(tuple(runs) for runs in groups)


def _count(groups: Sequence[Sized]) -> int:
    return sum(map(len, groups))
