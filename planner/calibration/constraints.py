"""From criteria to constraints on means of arms: where a criterion is just untrue, true, or surely true."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from planner.calibration.noise_model import Noise
from planner.criteria.judge import required_by_gate
from planner.criteria.quantity import region_of
from planner.language.criterion import Combined, Comparison, Level, Measured, Order, Spread
from planner.language.program import Program
from planner.records.base import digest_of

Role = Literal["null", "effect", "sure"]
"""What a criterion is to be: just untrue (so that a pass is false), true by its effect, or beyond doubt."""
Step = int | Literal["base", "final"]
"""Which value of a run: the first of its series, the final one, or that at a step."""

SURE = 20.0
"""How many standard deviations lie between a bound and what meets it beyond doubt."""


class Infeasible(Exception):
    """No means of arms give a criterion its role; says why."""


@dataclass(frozen=True)
class Cell:
    """A mean that can be chosen: of one metric, at one step, in one configuration."""

    config: str
    metric: str
    step: Step = "final"


@dataclass(frozen=True)
class Constraint:
    """``left - scale * right - target`` is to be 0 (sense 0), at least ``by`` (1) or at most ``-by`` (-1).

    Attributes:
        criterion: which criterion asks for it.
        pins: the left mean is fixed by it, so that others have to give way.
    """

    criterion: str
    left: Cell
    right: Cell | None = None
    scale: float = 1.0
    target: float = 0.0
    sense: int = 0
    by: float = 0.0

    @property
    def pins(self) -> bool:
        return self.right is None and self.sense == 0


@dataclass(frozen=True)
class ConstraintBuilder:
    """Turns the criteria of one phase into constraints.

    Attributes:
        beyond: by how many standard deviations a threshold is passed where it has an effect.
        fidelity: of the runs; part of what a configuration is.
    """

    program: Program
    phase: str
    fidelity: str
    noise: Mapping[str, Noise]
    beyond: float = 1.0

    def constraints(self, name: str, role: Role) -> list[Constraint]:
        """What a criterion asks of means in a role.

        Where any one of several suffices, the first alone has the effect and the others are null.

        Raises:
            Infeasible: no means give it that role.
        """
        rule = self.program.phases[self.phase].criteria.get(name)
        if rule is None:
            raise Infeasible(f"'{name}' is a criterion of another phase")
        if isinstance(rule, Combined):
            parts = [
                self.constraints(part, self._as(role, i, bool(rule.any_of)))
                for i, part in enumerate(rule.parts)
            ]
            return [constraint for constraints in parts for constraint in constraints]
        if rule.of_deviation:
            raise Infeasible(f"'{name}' is about the noise itself")
        if rule.over_seeds:
            raise Infeasible(f"'{name}' asks for every seed, of which no error rate is claimed")
        return list(self._measured(name, rule, role))

    def noise_levels(self, name: str, role: Role) -> dict[Cell, float]:
        """The noise at which a criterion on the deviation over seeds has that role; empty for any other.

        Raises:
            Infeasible: it asks for a range.
        """
        rule = self.program.phases[self.phase].criteria.get(name)
        if not isinstance(rule, Level | Comparison) or not rule.of_deviation:
            return {}
        bound = rule.threshold
        if rule.threshold_key not in ("above", "at_least", "below", "at_most") or not isinstance(
            bound, float | int
        ):
            raise Infeasible(f"'{name}' asks for a range of deviations")
        if bound <= 0 or rule.since is not None or rule.as_ == "ratio":
            raise Infeasible(f"'{name}' asks for a deviation that noise cannot be scaled to")
        factor = {"null": 1.0, "effect": 2.0, "sure": SURE}[role]
        sd = bound * factor if rule.threshold_key in ("above", "at_least") else bound / factor
        return {Cell(self.config(arm), rule.metric): sd for arm in rule.arms_read}

    def quiet_noise(self, name: str) -> dict[Cell, float]:
        """The noise at which a criterion that asks for a range holds beyond doubt in its middle."""
        rule = self.program.phases[self.phase].criteria.get(name)
        if isinstance(rule, Combined):
            return {cell: sd for part in rule.parts for cell, sd in self.quiet_noise(part).items()}
        bound = getattr(rule, "between", None)
        width = (bound[1] - bound[0]) / 2 if bound else getattr(rule, "within", None)
        if isinstance(rule, Spread):
            width = float(rule.threshold)  # type: ignore[arg-type]
        if not isinstance(rule, Measured) or not width or rule.of_deviation:
            return {}
        other = rule.other_metric if isinstance(rule, Comparison) else rule.metric
        return {
            Cell(self.config(arm), metric): width / SURE
            for arm in rule.arms_read
            for metric in (rule.metric, other)
        }

    def config(self, arm: str) -> str:
        """What identifies the runs of an arm: phases with equal parameters share them."""
        return digest_of([self.program.params(self.phase, arm), self.fidelity])

    @staticmethod
    def _as(role: Role, index: int, any_of: bool) -> Role:
        return "null" if any_of and index else role

    def _measured(self, name: str, rule: Measured, role: Role) -> Iterator[Constraint]:
        self._refuse(name, rule)
        if isinstance(rule, Order):
            better = -1 if self.program.metrics[rule.metric].better == "lower" else 1
            for one, other in rule.judged_pairs:
                left, right = self._cell(rule, one, rule.metric), self._cell(rule, other, rule.metric)
                yield self._beyond(name, left, right, 1.0, 0.0, better, role)
        elif isinstance(rule, Spread):
            first, *others = (self._cell(rule, arm, rule.metric) for arm in rule.subjects)
            for i, cell in enumerate(others):
                last = i == len(others) - 1
                apart = float(rule.threshold) if role == "null" and last else 0.0  # type: ignore[arg-type]
                yield Constraint(name, cell, first, 1.0, apart)
        elif isinstance(rule, Level | Comparison):
            for i, arm in enumerate(rule.subjects):
                yield self._bound(name, rule, arm, self._as(role, i, bool(rule.any_arm)))

    def _refuse(self, name: str, rule: Measured) -> None:
        other = rule.other_metric if isinstance(rule, Comparison) else rule.metric
        for metric in (rule.metric, other):
            if self.program.metrics[metric].share is not None:
                raise Infeasible(f"'{name}' is about '{metric}', which is derived from others")
        if not isinstance(rule, Level) and (rule.since is not None or rule.at == "slope"):
            raise Infeasible(f"'{name}' compares changes over steps")
        if rule.at == "mean" and self._grows(rule.metric, rule.arms_read) is not None:
            raise Infeasible(f"'{name}' is about a mean over steps that change")

    def _bound(self, name: str, rule: Level | Comparison, arm: str, role: Role) -> Constraint:
        left, right, centre = *self._sides(rule, arm), 1.0 if rule.as_ == "ratio" else 0.0
        if rule.better_by is not None:
            better = -1 if self.program.metrics[rule.metric].better == "lower" else 1
            by = {
                "null": 0.0,
                "effect": rule.better_by,
                "sure": rule.better_by + SURE * self._sd(left, right, 1.0),
            }
            return Constraint(name, left, right, sense=better if role != "null" else 0, by=by[role])
        threshold: float | tuple[float, float] = rule.threshold
        floor = self.program.metrics[rule.metric].floor if rule.against_floor else None
        if isinstance(floor, int | float):
            threshold = float(floor)
        region = region_of(rule, threshold, centre)
        sense = 1 if region.high == math.inf else -1 if region.low == -math.inf else 0
        edge = region.low if sense == 1 else region.high
        if sense == 0 and role != "null":
            edge = (region.low + region.high) / 2
        if rule.as_ == "ratio" and right is not None:
            return self._beyond(name, left, right, edge, 0.0, sense, role)
        return self._beyond(name, left, right, 1.0, edge, sense, role)

    def _beyond(
        self, name: str, left: Cell, right: Cell | None, scale: float, target: float, sense: int, role: Role
    ) -> Constraint:
        if role == "null" or sense == 0:
            return Constraint(name, left, right, scale, target)
        by = (self.beyond if role == "effect" else SURE) * self._sd(left, right, scale)
        return Constraint(name, left, right, scale, target, sense, by)

    def _sd(self, left: Cell, right: Cell | None, scale: float) -> float:
        """The standard deviation of what is judged, over seeds."""
        mine = self.noise[left.metric]
        if right is None or right.step == "base":  # the first value of a run has no noise of its own
            return mine.alone
        theirs = self.noise[right.metric]
        common = mine.common - scale * theirs.common
        return math.sqrt(mine.own**2 + (scale * theirs.own) ** 2 + common**2)

    # --- which values are read -------------------------------------------------------------------

    def _sides(self, rule: Level | Comparison, arm: str) -> tuple[Cell, Cell | None]:
        left = self._cell(rule, arm, rule.metric)
        if isinstance(rule, Comparison):
            return left, self._cell(rule, rule.versus or arm, rule.other_metric)
        floor = self.program.metrics[rule.metric].floor
        if rule.against_floor and isinstance(floor, str):
            return left, Cell(self.config(arm), floor)
        if rule.since is not None or rule.at == "slope":
            since: Step = rule.since if isinstance(rule.since, int) else "base"
            final = (
                left if rule.at not in ("min", "max", "first", "slope") else Cell(left.config, left.metric)
            )
            return final, Cell(left.config, left.metric, since)
        return left, None

    def _cell(self, rule: Measured, arm: str, metric: str) -> Cell:
        config = self.config(arm)
        if isinstance(rule.at, int):
            return Cell(config, metric, rule.at)
        if rule.at in ("first", "min", "max"):
            grows = self._grows(metric, [arm])
            early = rule.at == "first" or (grows is not None and grows == (rule.at == "min"))
            return Cell(config, metric, "base" if early else "final")
        return Cell(config, metric)

    def _grows(self, metric: str, arms: list[str]) -> bool | None:
        """Whether a criterion of the gate has this metric grow or shrink over steps; None where none does."""
        rules = self.program.phases[self.phase].criteria
        for name in sorted(required_by_gate(self.program, self.phase)):
            rule = rules.get(name)
            if not isinstance(rule, Level) or rule.metric != metric or not set(rule.subjects) & set(arms):
                continue
            if rule.since is not None or rule.at == "slope":
                bound = rule.threshold
                edge = bound[0] if isinstance(bound, tuple) else bound
                return edge >= (1.0 if rule.as_ == "ratio" else 0.0)
        return None
