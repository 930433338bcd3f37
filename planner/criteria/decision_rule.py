"""How one quantity, measured over seeds, is held against one bound.

Everything that a measured criterion asks comes down to this: a value per seed, a region in which it
should lie, and a treatment of uncertainty (point, interval, sequential or anytime).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from planner.criteria import flip_points as flips
from planner.criteria.answer import (
    Answer,
    AnswerWithEdges,
    FlipPoints,
    answer_without_variation,
    exact_answer,
    point_answer,
)
from planner.criteria.quantity import Quantity
from planner.records.verdict import CriterionOutcome
from planner.statistics import anytime, intervals, sequential

LEAST_SEEDS = 3
_NUDGE = 1e-6


@dataclass(frozen=True)
class TestDesign:
    """The rules under which a phase is judged.

    Attributes:
        seeds: the planned number of seeds; the first look.
        most_seeds: the number of seeds at which looking ends.
        false_pass, false_fail: alpha and beta; alpha is the gate's share of the program's.
        gating: criteria that some gate rests on.
        plain: alpha for what lets no gate pass; ``false_pass`` where there is none.
        final: no more seeds are to be had, so that a criterion must do with what there is.
        required: criteria whose evidence the gate requires.
        alternatives: criterion -> how many share its error rate, because one of them suffices.
        guarding: criteria that are guards and no gate's: they are about the runs that are there.
        guards: whether the criterion being judged is one of them.
    """

    __test__ = False  # pytest takes a class of this name for tests

    seeds: int
    most_seeds: int
    false_pass: float = 0.05
    false_fail: float = 0.10
    final: bool = False
    required: frozenset[str] = frozenset()
    alternatives: Mapping[str, int] = field(default_factory=dict)
    gating: frozenset[str] = frozenset()
    plain: float | None = None
    guarding: frozenset[str] = frozenset()
    guards: bool = False

    def of(self, criterion: str) -> TestDesign:
        """The rules for one criterion: the gate's share of the error budget is for what lets the gate pass.

        Where any of several suffices, each has its part of that share. Whatever the gate does not rest on
        passes nothing, and is judged at the plain rate.
        """
        share = self.false_pass / self.alternatives.get(criterion, 1)
        rate = share if criterion in self.gating else self.plain_rate
        return replace(self, false_pass=rate, guards=criterion in self.guarding)

    @property
    def plain_rate(self) -> float:
        """The error rate of what lets no gate pass."""
        return self.false_pass if self.plain is None else self.plain

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which an interval criterion is judged; the error is split among them."""
        first = max(self.seeds, LEAST_SEEDS)
        return (first, self.most_seeds) if self.most_seeds > first else (first,)

    def confidence_level_met(self, n_comparisons_met: int = 1) -> float:
        """The level of the interval that has to meet a bound, split over the looks and over a family.

        Wherever the truth lies just short of a bound, one side of the interval alone errs: half of what is
        left of 1. So that a share of the budget is not halved for nothing, the interval may leave twice the
        share, but never more than the plain rate.
        """
        return 1 - min(2 * self.false_pass, self.plain_rate) / len(self.looks) / n_comparisons_met

    def confidence_level_not_met(self, n_comparisons_met: int = 1) -> float:
        """The level of the interval that has to miss a bound: that lets no gate pass."""
        return 1 - self.plain_rate / len(self.looks) / n_comparisons_met

    def counted(self, n: int) -> int:
        """How many of n seeds an interval criterion uses: those of the last look that n reaches.

        Without more to come it uses all of them.
        """
        reached = [k for k in self.looks if k <= n]
        return n if self.final or not reached else reached[-1]


def judge_quantity(quantity: Quantity, design: TestDesign, with_flip_points: bool = False) -> Answer:
    """Holds a quantity against its bound, falling back to ``point`` where seeds are too few for more.

    A criterion with too few seeds while more can be had is undecided, and so is a deviation over one
    seed: it is none.

    Args:
        with_flip_points: also find the observed values at which the outcome changes; takes most of the time.
    """
    n, in_sequence = len(quantity.values), quantity.in_sequence
    if quantity.spread and n < 2:
        note = "one seed has no deviation"
        return Answer("undecided", None, n, "point", cause="few_seeds", note=note)
    if quantity.deterministic:
        return _answered(quantity, exact_answer, with_flip_points)
    if quantity.treatment == "point" or (design.guards and quantity.without_variation):
        return _answered(quantity, point_answer, with_flip_points)
    planned = LEAST_SEEDS if in_sequence or design.final else design.looks[0]
    if n < planned and design.final:
        note = f"{n} of at least {LEAST_SEEDS} seeds: the value itself"
        return replace(_answered(quantity, point_answer, with_flip_points), note=note)
    if n < planned:
        note = f"{n} of {design.looks[0]} seeds"
        return replace(point_answer(quantity)[0], outcome="undecided", cause="few_seeds", note=note)
    if in_sequence:
        return _in_sequence(quantity, design, with_flip_points)
    return _answered(quantity, lambda moved: _interval(moved, design), with_flip_points)


def _answered(
    quantity: Quantity, judge: Callable[[Quantity], AnswerWithEdges], with_flip_points: bool
) -> Answer:
    """The answer; where asked for, with the outcomes beyond the values at which it changes."""
    answer, edges = judge(quantity)
    observed = answer.observed
    if observed is None or not with_flip_points:
        return answer
    values: dict[CriterionOutcome, float] = {}
    for edge in sorted(filter(math.isfinite, edges), key=lambda edge: abs(edge - observed)):
        nudge = _NUDGE * max(abs(edge), abs(edge - observed), 1e-9)
        # A value on its bound flips to one side alone.
        sides = (-1.0, 1.0) if edge == observed else (math.copysign(1.0, edge - observed),)
        for side in sides:
            outcome = judge(_moved(quantity, observed, edge + side * nudge))[0].outcome
            if outcome != answer.outcome:
                values.setdefault(outcome, edge)
    return replace(answer, flip_points=tuple((edge, outcome) for outcome, edge in values.items()))


def _moved(quantity: Quantity, observed: float, to: float) -> Quantity:
    """The quantity with values shifted, or scaled for a deviation, so that ``to`` is observed."""
    if not quantity.spread:
        return replace(quantity, values={s: v + to - observed for s, v in quantity.values.items()})
    centre, factor = intervals.mean(quantity.in_order), to / observed if observed else 1.0
    return replace(quantity, values={s: centre + (v - centre) * factor for s, v in quantity.values.items()})


def _interval(quantity: Quantity, design: TestDesign) -> AnswerWithEdges:
    counted = quantity.in_order[: design.counted(len(quantity.values))]
    observed = intervals.sd(counted) if quantity.spread else intervals.mean(counted)
    if intervals.varies(counted, quantity.rounding):
        build = intervals.sd_interval if quantity.spread else intervals.t_interval
    elif quantity.pool is not None and not quantity.spread:
        build = quantity.pool.interval
    else:
        return answer_without_variation(quantity, len(counted)), []
    levels = (
        design.confidence_level_met(quantity.n_comparisons_met),
        design.confidence_level_not_met(quantity.n_comparisons_not_met),
    )
    met, not_met = (build(counted, level) or (observed, observed) for level in levels)
    outcome: CriterionOutcome = "undecided"
    if quantity.surely_in(met):
        outcome = "met"
    elif quantity.surely_out(not_met):
        outcome = "not_met"
    shown = {"met": met, "not_met": not_met}.get(outcome) or max(met, not_met, key=lambda i: i[1] - i[0])
    cause = "undecided" if outcome == "undecided" else None
    margin = quantity.region.margin(observed)
    answer = Answer(outcome, observed, len(counted), "interval", shown, margin, (), cause)
    return answer, flips.of_interval(quantity, observed, met, not_met)


_OF_SEQUENTIAL: dict[str, CriterionOutcome] = {
    "supported": "met",
    "refuted": "not_met",
    "continue": "undecided",
}


def _in_sequence(quantity: Quantity, design: TestDesign, with_flip_points: bool) -> Answer:
    delta = quantity.delta or 0.0
    values = quantity.in_order[: max(design.most_seeds, LEAST_SEEDS)]
    alpha = design.false_pass / quantity.n_comparisons_met

    def answer(shift: float) -> tuple[str, int]:
        moved = [value + shift for value in values]
        if quantity.treatment == "anytime":
            return anytime.first_answer(
                moved, delta, alpha, design.false_fail, quantity.others, quantity.rounding
            )
        return sequential.first_answer(
            moved, delta, alpha, design.false_fail, quantity.prior, quantity.rounding
        )

    decision, used = answer(0.0)
    if decision == "continue" and not quantity.prior.df and not intervals.varies(values, quantity.rounding):
        return answer_without_variation(quantity, used)
    observed = intervals.mean(values[:used])
    shown = intervals.t_interval(values[:used], 1 - design.false_pass)
    outcome = _OF_SEQUENTIAL[decision]
    flip_points: FlipPoints = ()
    if with_flip_points:
        reach = 8 * delta + abs(observed) + 8 * intervals.sd(values)
        shifts = flips.nearest_shifts(lambda moved: answer(moved)[0], decision, delta / 10, reach)
        flip_points = tuple((observed + shift, _OF_SEQUENTIAL[beyond]) for beyond, shift in shifts)
    cause = "undecided" if outcome == "undecided" else None
    return Answer(outcome, observed, used, quantity.treatment, shown, observed - delta, flip_points, cause)
