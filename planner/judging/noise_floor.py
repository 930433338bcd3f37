"""The noise floor: which effects the allowed number of seeds can show at all, given the measured noise.

The noise is the standard deviation of a paired difference. Where both arms have run it is that of their
differences; where only the baseline has, it is the square root of two times the baseline's own, which is what
pairing can only better. A threshold is *refused* where even the smallest noise that the measurement leaves
open (the lower end of its one-sided 90% interval) keeps the allowed seeds from resolving it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from planner.criteria.results import paired
from planner.criteria.test_design import LEAST_SEEDS, TestDesign
from planner.evidence.evidence import Evidence
from planner.evidence.sample import Sample, build_sample
from planner.language.criterion import Comparison, Spread
from planner.language.program import Program
from planner.records.verdict import DetectableEffect
from planner.statistics import intervals, power
from planner.text.numbers import number

_SURE = 0.8
"""The level of a two-sided interval whose lower end is the one-sided 90% limit."""


@dataclass(frozen=True)
class _Measured:
    """The noise of a difference; ``n`` is 0 where the program states it."""

    sd: float
    n: int
    of: str

    @property
    def least(self) -> float:
        """The smallest noise that the measurement leaves open."""
        return self.sd * intervals.sd_factors(self.n, _SURE)[0] if self.n else self.sd


def build_detectable_effects(
    program: Program, evidence: Evidence, design: TestDesign
) -> list[DetectableEffect]:
    """What each criterion of the gate that states a smallest effect can detect, where noise was measured."""
    rules = program.phases[evidence.phase].criteria
    effects = []
    for name in rules:
        rule = rules[name]
        if name in design.required and isinstance(rule, Comparison | Spread):
            effects += list(_effects_of_criterion(program, evidence, design.of(name), name, rule))
    return effects


def detectable_effect_text(effect: DetectableEffect) -> str:
    """Why a threshold cannot be decided, and with how many seeds it could."""
    needs = f"{effect.needs} seeds" if effect.needs is not None else "more seeds than can be counted"
    return (
        f"{effect.bound} {number(effect.asked)} lies under the noise floor: {resolution_text(effect)}; "
        f"{number(effect.asked)} would need {needs}"
    )


def resolution_text(effect: DetectableEffect) -> str:
    """What the allowed seeds resolve, and the noise from which that follows."""
    over = f" over {effect.n} seeds" if effect.n else ""
    noise = f"the sd of {effect.of} is {number(effect.sd)}{over}"
    return f"{noise}, so {effect.seeds} seeds resolve {number(effect.resolves)}"


def _effects_of_criterion(
    program: Program, evidence: Evidence, design: TestDesign, name: str, rule: Comparison | Spread
) -> Iterator[DetectableEffect]:
    """One for each arm that a criterion compares; relative bounds state no effect in the metric's unit."""
    stated = rule.better_by or rule.within if isinstance(rule, Comparison) else rule.at_most
    if not isinstance(stated, int | float) or stated <= 0 or rule.as_ == "ratio" or rule.over_seeds:
        return
    for arm, other, measured in _noise(program, evidence, rule):
        yield _detectable_effect(name, rule, arm, other, float(stated), measured, design)


def _detectable_effect(
    name: str,
    rule: Comparison | Spread,
    arm: str,
    other: str,
    stated: float,
    measured: _Measured,
    design: TestDesign,
) -> DetectableEffect:
    seeds, alpha, beta = max(design.most_seeds, power.LEAST), _one_sided(rule, design), design.false_fail
    effect = isinstance(rule, Comparison) and rule.better_by is not None
    needed = power.seeds_needed if effect else power.seeds_needed_for_margin
    resolves = power.detectable_effect if effect else power.detectable_margin
    least = resolves(measured.least, seeds, alpha, beta)
    return DetectableEffect(
        criterion=name,
        metric=rule.metric,
        arm=arm,
        versus=other,
        bound=rule.threshold_key or "",
        asked=stated,
        sd=measured.sd,
        n=measured.n,
        of=measured.of,
        seeds=seeds,
        resolves=resolves(measured.sd, seeds, alpha, beta),
        needs=needed(stated, measured.sd, alpha, beta),
        refused=stated < least,
    )


def _one_sided(rule: Comparison | Spread, design: TestDesign) -> float:
    """The rate at which one side of a bound is tested."""
    n_comparisons_met = len(rule.subjects) if isinstance(rule, Comparison) and rule.any_arm else 1
    return design.false_pass / n_comparisons_met


class _Noise(NamedTuple):
    """The noise of the difference between two arms."""

    arm: str
    other: str
    measured: _Measured


def _noise(program: Program, evidence: Evidence, rule: Comparison | Spread) -> Iterator[_Noise]:
    """The noise of each difference that was measured on enough seeds."""

    def sample(arm: str, metric: str) -> Sample:
        return build_sample(program, evidence, arm, metric, rule)

    if isinstance(rule, Spread):
        first = rule.subjects[0]
        pairs = [(arm, first, rule.metric, rule.metric) for arm in rule.subjects[1:]]
    else:
        pairs = [(arm, rule.versus or arm, rule.metric, rule.other_metric) for arm in rule.subjects]
    for arm, other, metric, other_metric in pairs:
        stated = program.metrics[metric].known_sd
        if stated and arm != other:
            source = program.metrics[metric].noise_source
            of = f"a difference of two runs, as stated by {source}"
            yield _Noise(arm, other, _Measured(math.sqrt(2) * stated, 0, of))
            continue
        right = sample(other, other_metric)
        both = paired(sample(arm, metric), right)
        if len(both) >= LEAST_SEEDS:
            of = f"{arm} - {other}" if arm != other else f"{metric} - {other_metric} of {arm}"
            values = [a - b for a, b in both.values()]
        elif arm != other and len(right.values) >= LEAST_SEEDS:
            of = f"two runs of {other}"
            values = [math.sqrt(2) * value for _, value in sorted(right.values.items())]
        else:
            continue
        if intervals.varies(values):  # else there is no noise in sight, which is no measurement of it
            yield _Noise(arm, other, _Measured(intervals.sd(values), len(values), of))
