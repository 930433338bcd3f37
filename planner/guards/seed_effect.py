"""Whether the seed makes a difference where it should, and none where the program states so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from planner.criteria.judge import required_by_gate
from planner.evidence.evidence import Evidence
from planner.evidence.sample import run_value
from planner.evidence.values import is_finite
from planner.language.criterion import Comparison, Measured
from planner.language.program import Program
from planner.language.readings import phase_metrics, which_value
from planner.records.verdict import GuardResult
from planner.statistics import intervals
from planner.text.numbers import number

SEEDS_MATTER = "seeds_matter"
DETERMINISTIC = "deterministic"


class _Reading(NamedTuple):
    """What a criterion reads of an arm: seed -> value, as far as values are there and finite."""

    metric: str
    reads: str
    arm: str
    values: Mapping[int, float]

    @property
    def varies(self) -> bool:
        return len(self.values) > 1 and intervals.varies(list(self.values.values()))


def judge_seed_effect(program: Program, phase: str, evidence: Evidence) -> list[GuardResult]:
    """A result where the seed has no effect on what the gate reads, and one for what is stated to be so."""
    return [*_seeds_matter(program, phase, evidence), *_deterministic(program, phase, evidence)]


# --- the seed should matter --------------------------------------------------------------------


def _seeds_matter(program: Program, phase: str, evidence: Evidence) -> Iterator[GuardResult]:
    """A result where each arm that the gate looks at has one value of each metric at all its seeds."""
    required = required_by_gate(program, phase)
    read = {
        name: _read(program, evidence, rule) for name, rule in _measured(program, phase) if name in required
    }
    readings = [reading for of_criterion in read.values() for reading in of_criterion]
    if not readings or any(len(one.values) < 2 or one.varies for one in readings):
        return
    yield GuardResult(
        id=SEEDS_MATTER,
        outcome="not_met",
        consequence=program.phases[phase].guards.get(SEEDS_MATTER, "caveat"),
        observed=float(min(len(one.values) for one in readings)),
        reason=_without_effect(readings),
        criteria=tuple(name for name in read if read[name]),
    )


def _read(program: Program, evidence: Evidence, rule: Measured) -> list[_Reading]:
    """What a criterion reads of arms that have runs; metrics that are stated deterministic are left out."""
    metrics = [metric for metric in _metrics(rule) if not program.metrics[metric].deterministic]
    arms = [arm for arm in rule.arms_read if evidence.of(arm)]
    return [_reading(program, evidence, metric, arm, rule) for metric in metrics for arm in arms]


def _without_effect(readings: Sequence[_Reading]) -> str:
    metrics, arms = (
        list(dict.fromkeys(names)) for names in ([r.metric for r in readings], [r.arm for r in readings])
    )
    seeds = min(len(one.values) for one in readings)
    same = f"the values of {' and '.join(arms)} are the same at all {seeds} seeds"
    reason = f"the seed had no effect on {' and '.join(metrics)}: {same}; is the seed used?"
    if len(arms) > 1 and len({(one.metric, *one.values.values()) for one in readings}) == len(metrics):
        reason += " The arms are bit-identical: is the factor wired?"
    return reason


# --- the program states that it does not -------------------------------------------------------


def _deterministic(program: Program, phase: str, evidence: Evidence) -> Iterator[GuardResult]:
    """Whether the metrics that the program states are deterministic are; no result where it states none."""
    stated = [name for name in phase_metrics(program, phase) if program.metrics[name].deterministic]
    rules = [None, *(rule for _, rule in _measured(program, phase) if which_value(rule))]
    readings = [
        _reading(program, evidence, metric, arm, rule)
        for rule in rules
        for metric in (stated if rule is None else set(stated).intersection(_metrics(rule)))
        for arm in sorted(evidence.runs)
    ]
    if not any(one.values for one in readings):
        return
    differing = list(dict.fromkeys(_range(one) for one in readings if one.varies))
    names = f"{' and '.join(stated)} {'is' if len(stated) == 1 else 'are'} deterministic"
    yield GuardResult(
        id=DETERMINISTIC,
        outcome="not_met" if differing else "met",
        consequence=program.phases[phase].guards.get(DETERMINISTIC, "invalid"),
        observed=float(len(differing)),
        reason="; ".join([f"the program states that {names}", *differing]),
    )


def _range(one: _Reading) -> str:
    low, high = min(one.values.values()), max(one.values.values())
    return f"{one.metric}{one.reads} of {one.arm} differs between seeds: {number(low)} to {number(high)}"


# --- what is read ------------------------------------------------------------------------------


def _measured(program: Program, phase: str) -> list[tuple[str, Measured]]:
    rules = program.phases[phase].criteria
    return [(name, rule) for name, rule in rules.items() if isinstance(rule, Measured)]


def _metrics(rule: Measured) -> list[str]:
    other = [rule.other_metric] if isinstance(rule, Comparison) else []
    return list(dict.fromkeys([rule.metric, *other]))


def _reading(program: Program, evidence: Evidence, metric: str, arm: str, rule: Measured | None) -> _Reading:
    """The values of a metric over an arm's seeds: the final ones, or those that a criterion asks for."""
    values = {seed: run_value(program, run, metric, rule) for seed, run in sorted(evidence.of(arm).items())}
    finite = {seed: value for seed, value in values.items() if value is not None and is_finite(value)}
    return _Reading(metric, which_value(rule) if rule is not None else "", arm, finite)
