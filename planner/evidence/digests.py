"""Digests of evidence: what a verdict was judged from, so that a change to a run is noticed and named."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from planner.evidence.evidence import Evidence
from planner.language.criterion import Measured
from planner.language.program import Program
from planner.records.base import digest_of
from planner.records.runs import Run
from planner.records.verdict import Considered


def evidence_digest(program: Program, evidence: Evidence) -> str:
    """A digest of the runs that counted: their ids, arms, seeds and all that they hold."""
    steps = stepped_metrics(program, evidence.phase)
    return digest_of([[run.id, run.arm, run.seed, run_digest(run, steps)] for run in evidence.all_runs])


def run_digest(run: Run, steps: Collection[str] = ()) -> str:
    """A digest of what a run holds: outcome, parameters, values, digests of data and code.

    Args:
        steps: the metrics of which every step counts, not the final value alone.
    """
    curves = [(name, curve) for name, curve in sorted(run.series.items()) if name in steps]
    series = [[name, [[step, repr(value)] for step, value in curve]] for name, curve in curves]
    origin = [run.fidelity, run.data_digest, run.code_digest, run.device]
    return digest_of([run.outcome, origin, sorted(run.params.items()), _metrics_text(run.metrics), series])


def stepped_metrics(program: Program, phase: str) -> frozenset[str]:
    """The metrics of which a phase's criteria read more than the final value."""
    rules = [r for r in program.phases[phase].criteria.values() if isinstance(r, Measured)]
    stepwise = [r for r in rules if r.at is not None or r.since is not None]
    named = [m for r in stepwise for m in (r.metric, getattr(r, "versus_metric", None)) if m]
    return frozenset(program.with_parts(named))


def considered_in(program: Program, evidence: Evidence) -> tuple[Considered, ...]:
    """Every run that was looked at, by arm, with what it held."""
    steps = stepped_metrics(program, evidence.phase)
    return tuple(
        Considered(
            arm=arm,
            run_ids=tuple(run.id for run in runs),
            digests=tuple(run_digest(run, steps) for run in runs),
        )
        for arm, runs in sorted(evidence.looked_at.items())
        if runs
    )


def _metrics_text(metrics: Mapping[str, float]) -> list[list[str]]:
    return [[name, repr(value)] for name, value in sorted(metrics.items())]
