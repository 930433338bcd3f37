"""How one quantity, measured over seeds, is held against one bound.

Everything that a measured criterion asks comes down to this: a value per seed, a region in which it
should lie, and a treatment of uncertainty (point, interval or sequential).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from planner import intervals, sequential
from planner.program import Measured
from planner.records import CriterionOutcome

LEAST_SEEDS = 3


@dataclass(frozen=True)
class Judging:
    """The rules under which a phase is judged.

    Attributes:
        seeds: the planned number of seeds; the first look.
        most_seeds: the number of seeds at which looking ends.
        false_pass, false_fail: alpha and beta.
        final: no more seeds are to be had, so that a criterion must do with what there is.
        required: criteria whose evidence the gate requires.
    """

    seeds: int
    most_seeds: int
    false_pass: float = 0.05
    false_fail: float = 0.10
    final: bool = False
    required: frozenset[str] = frozenset()

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which an interval criterion is judged; the error is split among them."""
        first = max(self.seeds, LEAST_SEEDS)
        return (first, self.most_seeds) if self.most_seeds > first else (first,)

    @property
    def level(self) -> float:
        """The level of an interval: 1 minus the false-pass rate, split over the looks."""
        return 1 - self.false_pass / len(self.looks)

    def counted(self, n: int) -> int:
        """How many of n seeds an interval criterion uses: those of the last look that n reaches.

        Without more to come it uses all of them.
        """
        reached = [k for k in self.looks if k <= n]
        return n if self.final or not reached else reached[-1]


@dataclass(frozen=True)
class Region:
    """The values that meet a bound: between ``low`` and ``high``, ends included unless open."""

    low: float
    high: float
    open: bool = False

    def holds(self, value: float) -> bool:
        """Whether a value lies in it."""
        if self.open:
            return self.low < value < self.high
        return self.low <= value <= self.high

    def margin(self, value: float) -> float:
        """How far inside (positive) or outside (negative) a value lies."""
        return min(value - self.low, self.high - value)


@dataclass(frozen=True)
class Quantity:
    """What is judged: a value per seed, and which bound it is held against.

    Attributes:
        delta: the smallest improvement that matters, for ``better_by``; values are improvements then.
        prior: the pooled noise of the arms compared, for the sequential rule.
        family: how many comparisons share the support bound.
    """

    values: Mapping[int, float]
    region: Region
    treatment: str
    delta: float | None = None
    prior: sequential.Prior = sequential.Prior()
    family: int = 1
    spread: bool = False

    @property
    def in_order(self) -> list[float]:
        """The values in order of seed."""
        return [value for _, value in sorted(self.values.items())]


@dataclass(frozen=True)
class Answer:
    """What one quantity says; the fields are those of a CriterionResult."""

    outcome: CriterionOutcome
    observed: float
    n: int
    treatment: str
    interval: tuple[float, float] | None = None
    margin: float | None = None
    flips_at: float | None = None
    cause: str | None = None
    note: str = ""


def region_of(rule: Measured, threshold: float | tuple[float, float], centre: float = 0.0) -> Region:
    """The region of a bound; ``within`` is centred on 0, or on 1 for a ratio."""
    if isinstance(threshold, tuple):
        return Region(*threshold)
    bound = rule.threshold_key
    if bound in ("above", "at_least"):
        return Region(threshold, math.inf, open=bound == "above")
    if bound in ("below", "at_most"):
        return Region(-math.inf, threshold, open=bound == "below")
    if bound == "within":
        return Region(centre - threshold, centre + threshold)
    return Region(threshold, math.inf)


def judge_quantity(quantity: Quantity, judging: Judging) -> Answer:
    """Holds a quantity against its bound, falling back to ``point`` where seeds are too few for more.

    A criterion with too few seeds while more can be had is undecided.
    """
    n = len(quantity.values)
    if quantity.treatment == "point":
        return _point(quantity)
    if n < LEAST_SEEDS or (n < judging.looks[0] and quantity.treatment == "interval" and not judging.final):
        if judging.final:
            return replace(_point(quantity), note=f"{n} of at least {LEAST_SEEDS} seeds: the value itself")
        answer = _point(quantity)
        return replace(
            answer, outcome="undecided", cause="few_seeds", note=f"{n} of {judging.looks[0]} seeds"
        )
    if quantity.treatment == "sequential" and quantity.delta is not None:
        return _sequential(quantity, quantity.delta, judging)
    return _interval(quantity, judging)


def _point(quantity: Quantity) -> Answer:
    values = quantity.in_order
    observed = intervals.sd(values) if quantity.spread else intervals.mean(values)
    outcome: CriterionOutcome = "met" if quantity.region.holds(observed) else "not_met"
    if quantity.delta is not None and 0 < observed < quantity.delta:
        outcome = "undecided"
    edge = _nearest_edge(quantity.region, observed)
    margin = quantity.region.margin(observed)
    cause = "undecided" if outcome == "undecided" else None
    note = "above 0, short of the smallest difference that matters" if outcome == "undecided" else ""
    return Answer(outcome, observed, len(values), "point", None, margin, edge, cause, note)


def _interval(quantity: Quantity, judging: Judging) -> Answer:
    counted = quantity.in_order[: judging.counted(len(quantity.values))]
    build = intervals.sd_interval if quantity.spread else intervals.t_interval
    observed = intervals.sd(counted) if quantity.spread else intervals.mean(counted)
    found = build(counted, judging.level) or (observed, observed)
    outcome = _side(quantity, found)
    flips = _flip_of_interval(quantity, observed, found, outcome)
    cause = "undecided" if outcome == "undecided" else None
    margin = quantity.region.margin(observed)
    return Answer(outcome, observed, len(counted), "interval", found, margin, flips, cause)


def _side(quantity: Quantity, interval: tuple[float, float]) -> CriterionOutcome:
    low, high = interval
    region = quantity.region
    if quantity.delta is not None:
        return "met" if low > 0 else "not_met" if high < quantity.delta else "undecided"
    if region.holds(low) and region.holds(high):
        return "met"
    beyond = high < region.low or low > region.high
    touching = region.open and (high <= region.low or low >= region.high)
    return "not_met" if beyond or touching else "undecided"


def _flip_of_interval(
    quantity: Quantity, observed: float, interval: tuple[float, float], outcome: CriterionOutcome
) -> float | None:
    """The observed value at which the outcome changes, the interval's width held fixed.

    For an undecided criterion it is the nearer of the two values at which it would be decided.
    """
    below, above = observed - interval[0], interval[1] - observed
    region = quantity.region
    low, high = (0.0, math.inf) if quantity.delta is not None else (region.low, region.high)
    refuted_at = quantity.delta if quantity.delta is not None else region.low
    met_edges = [low + below, high - above]
    lost_edges = [refuted_at - above, high + below]
    edges = {"met": met_edges, "not_met": lost_edges}.get(outcome, met_edges + lost_edges)
    finite = [edge for edge in edges if math.isfinite(edge)]
    return min(finite, key=lambda edge: abs(edge - observed)) if finite else None


def _nearest_edge(region: Region, observed: float) -> float | None:
    finite = [edge for edge in (region.low, region.high) if math.isfinite(edge)]
    return min(finite, key=lambda edge: abs(edge - observed)) if finite else None


_OF_SEQUENTIAL: dict[str, CriterionOutcome] = {
    "supported": "met",
    "refuted": "not_met",
    "continue": "undecided",
}


def _sequential(quantity: Quantity, delta: float, judging: Judging) -> Answer:
    values = quantity.in_order[: judging.most_seeds]
    alpha = judging.false_pass / quantity.family

    def answer(shift: float) -> tuple[str, int]:
        moved = [value + shift for value in values]
        return sequential.first_answer(moved, delta, alpha, judging.false_fail, quantity.prior)

    found, used = answer(0.0)
    observed = intervals.mean(values[:used])
    shown = intervals.t_interval(values[:used], 1 - judging.false_pass)
    outcome = _OF_SEQUENTIAL[found]
    flips = _flip_by_shift(lambda shift: answer(shift)[0], found, delta, observed)
    cause = "undecided" if outcome == "undecided" else None
    return Answer(outcome, observed, used, "sequential", shown, observed - delta, flips, cause)


def _flip_by_shift(answer: Callable[[float], str], now: str, delta: float, observed: float) -> float | None:
    """The observed value at which the sequential answer changes when every difference moves alike.

    Looks to both sides, up to eight deltas away in steps of a tenth, then halves the step around the
    first change; the nearer side counts.
    """
    found: list[float] = []
    for sign in (1.0, -1.0):
        step = next((k for k in range(1, 81) if answer(sign * k * delta / 10) != now), None)
        if step is None:
            continue
        near, far = sign * (step - 1) * delta / 10, sign * step * delta / 10
        for _ in range(40):
            middle = (near + far) / 2
            near, far = (near, middle) if answer(middle) != now else (middle, far)
        found.append(observed + far)
    return min(found, key=lambda value: abs(value - observed)) if found else None
