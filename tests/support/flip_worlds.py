"""Generated worlds for flip points: programs with every kind of criterion, rows, routes, triage, and runs.

What a criterion observes is worked out here by other means than the planner's, and so is where an arm's
values must be for it to observe something else.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

from planner.criteria.test_design import TestDesign
from planner.evidence.evidence import Evidence
from planner.explaining.counterfactual_decisions import DecisionContext
from planner.explaining.criterion_row import decisive_part
from planner.judging.conclusion import PhaseEvaluator
from planner.judging.verdict import build_test_design, judge_outcome, judge_phase
from planner.language.program import Program, build
from planner.records.runs import Run
from planner.records.verdict import FlipPoint, Verdict
from tests.support.builders import ARMS, METRICS, PHASE

Values = dict[str, dict[str, list[float]]]
"""arm -> metric -> value by seed."""
MEASURED = ("acc", "loss", "f1", "f1_floor", "part", "rest")
JUDGED = ("acc", "loss", "f1", "part")
TREATMENTS = (None, "point", "bounds")
AHEAD = ("second", "third")


@dataclass(frozen=True)
class World:
    """A program of which one phase is judged, and what its runs measured.

    Attributes:
        final: no more seeds are to be had.
    """

    program: Program
    values: Values
    final: bool

    @property
    def rules(self) -> Mapping[str, Any]:
        return self.program.phases[PHASE].criteria

    def judged(self, values: Values | None = None) -> Verdict:
        """The verdict on these values; its flip points are looked for on the world's own."""
        if values is None:
            return judge_phase(self.program, PHASE, self.evidence(self.values), self.design)
        return judge_outcome(self.evaluator(values))

    def evaluator(self, values: Values | None = None) -> PhaseEvaluator:
        """The phase and these values, its own where none are given, ready to be judged."""
        return PhaseEvaluator(self.program, PHASE, self.evidence(values or self.values), self.design, {})

    @property
    def design(self) -> TestDesign:
        """The rules under which the phase is judged."""
        return build_test_design(self.program, PHASE, "standard", self.final)

    def evidence(self, held: Values) -> Evidence:
        """Runs that measured these values."""
        runs = {
            arm: {seed: _run(arm, seed, held[arm]) for seed in range(len(held[arm]["acc"]))} for arm in ARMS
        }
        return Evidence(PHASE, "standard", runs, {}, {arm: {"kind": arm} for arm in ARMS})

    def decided(self, verdict: Verdict) -> tuple[str | None, ...]:
        """(action, choice, target) of the decision after a verdict."""
        decision = self.decision_context.decide(verdict)
        return decision.action, decision.choice, decision.target

    @property
    def decision_context(self) -> DecisionContext:
        return DecisionContext(self.program, {})

    def moved(self, verdict: Verdict, flip_point: FlipPoint, to: float) -> Values:
        """The values with one arm moved so that a criterion observes ``to``."""
        before = self.values[flip_point.arm][flip_point.metric]
        after = self._after(verdict, flip_point, to, before)
        arm = {**self.values[flip_point.arm], flip_point.metric: after}
        return {**self.values, flip_point.arm: arm}

    def _after(self, verdict: Verdict, flip_point: FlipPoint, to: float, before: list[float]) -> list[float]:
        rule, by = self.rules[flip_point.id], to - flip_point.observed
        right = self._compared(rule, flip_point)
        if rule.metric == "part_share":
            rest = self.values[flip_point.arm]["rest"]
            shares = [a / (a + b) + by for a, b in zip(before, rest, strict=True)]
            return [p * b / (1 - p) for p, b in zip(shares, rest, strict=True)]
        if rule.over_seeds:
            q = [_q(rule, a, b) for a, b in zip(before, right, strict=True)]
            centre, factor = statistics.fmean(q), to / flip_point.observed
            grown = [centre + (v - centre) * factor for v in q]
            return [g * b if rule.as_ == "ratio" else g + b for g, b in zip(grown, right, strict=True)]
        if rule.as_ == "ratio":
            return [a + by * b for a, b in zip(before, right, strict=True)]
        return [a + by * self._sign(verdict, flip_point) for a in before]

    def _compared(self, rule: Any, flip_point: FlipPoint) -> list[float]:
        """What is subtracted or divided by, seed by seed."""
        held = self.values[flip_point.arm]
        if rule.kind == "comparison":
            return self.values[rule.versus or flip_point.arm][rule.versus_metric or rule.metric]
        if rule.kind == "level" and rule.against_floor and rule.metric == "f1":
            return held["f1_floor"]
        return [0.0] * len(held["acc"])

    def _sign(self, verdict: Verdict, flip_point: FlipPoint) -> float:
        """Whether what is observed grows or falls as the arm's values grow."""
        rule, lower = self.rules[flip_point.id], flip_point.metric in ("loss", "part")
        if rule.kind == "comparison":
            return -1.0 if rule.better_by is not None and lower else 1.0
        if rule.kind == "order":
            one, _ = self._pair(verdict, flip_point, " > ")
            return (1.0 if flip_point.arm == one else -1.0) * (-1.0 if lower else 1.0)
        if rule.kind == "spread":
            one, other = self._pair(verdict, flip_point, " ~ ")
            ahead = sum(self.values[one][rule.metric]) >= sum(self.values[other][rule.metric])
            return 1.0 if (flip_point.arm == one) == ahead else -1.0
        return 1.0

    def _pair(self, verdict: Verdict, flip_point: FlipPoint, between: str) -> tuple[str, str]:
        result = verdict.criterion(flip_point.id)
        assert result is not None
        decisive = decisive_part(result) if result.parts else ""
        rule = self.rules[flip_point.id]
        pairs = list(pairwise(rule.subjects) if between == " > " else combinations(rule.subjects, 2))
        return next((p for p in pairs if between.join(p) == decisive), pairs[0])


def _q(rule: Any, a: float, b: float) -> float:
    return a / b if rule.as_ == "ratio" else a - b


def _run(arm: str, seed: int, metrics: Mapping[str, list[float]]) -> Run:
    values = {name: by_seed[seed] for name, by_seed in metrics.items()}
    return Run(
        id=f"{arm}-{seed}",
        phase=PHASE,
        arm=arm,
        seed=seed,
        metrics=values,
        params={"kind": arm},
        data_digest="data",
    )


def reads(rule: Any) -> set[tuple[str, str]]:
    """(arm, metric) that a criterion reads or that lends it noise, worked out by other means."""
    if rule.kind == "combined":
        return set()
    arms = {*rule.subjects, getattr(rule, "versus", None) or rule.subjects[0]}
    metrics = {rule.metric, getattr(rule, "versus_metric", None) or rule.metric}
    metrics |= {"part", "rest"} if "part_share" in metrics else set()
    metrics |= {"f1_floor"} if rule.against_floor else set()
    return {(arm, metric) for arm in (arms if rule.treated == "point" else ARMS) for metric in metrics}


def uncited(world: World) -> list[tuple[str, str]]:
    """(arm, metric) that no criterion of a world reads, and that lends no noise to one."""
    read = {pair for rule in world.rules.values() for pair in reads(rule)}
    return [(arm, metric) for arm in ARMS for metric in MEASURED if (arm, metric) not in read]


# --- making one --------------------------------------------------------------------------------


def make_world(number: int) -> World:
    """The world of that number."""
    chance = random.Random(number)
    named: dict[str, Any] = {f"c{i}": _criterion(chance) for i in range(chance.randint(2, 5))}
    single = list(named)
    for i in range(chance.randint(0, 2)):
        parts = chance.sample(list(named), chance.randint(2, min(3, len(named))))
        named[f"joint{i}"] = {chance.choice(["all_of", "any_of"]): parts}
    phase: dict[str, Any] = {
        "question": "?",
        "arms": list(ARMS),
        "factor": "kind",
        "criteria": named,
        "gate": chance.sample(list(named), chance.randint(1, min(3, len(named)))),
        "seeds": chance.choice([1, 2, 3, 3, 3, 4]),
        **_rows(chance, list(named)),
    }
    if chance.random() < 0.25:
        phase["guards"] = {chance.choice(single): chance.choice(["invalid", "blocked", "caveat"])}
    if chance.random() < 0.7:
        phase["triage"] = _triage(chance, list(named))
    phase["next"] = _next(chance, phase)

    program = build(
        {
            "program": "any",
            "question": "?",
            "experiment": "any",
            "metrics": METRICS,
            "arms": {arm: {"kind": arm} for arm in ARMS},
            "phases": {
                PHASE: phase,
                "second": {
                    "question": "?",
                    "arms": list(ARMS),
                    "factor": "kind",
                    "criteria": {"c": {"metric": "acc", "arm": "new", "above": 0}},
                    "gate": ["c"],
                    "asks_for": chance.choice(["provisional", "provisional", "confirmed"]),
                },
                "third": {"question": "?"}
                | {
                    "arms": list(ARMS),
                    "factor": "kind",
                    "criteria": {"c": {"metric": "acc", "arm": "new", "above": 0}},
                    "gate": ["c"],
                },
            },
            "budget": {"seeds_per_arm": chance.randint(3, 8)},
        }
    )
    return World(program, _values(chance), chance.random() < 0.7)


def _values(chance: random.Random) -> Values:
    seeds, noise = chance.choice([1, 2, 3, 3, 4, 5, 6, 8]), chance.choice([0.02, 0.1, 0.4])
    values: Values = {}
    for arm in ARMS:
        values[arm] = {}
        for metric in MEASURED:
            centre = chance.uniform(0.1, 1.2)
            values[arm][metric] = [abs(centre + chance.gauss(0, noise)) + 0.01 for _ in range(seeds)]
    return values


def _criterion(chance: random.Random) -> dict[str, Any]:
    criterion: dict[str, Any] = {"metric": chance.choice(JUDGED)}
    kind = chance.choice(["level", "level", "floor", "share", "comparison", "comparison", "order", "spread"])
    treatment = chance.choice(TREATMENTS)
    arms = chance.sample(ARMS, chance.choice([1, 1, 2, 3]) if kind != "comparison" else chance.choice([1, 2]))
    who = {"arm": arms[0]} if len(arms) == 1 else {chance.choice(["each_of", "any_arm"]): arms}
    if kind == "order":
        rule = {"best_first": chance.sample(ARMS, chance.choice([2, 3]))}
        return {**criterion, **rule, **_treated(treatment)}
    if kind == "spread":
        rule = {"spread_of": chance.sample(ARMS, chance.choice([2, 3])), "at_most": chance.uniform(0.1, 0.8)}
        return {**criterion, **rule, **_treated(treatment)}
    if kind == "floor":
        return {**who, "metric": chance.choice(["f1", "acc"]), "above": "floor", **_treated(treatment)}
    if kind == "share":
        return {**who, "metric": "part_share", "at_most": chance.uniform(0.3, 0.7), **_treated(treatment)}
    if kind == "comparison":
        others = [arm for arm in ARMS if arm not in arms]
        versus = chance.choice([{"versus": chance.choice(others)}, {"versus_metric": "rest"}])
        if chance.random() < 0.5:
            delta = {"better_by": chance.uniform(0.05, 0.3)}
            return {**criterion, **who, **versus, **delta, **_treated(treatment)}
        ratio = {"as": "ratio"} if chance.random() < 0.3 else {}
        return {**criterion, **who, **versus, **ratio, **_bound(chance, 1.0 if ratio else 0.0, treatment)}
    return {**criterion, **who, **_bound(chance, chance.uniform(0.3, 0.9), treatment)}


def _treated(treatment: str | None) -> dict[str, str]:
    return {"treatment": treatment} if treatment else {}


def _bound(chance: random.Random, around: float, treatment: str | None) -> dict[str, Any]:
    deviation = {"over_seeds": "sd"} if chance.random() < 0.15 else {}
    key = chance.choice(["above", "at_least", "below", "at_most", "between", "within"])
    value: Any = around + chance.uniform(-0.3, 0.3)
    if deviation:
        key, value = chance.choice(["above", "at_most"]), chance.uniform(0.05, 0.4)
    elif key == "between":
        value = [value, value + chance.uniform(0.1, 0.5)]
    elif key == "within":
        value = chance.uniform(0.1, 0.5)
    return {key: value, **deviation, **_treated(treatment)}


def _rows(chance: random.Random, names: list[str]) -> dict[str, Any]:
    def row(label: str) -> dict[str, Any]:
        conditions = chance.sample(names, chance.choice([1, 1, 2]) if len(names) > 1 else 1)
        split = [chance.random() < 0.6 for _ in conditions]
        when = [n for n, met in zip(conditions, split, strict=True) if met]
        unless = [n for n, met in zip(conditions, split, strict=True) if not met]
        return {"means": label, **({"when": when} if when else {}), **({"unless": unless} if unless else {})}

    kind = chance.choice(["cases", "tiers", "none"])
    if kind == "cases":
        return {"cases": {"A": row("a"), "B": row("b"), "C": {"means": "c", "otherwise": True}}}
    if kind == "tiers":
        rows = [{"tier": "2", **row("two")}, {"tier": "1", **row("one")}]
        return {"tiers": [*rows, {"tier": "0", "means": "zero", "otherwise": True}]}
    return {}


def _triage(chance: random.Random, names: list[str]) -> dict[str, Any]:
    first: dict[str, Any] = {"option": "retry", "rationale": "r", "opens": "second"}
    if chance.random() < 0.4:
        first["revisit_when"] = [chance.choice(names)]
    if chance.random() < 0.2:
        first["needs_person"] = chance.choice(["to_approve", "to_act"])
    other = {"option": "drop", "rationale": "d", "opens": "third", "cost_hours": chance.choice([0, 1])}
    return {"policy": chance.choice(["listed", "cheapest"]), "options": [first, other]}


def _next(chance: random.Random, phase: Mapping[str, Any]) -> dict[str, str]:
    rows = [*phase.get("cases", {}), *(t["tier"] for t in phase.get("tiers", []))]
    targets = [*AHEAD, "stop", "wait", *(["triage"] if "triage" in phase else [])]
    routing = {"pass": chance.choice(AHEAD)}
    routing |= {row: chance.choice(targets) for row in rows if chance.random() < 0.6}
    routing |= {o: chance.choice(targets) for o in ("fail", "inconclusive") if chance.random() < 0.3}
    return routing


def distance(flip_point: FlipPoint) -> float:
    """A step that is small beside what is observed and large beside rounding."""
    gap = abs(flip_point.flips_at - flip_point.observed)
    return 1e-5 * max(abs(flip_point.flips_at), gap, 1e-3)


def side(flip_point: FlipPoint) -> float:
    """On which side the flip point lies; 0 where the observed value is on it."""
    gap = flip_point.flips_at - flip_point.observed
    return math.copysign(1.0, gap) if abs(gap) > 1e-9 else 0.0
