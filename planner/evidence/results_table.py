"""The tables of a memo: what the runs of a phase measured, by arm, and under which parameters."""

from __future__ import annotations

from collections.abc import Sequence

from planner.evidence.evidence import Evidence
from planner.evidence.sample import run_value
from planner.evidence.values import NOT_PARAMETERS, as_text, is_finite
from planner.language.criterion import Combined, Measured
from planner.language.program import Program
from planner.language.readings import columns_read, phase_metrics, which_value
from planner.records.verdict import ArmParams, Estimate, TableRow
from planner.statistics import intervals


def build_table(program: Program, phase: str, evidence: Evidence) -> list[TableRow]:
    """Mean and interval of every metric of the program that the runs hold, by arm.

    Intervals are at the level of the program's whole ``false_pass``: they tell, they do not decide.

    Those that the phase's criteria use come first. What a figure draws as a curve has no place here
    unless a criterion uses it.
    """
    used = phase_metrics(program, phase)
    drawn = _drawn_as_curves(program, evidence)
    metrics = [*used, *(m for m in program.metrics if m not in used and m not in drawn)]
    arms = program.phases[phase].arms
    rows = (_row(program, evidence, arm, metric) for arm in arms for metric in metrics)
    return [row for row in rows if row is not None]


def build_readings(program: Program, phase: str, evidence: Evidence) -> list[TableRow]:
    """Mean and interval of what criteria read besides final values: values at steps, changes since one."""
    rows: dict[tuple[str, str, str], TableRow | None] = {}
    rules = [r for r in program.phases[phase].criteria.values() if not isinstance(r, Combined)]
    for rule in rules:
        for metric, reads in columns_read(program, rule):
            for arm in rule.arms_read if reads else ():
                row = _row(program, evidence, arm, metric, rule)
                rows.setdefault((arm, metric, reads), row)
    return [row for row in rows.values() if row is not None]


def build_params(program: Program, phase: str, evidence: Evidence) -> list[ArmParams]:
    """What the runs logged of the parameters that are declared for their arm or differ between arms."""
    logged = {arm: _logged(evidence, arm) for arm in program.phases[phase].arms if evidence.of(arm)}
    every = {name for values in logged.values() for name in values}
    differing = {n for n in every if len({values.get(n) for values in logged.values()}) > 1}
    return [
        ArmParams(
            arm=arm,
            logged={n: v for n, v in values.items() if n in differing or n in program.params(phase, arm)},
        )
        for arm, values in logged.items()
    ]


def _logged(evidence: Evidence, arm: str) -> dict[str, tuple[str, ...]]:
    values_of: dict[str, dict[str, None]] = {}
    for _, run in sorted(evidence.of(arm).items()):
        for name, value in sorted(run.params.items()):
            if name not in NOT_PARAMETERS:
                values_of.setdefault(name, {})[as_text(value)] = None
    return {name: tuple(values) for name, values in values_of.items()}


def _drawn_as_curves(program: Program, evidence: Evidence) -> set[str]:
    """The metrics that a figure shows step by step and none by arm, where the runs hold such series."""
    series = {name for run in evidence.all_runs for name in run.series}
    figures = program.figures.values()
    curves = {m for f in figures if f.against in series for m in (f.against, *f.shows) if m}
    return curves - {m for f in figures if f.against is None for m in f.shows}


def _row(
    program: Program,
    evidence: Evidence,
    arm: str,
    metric: str,
    rule: Measured | None = None,
) -> TableRow | None:
    """One cell of a table; None where no run of the arm holds a finite value."""
    by_seed = {
        seed: value
        for seed, run in sorted(evidence.of(arm).items())
        if (value := run_value(program, run, metric, rule)) is not None and is_finite(value)
    }
    if not by_seed:
        return None
    ratio = rule is not None and rule.since is not None and rule.as_ == "ratio"
    return TableRow(
        arm=arm,
        metric=metric,
        unit="ratio" if ratio else program.metrics[metric].unit,
        reads=which_value(rule).strip() if rule is not None else "",
        estimate=_estimate(evidence, arm, by_seed, 1 - program.budget.false_pass),
    )


def _estimate(evidence: Evidence, arm: str, by_seed: dict[int, float], level: float) -> Estimate:
    values: Sequence[float] = list(by_seed.values())
    return Estimate(
        value=intervals.mean(values),
        interval=intervals.t_interval(values, level),
        n=len(by_seed),
        values=tuple(by_seed.items()),
        run_ids=tuple(evidence.of(arm)[seed].id for seed in by_seed),
    )
