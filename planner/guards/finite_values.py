"""Whether everything that a phase's criteria read is a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from planner.evidence.evidence import Evidence
from planner.evidence.sample import run_value
from planner.evidence.values import is_finite
from planner.language.criterion import Criterion, Measured
from planner.language.criterion_graph import basics_under
from planner.language.program import Program
from planner.language.readings import columns_read, phase_metrics, which_value
from planner.records.runs import Run
from planner.records.verdict import CriterionResult, GuardResult

FINITE = "finite"

Bad = dict[tuple[str, str], list[Run]]
"""(metric, what is wrong with it in words) -> the runs in which it is no number."""


class Reading(NamedTuple):
    """A value that the phase's criteria read of a run.

    Attributes:
        reads: which value of the metric, in words.
        rule: the criterion that reads it so; None for the final value.
    """

    metric: str
    reads: str
    rule: Measured | None


class FiniteValues:
    """Whether every value that a phase's criteria read, or may read, is a number.

    Runs are looked through once, and again only those of an arm that is moved.

    Args:
        evidence: as it is, nothing moved.
    """

    def __init__(self, program: Program, phase: str, evidence: Evidence) -> None:
        self._program = program
        self._rules = program.phases[phase]
        self._readings = _readings(program, phase)
        self._of_gate = _gate_metrics(program, phase)
        self._evidence = evidence
        self._bad = {arm: self._bad_of(runs) for arm, runs in evidence.runs.items()}
        self._recovered = [text for run in evidence.all_runs for text in self._recoveries(run)]

    def judge(self, evidence: Evidence, result_of: Callable[[str], CriterionResult]) -> list[GuardResult]:
        """Names every value of a counted run that a criterion reads, or may read, and that is not finite.

        It speaks for the criteria that have no answer because of that, so that each value is told once. A
        gate that requires one of them is invalid, whatever follows from this guard. Where a metric of the
        gate was no number at a step before the last, and is one again, that is a caveat and no more.
        """
        if not any(evidence.runs.values()):
            return []
        bad = self._bad_in(evidence)
        unanswered = tuple(
            name
            for name, rule in self._rules.criteria.items()
            if bad and (result := result_of(name)).cause == "not_finite" and self._reads(rule, result, bad)
        )
        texts = [f"{what} in {_listed(runs)}" for (_, what), runs in bad.items()]
        reason = "; ".join([*texts, *self._recovered])
        if unanswered:
            reason += f"; without an answer: {', '.join(unanswered)}"
        return [
            GuardResult(
                id=FINITE,
                outcome="not_met" if reason else "met",
                consequence=self._rules.guards.get(FINITE, "caveat") if bad else "caveat",
                observed=float(sum(map(len, bad.values())) + len(self._recovered)),
                reason=reason or "every value that criteria read is finite",
                criteria=unanswered,
            )
        ]

    def _bad_in(self, evidence: Evidence) -> Bad:
        """Final values first, then what criteria read of a series."""
        bad: Bad = {}
        for arm, runs in sorted(evidence.runs.items()):
            moved = runs is not self._evidence.runs.get(arm)
            for reading, run in self._bad_of(runs) if moved else self._bad[arm]:
                bad.setdefault(reading, []).append(run)
        return bad

    def _bad_of(self, runs: Mapping[int, Run]) -> list[tuple[tuple[str, str], Run]]:
        return [(bad, run) for _, run in sorted(runs.items()) for bad in self._not_finite(run)]

    def _not_finite(self, run: Run) -> Iterator[tuple[str, str]]:
        """(metric, what is wrong with it in words); nothing of a share whose parts are to blame."""
        named: set[str] = set()
        for metric, reads, rule in self._readings:
            value = run_value(self._program, run, metric, rule)
            if value is None or is_finite(value):
                continue
            if metric not in named and not named.intersection(self._program.metrics[metric].of):
                named.add(metric)
                yield metric, f"{metric}{reads} is {'NaN' if math.isnan(value) else 'infinite'}"

    def _recoveries(self, run: Run) -> Iterator[str]:
        """What is to be said of each metric of the gate that was no number at an earlier step."""
        for metric in self._of_gate if run.outcome != "ok" or not run.own else ():
            wrong = [(step, value) for step, value in run.series.get(metric, ()) if not is_finite(value)]
            final = run_value(self._program, run, metric) if wrong else None
            if final is not None and is_finite(final):
                step, value = wrong[0]
                more = f" and {len(wrong) - 1} later ones" if len(wrong) > 1 else ""
                kind = "NaN" if math.isnan(value) else "infinite"
                yield f"{metric} was {kind} at step {step}{more}, and is a number again, in {_listed([run])}"

    def _reads(self, rule: Criterion, result: CriterionResult, bad: Bad) -> bool:
        """Whether a measured criterion reads one of these values; a combined one reads none itself."""
        metrics = self._program.with_parts(metric for metric, _ in columns_read(self._program, rule))
        runs = {run.id for (metric, _), affected in bad.items() if metric in metrics for run in affected}
        return bool(runs & set(result.run_ids))


def _gate_metrics(program: Program, phase: str) -> list[str]:
    """The metrics that the gate's criteria of this phase read, with those that shares are made of."""
    rules = program.phases[phase]
    gate = [rules.criteria[name] for of, name in basics_under(program, phase, rules.gate) if of == phase]
    return sorted(program.with_parts(metric for rule in gate for metric, _ in columns_read(program, rule)))


def _readings(program: Program, phase: str) -> list[Reading]:
    """What the phase's criteria read of a run: final values, a share after its parts; then of its series."""
    used = sorted(phase_metrics(program, phase), key=lambda metric: bool(program.metrics[metric].of))
    rules = [rule for rule in program.phases[phase].criteria.values() if isinstance(rule, Measured)]
    of_series = [(m, rule) for rule in rules for m, reads in columns_read(program, rule) if reads]
    return [
        *(Reading(m, "", None) for m in used),
        *(Reading(m, which_value(rule), rule) for m, rule in of_series),
    ]


def _listed(runs: list[Run]) -> str:
    return ", ".join(f"run {run.id} ({run.arm}, seed {run.seed})" for run in runs)
