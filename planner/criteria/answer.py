"""How one quantity, measured over seeds, is held against one bound.

Everything that a measured criterion asks comes down to this: a value per seed, a region in which it
should lie, and a treatment of uncertainty (point, interval, sequential or anytime).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from planner import anytime, intervals, sequential
from planner.criteria import flips
from planner.criteria.quantity import Quantity
from planner.records import CriterionOutcome

LEAST_SEEDS = 3
_NUDGE = 1e-6


@dataclass(frozen=True)
class Judging:
    """The rules under which a phase is judged.

    Attributes:
        seeds: the planned number of seeds; the first look.
        most_seeds: the number of seeds at which looking ends.
        false_pass, false_fail: alpha and beta.
        final: no more seeds are to be had, so that a criterion must do with what there is.
        required: criteria whose evidence the gate requires.
        alternatives: criterion -> how many share its error rate, because one of them suffices.
    """

    seeds: int
    most_seeds: int
    false_pass: float = 0.05
    false_fail: float = 0.10
    final: bool = False
    required: frozenset[str] = frozenset()
    alternatives: Mapping[str, int] = field(default_factory=dict)

    def of(self, criterion: str) -> Judging:
        """The rules for one criterion: at its share of the error rate where any of several suffices."""
        return replace(self, false_pass=self.false_pass / self.alternatives.get(criterion, 1))

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which an interval criterion is judged; the error is split among them."""
        first = max(self.seeds, LEAST_SEEDS)
        return (first, self.most_seeds) if self.most_seeds > first else (first,)

    @property
    def level(self) -> float:
        """The level of an interval: 1 minus the false-pass rate, split over the looks."""
        return self.shared_level(1)

    def shared_level(self, family: int) -> float:
        """The level of an interval where several share the error rate."""
        return 1 - self.false_pass / len(self.looks) / family

    def counted(self, n: int) -> int:
        """How many of n seeds an interval criterion uses: those of the last look that n reaches.

        Without more to come it uses all of them.
        """
        reached = [k for k in self.looks if k <= n]
        return n if self.final or not reached else reached[-1]


@dataclass(frozen=True)
class Answer:
    """What one quantity says; the fields are those of a CriterionResult."""

    outcome: CriterionOutcome
    observed: float | None
    n: int
    treatment: str
    interval: tuple[float, float] | None = None
    margin: float | None = None
    flips_at: float | None = None
    flips_to: CriterionOutcome | None = None
    cause: str | None = None
    note: str = ""
    needs: int | None = None


def judge_quantity(quantity: Quantity, judging: Judging) -> Answer:
    """Holds a quantity against its bound, falling back to ``point`` where seeds are too few for more.

    A criterion with too few seeds while more can be had is undecided, and so is a deviation over one
    seed: it is none.
    """
    n, in_sequence = len(quantity.values), quantity.in_sequence
    if quantity.spread and n < 2:
        note = "one seed has no deviation"
        return Answer("undecided", None, n, "point", cause="few_seeds", note=note)
    if quantity.treatment == "point":
        return _turned(quantity, _point(quantity), _point)
    planned = LEAST_SEEDS if in_sequence or judging.final else judging.looks[0]
    if n < planned and judging.final:
        answer = _turned(quantity, _point(quantity), _point)
        return replace(answer, note=f"{n} of at least {LEAST_SEEDS} seeds: the value itself")
    if n < planned:
        note = f"{n} of {judging.looks[0]} seeds"
        return replace(_point(quantity), outcome="undecided", cause="few_seeds", flips_at=None, note=note)
    if in_sequence:
        return _in_sequence(quantity, judging)
    return _turned(quantity, _interval(quantity, judging), lambda moved: _interval(moved, judging))


def _turned(quantity: Quantity, answer: Answer, judge: Callable[[Quantity], Answer]) -> Answer:
    """The answer with the outcome beyond its flip point; without either where nothing changes there."""
    edge, observed = answer.flips_at, answer.observed
    if edge is None or observed is None:
        return answer
    little = _NUDGE * max(abs(edge), abs(edge - observed), 1e-9)
    # A value on its bound flips to one side alone.
    sides = (-1.0, 1.0) if edge == observed else (math.copysign(1.0, edge - observed),)
    for side in sides:
        outcome = judge(_moved(quantity, observed, edge + side * little)).outcome
        if outcome != answer.outcome:
            return replace(answer, flips_to=outcome)
    return replace(answer, flips_at=None)


def _moved(quantity: Quantity, observed: float, to: float) -> Quantity:
    """The quantity with values shifted, or scaled for a deviation, so that ``to`` is observed."""
    if not quantity.spread:
        return replace(quantity, values={s: v + to - observed for s, v in quantity.values.items()})
    centre, factor = intervals.mean(quantity.in_order), to / observed if observed else 1.0
    return replace(quantity, values={s: centre + (v - centre) * factor for s, v in quantity.values.items()})


def _point(quantity: Quantity) -> Answer:
    values = quantity.in_order
    observed = intervals.sd(values) if quantity.spread else intervals.mean(values)
    outcome: CriterionOutcome = "met" if quantity.region.holds(observed) else "not_met"
    if quantity.delta is not None and 0 < observed < quantity.delta:
        outcome = "undecided"
    edge = flips.of_point(quantity, observed)
    margin = quantity.region.margin(observed)
    cause = "undecided" if outcome == "undecided" else None
    note = "above 0, short of the smallest difference that matters" if outcome == "undecided" else ""
    return Answer(outcome, observed, len(values), "point", None, margin, edge, None, cause, note)


def _interval(quantity: Quantity, judging: Judging) -> Answer:
    counted = quantity.in_order[: judging.counted(len(quantity.values))]
    observed = intervals.sd(counted) if quantity.spread else intervals.mean(counted)
    build = intervals.sd_interval if quantity.spread else intervals.t_interval
    met, lost = (
        build(counted, judging.shared_level(family)) or (observed, observed)
        for family in (quantity.family, quantity.family_lost)
    )
    outcome: CriterionOutcome = "undecided"
    if quantity.surely_in(met):
        outcome = "met"
    elif quantity.surely_out(lost):
        outcome = "not_met"
    edge = flips.of_interval(quantity, observed, met, lost, outcome)
    shown = {"met": met, "not_met": lost}.get(outcome) or max(met, lost, key=lambda i: i[1] - i[0])
    cause = "undecided" if outcome == "undecided" else None
    margin = quantity.region.margin(observed)
    return Answer(outcome, observed, len(counted), "interval", shown, margin, edge, None, cause)


_OF_SEQUENTIAL: dict[str, CriterionOutcome] = {
    "supported": "met",
    "refuted": "not_met",
    "continue": "undecided",
}


def _in_sequence(quantity: Quantity, judging: Judging) -> Answer:
    delta = quantity.delta or 0.0
    values = quantity.in_order[: max(judging.most_seeds, LEAST_SEEDS)]
    alpha = judging.false_pass / quantity.family

    def answer(shift: float) -> tuple[str, int]:
        moved = [value + shift for value in values]
        if quantity.treatment == "anytime":
            return anytime.first_answer(moved, delta, alpha, judging.false_fail, quantity.others)
        return sequential.first_answer(moved, delta, alpha, judging.false_fail, quantity.prior)

    found, used = answer(0.0)
    observed = intervals.mean(values[:used])
    shown = intervals.t_interval(values[:used], 1 - judging.false_pass)
    outcome = _OF_SEQUENTIAL[found]
    reach = 8 * delta + abs(observed) + 8 * intervals.sd(values)
    shift = flips.nearest_shift(lambda moved: answer(moved)[0], found, delta / 10, reach)
    edge = observed + shift if shift is not None else None
    beyond = _OF_SEQUENTIAL[answer(shift)[0]] if shift is not None else None
    cause = "undecided" if outcome == "undecided" else None
    margin = observed - delta
    return Answer(outcome, observed, used, quantity.treatment, shown, margin, edge, beyond, cause)
