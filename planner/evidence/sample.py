"""One value per seed, as a criterion reads a run's metric, and what stood in the way."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from planner.evidence.evidence import Evidence
from planner.evidence.failures import grouped_failures
from planner.evidence.values import is_finite
from planner.language.criterion import Measured
from planner.language.program import Program
from planner.language.readings import which_value
from planner.records.runs import Run, Series

MissingKind = Literal["no_runs", "no_metric", "not_finite", "partial"]


@dataclass(frozen=True)
class MissingValue:
    """Why a value cannot be had."""

    kind: MissingKind
    text: str


@dataclass(frozen=True)
class Sample:
    """One value per seed, the runs that they came from, and what stood in the way.

    Attributes:
        last_step: up to where every one of these runs holds the metric; None where it has no steps.
    """

    values: Mapping[int, float]
    run_ids: tuple[str, ...]
    troubles: tuple[MissingValue, ...] = ()
    caveats: tuple[str, ...] = ()
    last_step: int | None = None

    def trouble(self, kind: MissingKind) -> MissingValue | None:
        """The first trouble of that kind."""
        return next((t for t in self.troubles if t.kind == kind), None)

    def first(self, seeds: int) -> Sample:
        """The sample cut to its first seeds, in seed order."""
        kept = dict(sorted(self.values.items())[:seeds])
        return replace(self, values=kept)


def build_sample(program: Program, evidence: Evidence, arm: str, metric: str, rule: Measured) -> Sample:
    """The values of a metric over an arm's seeds, as a criterion reads them.

    Args:
        rule: says which value of a series counts (``at``, ``since``) and whether a run that ended
            early does.
    """
    runs = evidence.of(arm)
    if not runs:
        failed = grouped_failures((arm, run) for run in evidence.failed.get(arm, {}).values())
        why = "; ".join(failure.text for failure in failed)
        text = f"arm '{arm}' has no usable run" + (f" ({why})" if why else "")
        return Sample({}, (), (MissingValue("no_runs", text),))
    values, troubles, caveats = {}, [], []
    for seed, run in sorted(runs.items()):
        if run.partial:
            text = f"partial evidence: run {run.id} ({arm}, seed {seed}) ended early ({run.outcome})"
            if rule.needs_complete:
                troubles.append(MissingValue("partial", text))
                continue
            caveats.append(text)
        value = run_value(program, run, metric, rule)
        if value is not None and is_finite(value):
            values[seed] = value
        else:
            troubles.append(_trouble(value, f"'{metric}'{which_value(rule)}", f"run {run.id} ({arm})"))
    ids = tuple(run.id for _, run in sorted(runs.items()))
    curves = [runs[seed].series.get(metric, ()) for seed in values]
    lasts = [
        curve[-1][0] for curve in curves if len(curve) > 1
    ]  # a single value is no curve, whatever its step
    return Sample(values, ids, tuple(troubles), tuple(caveats), min(lasts, default=None))


def logarithms(sample: Sample, arm: str, metric: str) -> Sample:
    """The sample of a metric's logarithms; values that are not positive have none."""
    values = {seed: math.log(value) for seed, value in sample.values.items() if value > 0}
    lost = [(seed, value) for seed, value in sample.values.items() if value <= 0]
    texts = [f"metric '{metric}' of {arm} is {value:g} at seed {seed}: no logarithm" for seed, value in lost]
    troubles = tuple(MissingValue("not_finite", text) for text in texts)
    return replace(sample, values=values, troubles=sample.troubles + troubles)


def _trouble(value: float | None, what: str, where: str) -> MissingValue:
    if value is None:
        return MissingValue("no_metric", f"metric {what} is missing in {where}")
    kind = "NaN" if math.isnan(value) else "infinite"
    return MissingValue("not_finite", f"metric {what} is {kind} in {where}")


def run_value(program: Program, run: Run, metric: str, rule: Measured | None = None) -> float | None:
    """One run's value of a metric, or None where the run does not hold it.

    A derived metric (``share`` of ``of``) is computed from its parts, step by step. ``since`` needs two
    steps: a value compared with itself would show a change of nothing where nothing was measured.
    """
    series, final = _history(program, run, metric)
    value = _statistic(series, final, rule.at if rule is not None else None)
    if rule is None or rule.since is None or value is None:
        return value
    base = _statistic(series, final, rule.since) if len(series) > 1 else None
    if base is None:
        return None
    if rule.as_ == "ratio":
        return value / base if base else math.nan
    return value - base


def _history(program: Program, run: Run, metric: str) -> tuple[Series, float | None]:
    """(values by step, final value) of a metric."""
    declared = program.metrics.get(metric)
    if declared is None or declared.share is None:
        series = run.series.get(metric, ())
        return series, run.metrics.get(metric, series[-1][1] if series else None)
    parts = {name: _history(program, run, name) for name in declared.of}
    of_step = {name: dict(series) for name, (series, _) in parts.items()}
    steps = sorted(set.intersection(*(set(values) for values in of_step.values())))
    shares = [(s, _share(declared.share, {n: v[s] for n, v in of_step.items()})) for s in steps]
    finals = {name: final for name, (_, final) in parts.items() if final is not None}
    return tuple(shares), _share(declared.share, finals) if len(finals) == len(parts) else None


def _share(name: str, parts: Mapping[str, float]) -> float:
    if name not in parts or not all(map(is_finite, parts.values())):
        return math.nan
    total = math.fsum(parts.values())
    return parts[name] / total if total else math.nan


def _statistic(series: Series, final: float | None, statistic: int | str | None) -> float | None:
    if statistic is None:
        return final
    if isinstance(statistic, int):
        return next((value for step, value in series if step == statistic), None)
    if not series:
        return None if statistic == "slope" else final
    values = [value for _, value in series]
    if statistic in ("first", "last"):
        return values[0] if statistic == "first" else values[-1]
    if not all(map(is_finite, values)):
        return math.nan
    if statistic == "mean":
        return math.fsum(values) / len(values)
    if statistic == "slope":
        return _slope(series)
    return min(values) if statistic == "min" else max(values)


def _slope(series: Series) -> float | None:
    """The least-squares slope per step; None below two different steps."""
    n = len(series)
    centre = math.fsum(step for step, _ in series) / n
    middle = math.fsum(value for _, value in series) / n
    across = math.fsum((step - centre) ** 2 for step, _ in series)
    if not across:
        return None
    return math.fsum((step - centre) / across * (value - middle) for step, value in series)
