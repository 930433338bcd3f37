"""The rules under which a phase is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from planner.criteria.looks import PastLooks

LEAST_SEEDS = 3


@dataclass(frozen=True)
class TestDesign:
    """The rules under which a phase is judged.

    Attributes:
        seeds: the planned number of seeds; the first look.
        most_seeds: the number of seeds at which looking ends.
        false_pass, false_fail: alpha and beta; alpha is the gate's share of the program's.
        gating: criteria that some gate rests on.
        may_fail: comparisons any one of which fails the gate.
        borrowed: criterion -> alpha, for those that gates of other phases rest on.
        plain: alpha for what lets no gate pass; ``false_pass`` where there is none.
        final: no more seeds are to be had, so that a criterion must do with what there is.
        required: criteria whose evidence the gate requires.
        alternatives: criterion -> how many share its error rate, because one of them suffices.
        guarding: criteria that are guards and no gate's: they are about the runs that are there.
        guards: whether the criterion being judged is one of them.
        weighs_claims: what speaks for each criterion is weighed, because claims share an error rate.
        criterion: the one being judged.
        past_looks: how each comparison was judged before by these rules.
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
    may_fail: int = 1
    borrowed: Mapping[str, float] = field(default_factory=dict)
    plain: float | None = None
    guarding: frozenset[str] = frozenset()
    guards: bool = False
    weighs_claims: bool = False
    criterion: str = ""
    past_looks: PastLooks = field(default_factory=dict)

    def of(self, criterion: str) -> TestDesign:
        """The rules for one criterion: the gate's share of the error budget is for what lets the gate pass.

        Where any of several suffices, each has its part of that share, and what several gates rest on is
        judged for all of them. Whatever the gate does not rest on passes nothing, and is judged at the plain
        rate. A gate that any of several comparisons may fail divides beta among them.
        """
        share = self.borrowed.get(criterion, self.false_pass) / self.alternatives.get(criterion, 1)
        rate = share if criterion in self.gating else self.plain_rate
        guards = criterion in self.guarding
        may_fail = self.may_fail if criterion in self.required else 1
        return replace(self, false_pass=rate, may_fail=may_fail, guards=guards, criterion=criterion)

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
