"""What a criterion may say: one class per kind; the kind follows from the keys."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import Annotated, Any, Literal

import pydantic
from pydantic import Discriminator, Field, Tag

from planner.language.types import (
    EarlierTreatment,
    Finite,
    LoggedName,
    Pairing,
    Pattern,
    Ref,
    Statistic,
    Treatment,
    Written,
    unless_written,
)


class _Kind(Written):
    """What every kind tells of itself; whoever only needs this asks for no kind."""

    @property
    def subjects(self) -> list[str]:
        """The arms that are judged, in order."""
        return []

    @property
    def arms_read(self) -> list[str]:
        """The arms on whose seeds it is judged."""
        return self.subjects

    @property
    def compared_arms(self) -> list[tuple[str, str]]:
        """The pairs of arms that are compared."""
        return []


class Measured(_Kind):
    """What every measured criterion may say: a metric, a bound, and modifiers."""

    metric: LoggedName
    at: int | Statistic | None = None
    """Which value of a run's series: a step, or a statistic over steps; the final one if absent."""
    since: int | Literal["first"] | None = None
    """Compare that value with the one at this step of the same run (difference, or ratio)."""
    as_: Literal["difference", "ratio"] = Field("difference", alias="as")
    over_seeds: Literal["sd", "min", "max"] | None = None
    """Judge the standard deviation over seeds, or the least or largest value, in place of the mean."""
    needs_complete: bool = False
    """Later epochs can change it: undecided on runs that ended early."""
    treatment: Treatment | EarlierTreatment | None = None
    """How uncertainty is treated: bounds if absent."""
    pair: Pairing | None = unless_written(None)
    """Whether compared arms are taken seed by seed; the phase's if absent, and else as their seeds allow."""
    factor: list[LoggedName] | LoggedName = []
    """The parameters in which the arms compared here are meant to differ; the phase's if absent."""
    says: str = ""

    above: Finite | Literal["floor"] | None = None
    at_least: Finite | Literal["floor"] | None = None
    below: Finite | Literal["floor"] | None = None
    at_most: Finite | Literal["floor"] | None = None
    between: tuple[Finite, Finite] | None = None
    within: Annotated[Finite, Field(gt=0)] | None = None
    """Equivalence: no further from zero (from one, for a ratio) than this."""
    better_by: Annotated[Finite, Field(gt=0)] | None = None
    """The smallest improvement that matters, in the metric's own unit and direction."""

    @property
    def threshold_key(self) -> str | None:
        """The one bound that is set; None for an order."""
        return next((b for b in BOUNDS if getattr(self, b) is not None), None)

    @property
    def threshold(self) -> float | tuple[float, float]:
        """The bound's value; a floor counts as zero, because the floor is subtracted first."""
        value = getattr(self, self.threshold_key) if self.threshold_key else 0.0
        return 0.0 if value == "floor" else value

    @property
    def treated(self) -> Treatment:
        """How uncertainty is treated, also where the criterion does not say."""
        return "point" if self.treatment == "point" else "bounds"

    @property
    def of_deviation(self) -> bool:
        """Whether the standard deviation over seeds is judged."""
        return self.over_seeds == "sd"

    @property
    def extreme(self) -> Literal["min", "max"] | None:
        """The value over seeds that is judged where every seed has to meet the bound by itself."""
        return None if self.over_seeds == "sd" else self.over_seeds

    @property
    def of_every_seed(self) -> bool:
        """Whether every seed has to meet the bound by itself."""
        return self.extreme is not None

    @property
    def against_floor(self) -> bool:
        """Whether the bound is the metric's floor."""
        return self.threshold_key is not None and getattr(self, self.threshold_key) == "floor"

    @property
    def factors(self) -> list[str]:
        """``factor`` as a list."""
        return [self.factor] if isinstance(self.factor, str) else list(self.factor)

    @pydantic.model_validator(mode="after")
    def _one_bound(self) -> Measured:
        given = [b for b in BOUNDS if getattr(self, b) is not None]
        if len(given) != (0 if isinstance(self, Order) else 1):
            wanted = "no bound" if isinstance(self, Order) else f"exactly one of {', '.join(BOUNDS)}"
            raise ValueError(f"needs {wanted}, has {', '.join(given) or 'none'}")
        if self.between is not None and self.between[0] > self.between[1]:
            raise ValueError("between: the lower end comes first")
        extreme = _EXTREMES.get(given[0] if given else "")
        if self.of_every_seed and self.over_seeds != extreme:
            better = f"say 'over_seeds: {extreme}'" if extreme else "needs one bound: at_least, at_most, ..."
            raise ValueError(f"over_seeds: {self.over_seeds} asks that every seed meets the bound: {better}")
        return self


BOUNDS = ("above", "at_least", "below", "at_most", "between", "within", "better_by")


_EXTREMES = {
    **dict.fromkeys(("above", "at_least", "better_by"), "min"),
    **dict.fromkeys(("below", "at_most"), "max"),
}
"""Bound -> the value that meets it only where every other does."""


class _OverArms(Measured):
    arm: Pattern | None = None
    each_of: list[Pattern] | Pattern = []
    any_arm: list[Pattern] | Pattern = []

    @property
    def subjects(self) -> list[str]:
        """The arms that are judged, in order."""
        if self.arm is not None:
            return [self.arm]
        chosen = self.each_of or self.any_arm
        return [chosen] if isinstance(chosen, str) else list(chosen)

    @pydantic.model_validator(mode="after")
    def _one_subject(self) -> _OverArms:
        if sum(map(bool, (self.arm, self.each_of, self.any_arm))) != 1:
            raise ValueError("needs exactly one of arm, each_of, any_arm")
        return self


class Level(_OverArms):
    """A threshold on an arm's own value."""

    @property
    def kind(self) -> str:
        return "level"

    @pydantic.model_validator(mode="after")
    def _no_versus(self) -> Level:
        if self.better_by is not None:
            raise ValueError("better_by needs versus: better than which arm?")
        return self


class Comparison(_OverArms):
    """A difference or ratio between two arms, or between two metrics of one arm."""

    versus: Pattern | None = None
    versus_metric: LoggedName | None = None

    @property
    def kind(self) -> str:
        return "comparison"

    @property
    def other_metric(self) -> str:
        """The metric on the right-hand side."""
        return self.versus_metric or self.metric

    @property
    def arms_read(self) -> list[str]:
        """The arms on whose seeds it is judged: the one that others are compared with comes last."""
        return [*self.subjects, *([self.versus] if self.versus is not None else [])]

    @property
    def compared_arms(self) -> list[tuple[str, str]]:
        """Each subject with the arm that it is compared with."""
        versus = self.versus
        return [(arm, versus) for arm in self.subjects if versus is not None and arm != versus]

    @pydantic.model_validator(mode="after")
    def _ratio_has_no_delta(self) -> Comparison:
        if self.better_by is not None and self.as_ == "ratio":
            raise ValueError("better_by is a difference in the metric's own unit: leave out 'as: ratio'")
        return self


class Blocked(Measured):
    """A difference between arms of two families, in each of several blocks (datasets, tasks, machines)."""

    blocks: LoggedName
    """The parameter in which the arms of a family differ: each value is a block."""
    each_of: list[Pattern] | Pattern
    versus: list[Pattern] | Pattern
    """The arms that those are compared with, block by block, in the same order."""
    over_blocks: Literal["mean", "each", "most"] = "mean"
    """What is asked: the mean over blocks at a seed, every block, or most of at least six blocks."""

    @property
    def kind(self) -> str:
        return "blocked"

    @property
    def subjects(self) -> list[str]:
        """The arms that are judged, block by block."""
        return [self.each_of] if isinstance(self.each_of, str) else list(self.each_of)

    @property
    def baselines(self) -> list[str]:
        """The arms that they are compared with."""
        return [self.versus] if isinstance(self.versus, str) else list(self.versus)

    @property
    def arms_read(self) -> list[str]:
        """The arms on whose seeds it is judged."""
        return [*self.subjects, *self.baselines]

    @property
    def judged_pairs(self) -> list[tuple[str, str]]:
        """The two arms of each block."""
        return list(zip(self.subjects, self.baselines, strict=False))

    @property
    def compared_arms(self) -> list[tuple[str, str]]:
        """The two arms of each block."""
        return self.judged_pairs

    @pydantic.model_validator(mode="after")
    def _differences_alone(self) -> Blocked:
        if self.as_ == "ratio" or self.over_seeds:
            raise ValueError(
                "blocks are compared by difference at each seed: leave out 'as' and 'over_seeds'"
            )
        return self


class Order(Measured):
    """Arms from best to worst on one metric."""

    best_first: Annotated[list[Pattern], Field(min_length=1)]

    @property
    def kind(self) -> str:
        return "order"

    @property
    def subjects(self) -> list[str]:
        """The arms that are judged, best first."""
        return list(self.best_first)

    @property
    def judged_pairs(self) -> list[tuple[str, str]]:
        """Each arm with the next best one: what makes the order."""
        return list(pairwise(self.subjects))

    @property
    def compared_arms(self) -> list[tuple[str, str]]:
        """Every two arms: an order speaks of all of them."""
        return list(combinations(self.subjects, 2))


class Spread(Measured):
    """A plateau: the largest difference among several arms."""

    spread_of: list[Pattern] | Pattern

    @property
    def kind(self) -> str:
        return "spread"

    @property
    def subjects(self) -> list[str]:
        """The arms that are judged."""
        return [self.spread_of] if isinstance(self.spread_of, str) else list(self.spread_of)

    @property
    def judged_pairs(self) -> list[tuple[str, str]]:
        """Every two arms."""
        return list(combinations(self.subjects, 2))

    @property
    def compared_arms(self) -> list[tuple[str, str]]:
        """Every two arms."""
        return self.judged_pairs

    @pydantic.model_validator(mode="after")
    def _at_most_only(self) -> Spread:
        if self.at_most is None or self.at_most == "floor":
            raise ValueError("spread_of needs at_most: the largest spread that still counts as flat")
        return self


class Combined(_Kind):
    """Criteria joined by and / or."""

    all_of: list[Ref] = []
    any_of: list[Ref] = []
    says: str = ""

    @property
    def kind(self) -> str:
        return "combined"

    @property
    def parts(self) -> list[str]:
        """The criteria that are joined."""
        return list(self.all_of or self.any_of)

    @pydantic.model_validator(mode="after")
    def _one_list(self) -> Combined:
        if bool(self.all_of) == bool(self.any_of):
            raise ValueError("needs exactly one of all_of, any_of, not empty")
        return self


def _kind_by_keys(value: Any) -> str:
    if isinstance(value, Written):
        return str(getattr(value, "kind", "level"))
    keys = set(value) if isinstance(value, dict) else set()
    if keys & {"all_of", "any_of"}:
        return "combined"
    if "best_first" in keys:
        return "order"
    if "spread_of" in keys:
        return "spread"
    if keys & {"blocks", "over_blocks"}:
        return "blocked"
    return "comparison" if keys & {"versus", "versus_metric"} else "level"


MeasuredCriterion = Level | Comparison | Order | Spread | Blocked
"""The kinds that measure; a ``match`` over them ends in ``assert_never``, so that mypy names each place
where a new kind is missing."""
Criterion = Annotated[
    Annotated[Level, Tag("level")]
    | Annotated[Comparison, Tag("comparison")]
    | Annotated[Order, Tag("order")]
    | Annotated[Spread, Tag("spread")]
    | Annotated[Blocked, Tag("blocked")]
    | Annotated[Combined, Tag("combined")],
    Discriminator(_kind_by_keys),
]
