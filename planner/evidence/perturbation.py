"""Runs with a metric moved: what they would hold if an arm had measured something else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from planner.evidence.evidence import Evidence
from planner.evidence.sample import run_value
from planner.evidence.values import is_finite
from planner.language.criterion import Measured
from planner.language.program import Program
from planner.records.runs import Run

_CLOSE = 1e-9


def moved_arm(evidence: Evidence, arm: str, move: Callable[[int, Run], Run]) -> Evidence:
    """The evidence with every run of an arm that counts replaced.

    Args:
        move: (seed, run) -> the run in its place.
    """
    runs = {seed: move(seed, run) for seed, run in evidence.of(arm).items()}
    return replace(evidence, runs={**evidence.runs, arm: runs})


def shifted(run: Run, metric: str, by: float, weight: Callable[[int], float] = lambda _: 1.0) -> Run:
    """The run with every value of a metric moved, its final one too.

    Args:
        by: how far, in the metric's unit.
        weight: step -> how much of that the value at it moves; the final value moves as the last step does.
    """
    series = run.series.get(metric, ())
    curve = tuple((step, value + by * weight(step)) for step, value in series)
    last = weight(series[-1][0]) if series else 1.0
    final = {metric: run.metrics[metric] + by * last} if metric in run.metrics else {}
    return run.model_copy(
        update={
            "metrics": {**run.metrics, **final},
            "series": {**run.series, metric: curve} if series else run.series,
        }
    )


class MovableReadings:
    """What a criterion reads of an arm's runs, ready to be moved as often as is asked.

    Args:
        rule: says which value of a series is read.
    """

    def __init__(self, program: Program, evidence: Evidence, arm: str, metric: str, rule: Measured) -> None:
        self._evidence = evidence
        self._arm = arm
        runs = evidence.of(arm).items()
        self._readings = {seed: _Reading(program, run, metric, rule) for seed, run in runs}

    def moved(self, wanted: Mapping[int, float]) -> Evidence | None:
        """The evidence with an arm's runs moved so that a criterion reads these values of them.

        Args:
            wanted: seed -> value; other seeds stay as they are.

        Returns:
            None where no move of that metric gives such a reading.
        """
        moved: dict[int, Run] = {}
        for seed, value in wanted.items():
            run = self._readings[seed].moved_to(value)
            if run is None:
                return None
            moved[seed] = run
        return moved_arm(self._evidence, self._arm, lambda seed, run: moved.get(seed, run))


def moved_metric(program: Program, metric: str) -> str:
    """The metric whose values are moved for another's: of a derived share, the one whose share it is."""
    return program.metrics[metric].share or metric


@dataclass(frozen=True)
class _Reading:
    """One run's value of a metric as a criterion reads it, and what moving the run makes of it."""

    program: Program
    run: Run
    metric: str
    rule: Measured

    @cached_property
    def _now(self) -> float | None:
        return run_value(self.program, self.run, self.metric, self.rule)

    @cached_property
    def _base(self) -> str:
        return moved_metric(self.program, self.metric)

    @cached_property
    def _gain(self) -> float:
        """How far the reading moves where the run moves by one unit; 0 where it does not."""
        now = self._now or 0.0
        unit = max(abs(now), 1.0)
        nudged = run_value(
            self.program, _tilted(self.run, self._base, self.rule, unit), self.metric, self.rule
        )
        return 0.0 if nudged is None else (nudged - now) / unit

    @cached_property
    def _part(self) -> float | None:
        """Of a share, the part whose share it is."""
        part = self.program.metrics[self.metric].share or self.metric
        return run_value(self.program, self.run, part, self.rule)

    def moved_to(self, wanted: float) -> Run | None:
        """The run of which that value is read; None where moving the metric does not get there."""
        now = self._now
        if now is None or not is_finite(now) or not is_finite(wanted):
            return None
        by = self._shift_to(now, wanted)
        if by is None:
            return None
        moved = _tilted(self.run, self._base, self.rule, by)
        reading = run_value(self.program, moved, self.metric, self.rule)
        tolerance = _CLOSE * max(abs(now), 1e-300)
        close = reading is not None and math.isclose(reading, wanted, rel_tol=_CLOSE, abs_tol=tolerance)
        return moved if close else None

    def _shift_to(self, now: float, wanted: float) -> float | None:
        """How far the run has to move; of a share p = part / (part + rest), its part."""
        if self._base == self.metric:
            return (wanted - now) / self._gain if self._gain else None
        part = self._part
        if part is None or not 0 < now < 1 or not 0 < wanted < 1:
            return None
        rest = part * (1 - now) / now
        return wanted * rest / (1 - wanted) - part


def _tilted(run: Run, metric: str, rule: Measured, by: float) -> Run:
    """The run moved so that what a criterion reads of it moves: as a whole, or from the step asked about."""
    series = run.series.get(metric, ())
    if rule.since is not None and series:
        base = series[0][0] if rule.since == "first" else rule.since
        return shifted(run, metric, by, lambda step: 0.0 if step == base else 1.0)
    if rule.at == "slope" and series:
        first = series[0][0]
        return shifted(run, metric, by, lambda step: float(step - first))
    return shifted(run, metric, by)
