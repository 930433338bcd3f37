"""Flip points that hold: each is tried on the evidence itself before a verdict states it.

A criterion says where its outcome changes if what it observes moves alone. Runs know nothing of criteria:
moving an arm's values moves every criterion that reads them. So the values are moved, just short of the flip
point and just past it, and judged again; what does not come out as stated is not stated.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from planner.criteria.results import flip_point_fields
from planner.evidence.evidence import Evidence
from planner.judging.sensitivity import Input, Lever, Perturbation, inputs_of, levers_of, moves
from planner.language.criterion import Combined, MeasuredCriterion
from planner.language.program import Program
from planner.records.verdict import Confidence, CriterionOutcome, CriterionResult, FlipPoint, GateOutcome

_NUDGE = 1e-6
_ROUNDING = 1e-11
_STEPS = 24
_HALVINGS = 45
Results = dict[str, CriterionResult]


@dataclass(frozen=True)
class PerturbedOutcome:
    """What a phase says of evidence that was moved."""

    outcome: GateOutcome
    case: str | None
    tier: str | None
    confidence: Confidence


@dataclass(frozen=True)
class Beyond:
    """Evidence that was moved beyond a value, and what the criterion moved for says of it."""

    evidence: Evidence
    result: CriterionResult


@dataclass(frozen=True)
class FlipPointSearch:
    """Moves the evidence of one phase and asks what follows.

    Attributes:
        results: what its criteria say of it as it is.
        judge: (evidence, criteria that stand as they are) -> what all criteria say.
        judge_alone: (name of a measured criterion, evidence) -> what it says.
        conclude: (evidence, what the criteria say of it) -> what the phase says.
    """

    program: Program
    phase: str
    evidence: Evidence
    results: Results
    judge: Callable[[Evidence, Results], Results]
    judge_alone: Callable[[str, Evidence], CriterionResult]
    conclude: Callable[[Evidence, Results], PerturbedOutcome]

    def turned(self) -> tuple[Results, tuple[FlipPoint, ...]]:
        """(the results with the flip points that hold, one turning for each of them)."""
        by_criterion = {name: list(self._of(name)) for name in self._reads if self.results[name].turns}
        if not by_criterion:
            return self.results, ()
        measured = {name: _with(self.results[name], by_criterion.get(name, [])) for name in self._reads}
        turnings = tuple(turning for points in by_criterion.values() for turning in points)
        results = self.judge(self.evidence, measured)
        return {
            name: result if name in measured else _held(result, turnings) for name, result in results.items()
        }, turnings

    @cached_property
    def _rules(self) -> dict[str, MeasuredCriterion]:
        rules = self.program.phases[self.phase].criteria
        return {name: rule for name, rule in rules.items() if not isinstance(rule, Combined)}

    @cached_property
    def _reads(self) -> dict[str, set[Input]]:
        """Criterion -> the arms and metrics that it reads."""
        return {name: inputs_of(self.program, rule) for name, rule in self._rules.items()}

    def _of(self, name: str) -> Iterator[FlipPoint]:
        """The turnings of a criterion, the nearest first: there the outcome is no longer what it is now."""
        result = self.results[name]
        points: dict[CriterionOutcome, FlipPoint] = {}
        pulls = [self._perturbation(result, lever) for lever in self._levers(result)]
        for value, _ in result.turns:
            tried = next(filter(None, (self._tried(result, pull, value, points) for pull in pulls)), None)
            points.update({tried.flips_to: tried} if tried else {})
        if not points:
            searched = filter(None, (self._searched(result, pull) for pull in pulls))
            nearest = min(searched, key=lambda t: abs(t.flips_at - t.observed), default=None)
            points.update({nearest.flips_to: nearest} if nearest else {})
        yield from points.values()

    def _levers(self, result: CriterionResult) -> list[Lever]:
        return levers_of(self.program, self._rules[result.id], result)

    def _perturbation(self, result: CriterionResult, lever: Lever) -> Perturbation:
        rule = self._rules[result.id]
        return Perturbation(self.program, self.evidence, rule, lever, result.observed or 0.0)

    def _tried(
        self,
        result: CriterionResult,
        pull: Perturbation,
        value: float,
        nearer: Mapping[CriterionOutcome, FlipPoint] | None = None,
    ) -> FlipPoint | None:
        """What lies just beyond a value; None where nothing else begins there.

        Args:
            nearer: turnings that are known; just short of the value is what one of them leads to, or what
                is now.
        """
        observed = result.observed or 0.0
        little = self._little(pull, value)
        sides = (-1.0, 1.0) if value == observed else (math.copysign(1.0, value - observed),)
        for side in sides:
            short = (
                self._outcome(result, pull, value - side * little) if value != observed else result.outcome
            )
            beyond = self._beyond(result, pull, value + side * little)
            nearer_outcomes = (result.outcome, *(nearer or {}))
            if (
                short in nearer_outcomes
                and beyond is not None
                and beyond.result.outcome not in nearer_outcomes
            ):
                return self._turning(result, pull, value, beyond)
        return None

    def _turning(
        self, result: CriterionResult, pull: Perturbation, value: float, beyond: Beyond
    ) -> FlipPoint:
        arm, metric = moves(self.program, pull.rule, pull.lever)
        # Values that move apart, as those of a share do when its parts move, are another measure of the noise
        # that other criteria's bounds may rest on.
        shares = (name for name in self.program.metrics if metric in self.program.with_parts({name}))
        lends_noise = pull.rule.of_deviation or any(name != metric for name in shares)
        apart = (n for n, read in self._reads.items() if (arm, metric) not in read and not lends_noise)
        untouched = {n: self.results[n] for n in apart}
        moved, there = beyond.evidence, self.judge(beyond.evidence, {**untouched, result.id: beyond.result})
        concluded = self.conclude(moved, there)
        changed = [(n, r.outcome) for n, r in there.items() if r.outcome != self.results[n].outcome]
        return FlipPoint(
            id=result.id,
            arm=arm,
            metric=metric,
            observed=result.observed or 0.0,
            flips_at=value,
            flips_to=there[result.id].outcome,
            unit=result.unit,
            outcomes=tuple(changed),
            outcome=concluded.outcome,
            case=concluded.case,
            tier=concluded.tier,
            confidence=concluded.confidence,
        )

    def _beyond(self, result: CriterionResult, pull: Perturbation, to: float) -> Beyond | None:
        """What a criterion alone says where it observes that value; None where it cannot be moved there."""
        moved = pull.to(to)
        return None if moved is None else Beyond(moved, self.judge_alone(result.id, moved))

    def _outcome(self, result: CriterionResult, pull: Perturbation, to: float) -> CriterionOutcome | None:
        beyond = self._beyond(result, pull, to)
        return None if beyond is None else beyond.result.outcome

    def _little(self, pull: Perturbation, value: float) -> float:
        """A step that is small beside what is observed and large beside the rounding of the values."""
        runs = self.evidence.of(pull.lever.arm).values()
        held = [abs(run.metrics.get(pull.rule.metric, 0.0)) for run in runs]
        largest = max(filter(math.isfinite, held), default=0.0)
        return max(_NUDGE * max(abs(value), abs(value - pull.observed), 1e-9), _ROUNDING * largest)

    def _searched(self, result: CriterionResult, pull: Perturbation) -> FlipPoint | None:
        """The nearest change that moving an arm makes, where no value that was named holds.

        Several arms or pairs may read what is moved, and a winner may be chosen otherwise.
        """
        observed, now = result.observed or 0.0, result.outcome
        step = 3 * max(abs(value - observed) for value, _ in result.turns) / _STEPS or _NUDGE
        for k in range(1, _STEPS + 1):
            for sign in (step, -step):
                near, far = observed + sign * (k - 1), observed + sign * k
                if self._outcome(result, pull, far) in (now, None):
                    continue
                for _ in range(_HALVINGS):
                    middle = (near + far) / 2
                    stays = self._outcome(result, pull, middle) in (now, None)
                    near, far = (middle, far) if stays else (near, middle)
                return self._tried(result, pull, far)
        return None


def _with(result: CriterionResult, points: list[FlipPoint]) -> CriterionResult:
    turns = tuple((turning.flips_at, turning.flips_to) for turning in points)
    return result if turns == result.turns else result.model_copy(update=flip_point_fields(turns))


def _held(joint: CriterionResult, turnings: tuple[FlipPoint, ...]) -> CriterionResult:
    """A combined result with those of its parts' flip points at which it does change."""
    kept = []
    for value, there in joint.turns:
        tried = [dict(t.outcomes) for t in turnings if t.flips_at == value]
        if not tried or any(outcomes.get(joint.id) == there for outcomes in tried):
            kept.append((value, there))
    return joint if len(kept) == len(joint.turns) else joint.model_copy(update=flip_point_fields(tuple(kept)))
