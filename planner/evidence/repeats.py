"""Which run is made twice, and what the second time says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from planner.evidence.run_selection import Catalog, Snapshot
from planner.evidence.values import is_finite
from planner.language.program import Program
from planner.records.repeats import Repeat, RepeatedMetric
from planner.records.runs import PlannedRun, Run

ROUNDING = 1e-5
"""So far, relative to the larger of it and 1, may a run that trained together with others be from one alone:
a metric that is the difference of two has the rounding of both."""
NO_ANSWER = frozenset({"environment", "lost", "killed"})
"""Outcomes of a second time that say nothing of the run: it is made again."""


@dataclass(frozen=True)
class DueRepeat:
    """A run that is to be made a second time.

    Attributes:
        first: as it was made first.
        together: the experiment trains several seeds of it at once, as the first time may have been.
    """

    planned: PlannedRun
    first: Run
    together: bool = False


def due_repeat(program: Program, snapshot: Snapshot, catalog: Catalog) -> DueRepeat | None:
    """The run to be made a second time; None where none is, or it was.

    It is the first that ended well, in the order of the program's phases, their arms and seeds, of those that
    this code made for a program that asks for it: runs of earlier versions and of others are not made again.
    Once for each fidelity.
    """
    done = {(repeat.code_digest, repeat.fidelity) for repeat in snapshot.repeats}
    made = {
        run.fingerprint: run
        for run in snapshot.finished
        if run.probed and run.outcome == "ok" and (run.code_digest, run.fidelity) not in done
    }
    seeds = sorted({run.seed for run in made.values()})
    if not program.probes or not made:
        return None
    for phase, arm, fidelity in _in_order(program, catalog):
        for seed in seeds:
            planned = catalog.planned(phase, arm, fidelity, seed)
            if planned.fingerprint in made:
                together = catalog.described[phase, arm, fidelity].together > 1
                return DueRepeat(planned, made[planned.fingerprint], together)
    return None


def would_be_repeated(program: Program, planned: Sequence[PlannedRun], repeats: Iterable[Repeat]) -> bool:
    """Whether one of these runs would be made a second time, once it has ended well."""
    done = {(repeat.code_digest, repeat.fidelity) for repeat in repeats}
    return program.probes and any((run.code_digest, run.fidelity) not in done for run in planned)


def _in_order(program: Program, catalog: Catalog) -> Iterable[tuple[str, str, str]]:
    """The configurations, in the order in which the program names them."""
    arms = [(phase, arm) for phase, rules in program.phases.items() for arm in rules.arms]
    return sorted(catalog.described, key=lambda one: (arms.index(one[:2]), one[2]))


def metric_differences(
    program: Program, first: Mapping[str, float], again: Mapping[str, float]
) -> dict[str, float]:
    """Metric of the program -> how far the second value is from the first, of those that both have.

    Two values that are no number are equal.
    """
    both = [name for name in program.metrics if name in first and name in again]
    return {name: _difference(first[name], again[name]) for name in both}


def _difference(first: float, again: float) -> float:
    equal = first == again or not (is_finite(first) or is_finite(again))
    return 0.0 if equal else again - first


def repeat_of(program: Program, first: Run, again: Run, together: bool) -> Repeat:
    """What a second time says of a run.

    Args:
        together: the experiment trains several seeds at once, as the first time may have been, and the
            second was alone.
    """
    differences = metric_differences(program, first.metrics, again.metrics)
    compared = {name: d for name, d in differences.items() if not program.metrics[name].machine}
    differing = [
        RepeatedMetric(metric=name, first=_number(first.metrics[name]), again=_number(again.metrics[name]))
        for name, difference in compared.items()
        if difference != 0.0
    ]
    rounding = tuple(one for one in differing if together and _is_rounding(one))
    return Repeat(
        run_id=again.id,
        of=first.id,
        phase=first.phase,
        arm=first.arm,
        seed=first.seed,
        fidelity=first.fidelity or "",
        code_digest=first.code_digest or "",
        outcome=again.outcome,
        reason=again.reason,
        compared=tuple(compared),
        differing=tuple(one for one in differing if one not in rounding),
        rounding=rounding,
    )


def _number(value: float) -> float | None:
    return value if is_finite(value) else None


def _is_rounding(one: RepeatedMetric) -> bool:
    if one.difference is None:
        return False
    return abs(one.difference) <= ROUNDING * max(1.0, abs(one.first or 0.0), abs(one.again or 0.0))


def latest_of_each(repeats: Iterable[Repeat]) -> tuple[Repeat, ...]:
    """One for each code and fidelity: one that came out, before one that did not; of several the first."""
    kept: dict[tuple[str, str], Repeat] = {}
    for repeat in repeats:
        key = repeat.code_digest, repeat.fidelity
        if key not in kept or (repeat.came_out and not kept[key].came_out):
            kept[key] = repeat
    return tuple(kept.values())
