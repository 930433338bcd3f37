"""From runs to the numbers that criteria judge."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from planner.criterion import Measured
from planner.program import Program
from planner.runs import Run, Series

HUGE = 1e300
"""MLflow's SQLite store gives infinity back as 1.797e308, so a magnitude this large is not finite."""

_EXACT = 2**53
"""Up to here a float holds every whole number."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_WORDS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}

TroubleKind = Literal["no_runs", "no_metric", "not_finite", "partial"]


@dataclass(frozen=True)
class Evidence:
    """The runs that count for one phase at one fidelity.

    Attributes:
        runs: arm -> seed -> the run that counts.
        failed: arm -> seed -> why it gave no usable evidence.
        declared: arm -> parameters that the program gives it in this phase.
        caveats: what had to be assumed to use these runs.
        looked_at: arm -> every run that was looked at, whether it counts or not.
        set_aside: ids of runs that do not count because they were judged under other rules before.
        again: arm -> seeds that gave nothing, and will be tried again.
    """

    phase: str
    fidelity: str
    runs: Mapping[str, Mapping[int, Run]] = field(default_factory=dict)
    failed: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    declared: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()
    looked_at: Mapping[str, Sequence[Run]] = field(default_factory=dict)
    set_aside: tuple[str, ...] = ()
    again: Mapping[str, Collection[int]] = field(default_factory=dict)

    def of(self, arm: str) -> Mapping[int, Run]:
        """The runs of an arm by seed; empty if there are none."""
        return self.runs.get(arm, {})

    def failed_for_good(self, arm: str) -> int:
        """How many seeds of an arm gave nothing and are not tried again."""
        return len(set(self.failed.get(arm, {})) - set(self.again.get(arm, ())))

    @property
    def present(self) -> set[str]:
        """The arms that have runs."""
        return {arm for arm, runs in self.runs.items() if runs}

    @property
    def all_runs(self) -> list[Run]:
        """Every run that counts, by arm and seed."""
        return [run for arm in sorted(self.runs) for _, run in sorted(self.runs[arm].items())]

    def without(self, run_ids: Collection[str]) -> Evidence:
        """The evidence with some runs set aside."""
        kept = {
            arm: {seed: run for seed, run in by_seed.items() if run.id not in run_ids}
            for arm, by_seed in self.runs.items()
        }
        aside = tuple(run.id for run in self.all_runs if run.id in run_ids)
        return replace(self, runs=kept, set_aside=aside)

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
    """One value per seed, the runs that they came from, and what stood in the way.

    Attributes:
        last_step: up to where every one of these runs holds the metric; None where it has no steps.
    """

    values: Mapping[int, float]
    run_ids: tuple[str, ...]
    troubles: tuple[Trouble, ...] = ()
    caveats: tuple[str, ...] = ()
    last_step: int | None = None

    def trouble(self, kind: TroubleKind) -> Trouble | None:
        """The first trouble of that kind."""
        return next((t for t in self.troubles if t.kind == kind), None)

    def first(self, seeds: int) -> Sample:
        """The sample cut to its first seeds, in seed order."""
        kept = dict(sorted(self.values.items())[:seeds])
        return replace(self, values=kept)


def is_finite(value: float) -> bool:
    """Whether a value can be reasoned with: not NaN, not infinite, not MLflow's stand-in for it."""
    return math.isfinite(value) and abs(value) < HUGE


def as_text(value: Any) -> str:
    """A parameter as text, the same for every way in which it may have been logged.

    Numbers count by value: ``0.001`` is ``1e-3``, ``5`` is ``5.0``, ``True`` is ``true``, also in lists.
    """
    return _text_as_text(value) if isinstance(value, str) else _value_as_text(value)


@lru_cache(4096)
def _text_as_text(text: str) -> str:
    """The same few texts are compared run by run."""
    return _value_as_text(text)


def _value_as_text(value: Any) -> str:
    try:
        plain = _plain(_parsed(value) if isinstance(value, str) else value)
        return plain if isinstance(plain, str) else json.dumps(plain, sort_keys=True, default=str)
    except RecursionError:  # nested as no parameter is: a text like any other
        return str(value)


def _parsed(text: str) -> Any:
    """What a text says where it is a number, a word for true, false or none, or a list; else the text."""
    text = text.strip()
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        whole = text.lstrip("+-").isdigit()
        return int(text) if whole and len(text) < 1000 else float(text)
    if text[:1] not in ("[", "{", "("):
        return text
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, list | tuple | dict) else text
    return text


def _plain(value: Any) -> Any:
    """The value with each number in its shortest form."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value


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
        if value is not None and is_finite(value):
            values[seed] = value
        else:
            troubles.append(_trouble(value, f"'{metric}'{which_value(rule)}", f"run {run.id} ({arm})"))
    ids = tuple(run.id for _, run in sorted(runs.items()))
    ways = [runs[seed].series.get(metric, ()) for seed in values]
    lasts = [way[-1][0] for way in ways if len(way) > 1]  # a single value is no way, whatever its step
    return Sample(values, ids, tuple(troubles), tuple(caveats), min(lasts, default=None))


def _trouble(value: float | None, what: str, where: str) -> Trouble:
    if value is None:
        return Trouble("no_metric", f"metric {what} is missing in {where}")
    kind = "NaN" if math.isnan(value) else "infinite"
    return Trouble("not_finite", f"metric {what} is {kind} in {where}")


def which_value(rule: Measured) -> str:
    """Which value of a series a criterion reads, in words; empty for the final one."""
    at = "" if rule.at is None else f" at step {rule.at}" if isinstance(rule.at, int) else f" ({rule.at})"
    if rule.since is None:
        return at
    place = "its first" if rule.since == "first" else f"step {rule.since}"
    return f"{at}{' as a ratio to' if rule.as_ == 'ratio' else ', change since'} {place}"


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


def _statistic(series: Series, final: float | None, at: int | str | None) -> float | None:
    if at is None:
        return final
    if isinstance(at, int):
        return next((value for step, value in series if step == at), None)
    if not series:
        return None if at == "slope" else final
    values = [value for _, value in series]
    if at in ("first", "last"):
        return values[0] if at == "first" else values[-1]
    if not all(map(is_finite, values)):
        return math.nan
    if at == "mean":
        return math.fsum(values) / len(values)
    if at == "slope":
        return _slope(series)
    return min(values) if at == "min" else max(values)


def _slope(series: Series) -> float | None:
    """The least-squares slope per step; None below two different steps."""
    n = len(series)
    centre = math.fsum(step for step, _ in series) / n
    middle = math.fsum(value for _, value in series) / n
    across = math.fsum((step - centre) ** 2 for step, _ in series)
    if not across:
        return None
    return math.fsum((step - centre) / across * (value - middle) for step, value in series)
