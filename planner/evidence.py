"""From runs to the numbers that criteria judge."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from planner.program import Measured, Program
from planner.records import Run

HUGE = 1e300
"""MLflow's SQLite store gives infinity back as 1.797e308, so a magnitude this large is not finite."""

TroubleKind = Literal["no_runs", "no_metric", "not_finite", "partial"]


@dataclass(frozen=True)
class Evidence:
    """The runs that count for one phase at one fidelity.

    Attributes:
        runs: arm -> seed -> the run that counts.
        failed: arm -> seed -> why it gave no usable evidence.
        declared: arm -> parameters that the program gives it in this phase.
        caveats: what had to be assumed to use these runs.
    """

    phase: str
    fidelity: str
    runs: Mapping[str, Mapping[int, Run]] = field(default_factory=dict)
    failed: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()

    def of(self, arm: str) -> Mapping[int, Run]:
        """The runs of an arm by seed; empty if there are none."""
        return self.runs.get(arm, {})

    @property
    def all_runs(self) -> list[Run]:
        """Every run that counts, by arm and seed."""
        return [run for arm in sorted(self.runs) for _, run in sorted(self.runs[arm].items())]

    def params(self, arm: str, seed: int) -> dict[str, str]:
        """The parameters of a run: declared ones, and over them what the run logged."""
        declared = {k: as_text(v) for k, v in self.declared.get(arm, {}).items()}
        return {**declared, **{k: as_text(v) for k, v in self.of(arm)[seed].params.items()}}


@dataclass(frozen=True)
class Trouble:
    """Why a value cannot be had."""

    kind: TroubleKind
    text: str


@dataclass(frozen=True)
class Sample:
    """One value per seed, the runs that they came from, and what stood in the way."""

    values: Mapping[int, float]
    run_ids: tuple[str, ...]
    troubles: tuple[Trouble, ...] = ()
    caveats: tuple[str, ...] = ()

    def trouble(self, kind: TroubleKind) -> Trouble | None:
        """The first trouble of that kind."""
        return next((t for t in self.troubles if t.kind == kind), None)

    def first(self, seeds: int) -> Sample:
        """The sample cut to its first seeds, in seed order."""
        kept = dict(sorted(self.values.items())[:seeds])
        return Sample(kept, self.run_ids, self.troubles, self.caveats)


def is_finite(value: float) -> bool:
    """Whether a value can be reasoned with: not NaN, not infinite, not MLflow's stand-in for it."""
    return math.isfinite(value) and abs(value) < HUGE


def as_text(value: Any) -> str:
    """A parameter as text, the same for every way in which it may have been logged."""
    if isinstance(value, str):
        text = value.strip()
        if text[:1] in "[{":
            text = text.replace("'", '"')
        try:
            value = json.loads({"True": "true", "False": "false", "None": "null"}.get(text, text))
        except ValueError:
            return text
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int | float):
        return repr(float(value))
    return json.dumps(value, sort_keys=True)


def build_sample(program: Program, evidence: Evidence, arm: str, metric: str, rule: Measured) -> Sample:
    """The values of a metric over an arm's seeds, as a criterion reads them.

    Args:
        rule: says which value of a series counts (``at``, ``since``) and whether a run that ended
            early does.
    """
    runs = evidence.of(arm)
    if not runs:
        why = "; ".join(f"seed {s}: {text}" for s, text in sorted(evidence.failed.get(arm, {}).items()))
        text = f"arm '{arm}' has no usable run" + (f" ({why})" if why else "")
        return Sample({}, (), (Trouble("no_runs", text),))
    values, troubles, caveats = {}, [], []
    for seed, run in sorted(runs.items()):
        if run.partial:
            text = f"partial evidence: run {run.id} ({arm}, seed {seed}) ended early ({run.outcome})"
            if rule.needs_complete:
                troubles.append(Trouble("partial", text))
                continue
            caveats.append(text)
        value = run_value(program, run, metric, rule)
        if value is None:
            troubles.append(Trouble("no_metric", f"metric '{metric}' is missing in run {run.id} ({arm})"))
        elif not is_finite(value):
            what = "NaN" if math.isnan(value) else "infinite"
            troubles.append(Trouble("not_finite", f"metric '{metric}' is {what} in run {run.id} ({arm})"))
        else:
            values[seed] = value
    return Sample(values, tuple(run.id for _, run in sorted(runs.items())), tuple(troubles), tuple(caveats))


def run_value(program: Program, run: Run, metric: str, rule: Measured | None = None) -> float | None:
    """One run's value of a metric, or None where the run does not hold it.

    A derived metric (``share`` of ``of``) is computed from its parts.
    """
    declared = program.metrics.get(metric)
    at = rule.at if rule is not None else None
    if declared is not None and declared.share is not None:
        parts = [_statistic(run, name, at) for name in declared.of]
        own = _statistic(run, declared.share, at)
        if own is None or any(p is None for p in parts):
            return None
        total = math.fsum(p for p in parts if p is not None)
        return own / total if total else math.nan
    value = _statistic(run, metric, at)
    if rule is None or rule.since is None or value is None:
        return value
    base = _statistic(run, metric, rule.since)
    if base is None:
        return None
    if rule.as_ == "ratio":
        return value / base if base else math.nan
    return value - base


def _statistic(run: Run, metric: str, at: int | str | None) -> float | None:
    series = run.series.get(metric)
    final = run.metrics.get(metric, series[-1][1] if series else None)
    if at is None or (series is None and at != "slope" and isinstance(at, str)):
        return final
    if series is None:
        return None
    values = [value for _, value in series]
    if isinstance(at, int):
        return next((value for step, value in series if step == at), None)
    if at in ("first", "last"):
        return values[0] if at == "first" else values[-1]
    if not all(map(is_finite, values)):
        return math.nan
    if at == "mean":
        return math.fsum(values) / len(values)
    if at == "slope":
        return _slope(series)
    return min(values) if at == "min" else max(values)


def _slope(series: Sequence[tuple[int, float]]) -> float | None:
    """The least-squares slope per step; None below two different steps."""
    n = len(series)
    centre = math.fsum(step for step, _ in series) / n
    middle = math.fsum(value for _, value in series) / n
    across = math.fsum((step - centre) ** 2 for step, _ in series)
    if not across:
        return None
    return math.fsum((step - centre) * (value - middle) for step, value in series) / across
