"""Which seeds are made next: arms that are compared with each other share theirs.

A seed that one arm has lost (its run failed for good, or a person excluded it) is of no use to a paired
comparison. The next seed is made in its place, for every arm that is compared with the one that lost it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count

from planner.evidence.evidence import Evidence
from planner.language.criterion import Measured
from planner.language.program import Phase
from planner.language.types import Pairing

Pair = tuple[str, str]
_ENOUGH_TO_PAIR = 3
"""Two arms that share fewer seeds than this, of as many or more, are not taken seed by seed."""


@dataclass(frozen=True)
class ArmSeeds:
    """What became of the seeds of one arm.

    Attributes:
        good: those that gave evidence.
        failed: those that gave none and are not tried again; each counts among the seeds of its arm.
        excluded: those whose run a person keeps out; they count for nothing.
        asked_again: those whose run a person wants made once more.
        complete: no more are made, because others have measured the arm.
        given_up: no more are made, because all failed alike.
    """

    good: frozenset[int] = frozenset()
    failed: frozenset[int] = frozenset()
    excluded: frozenset[int] = frozenset()
    asked_again: frozenset[int] = frozenset()
    complete: bool = False
    given_up: bool = False

    @property
    def ended(self) -> bool:
        """Whether no more seeds of it are made."""
        return self.complete or self.given_up

    def has_lost(self, seed: int) -> bool:
        """Whether a seed can give no evidence any more."""
        return seed in self.failed or seed in self.excluded

    def may_have(self, seed: int) -> bool:
        """Whether a seed gave evidence, or still can."""
        return seed in self.good or not (self.ended or self.has_lost(seed))


def are_paired(one: Collection[int], other: Collection[int], stated: Pairing | None = None) -> bool:
    """Whether two arms with these seeds are compared seed by seed.

    They are where they have at least three in common, and at least half of those of the smaller arm: what is
    left out otherwise would be worth more than what pairing gains.
    """
    if stated is not None:
        return stated == "always"
    shared, smaller = len(set(one) & set(other)), min(len(one), len(other))
    return shared >= min(_ENOUGH_TO_PAIR, smaller) and 2 * shared >= smaller


def compared_pairs(rules: Phase, seeds: Mapping[str, Collection[int]] | None = None) -> list[Pair]:
    """Every two arms that a criterion of the phase compares seed by seed.

    Args:
        seeds: arm -> those that gave evidence: without pairs whose seeds allow no pairing; where absent, all
            pairs that may be given the same seeds.
    """
    pairs = [
        pair
        for rule in rules.criteria.values()
        if isinstance(rule, Measured) and (rule.pair or rules.pair) != "never"
        for pair in rule.compared_arms
        if seeds is None
        or are_paired(seeds.get(pair[0], ()), seeds.get(pair[1], ()), rule.pair or rules.pair)
    ]
    return list(dict.fromkeys(pairs))


def seeds_shared(evidence: Evidence, pairs: Iterable[Pair], arm: str) -> int:
    """How many seeds an arm has in common with each arm that it is compared with, where that has any."""
    mine = set(evidence.of(arm))
    others = [set(evidence.of(other)) for pair in pairs if arm in pair for other in pair if other != arm]
    return min((len(mine & other) for other in others if other), default=len(mine))


def seeds_to_make(
    arms: Mapping[str, ArmSeeds],
    pairs: Sequence[Pair],
    wanted: Mapping[str, int],
    most: int,
    first: Sequence[int] = (),
) -> dict[str, list[int]]:
    """Arm -> the seeds to make, so that each pair shares as many as both are to have.

    Args:
        arms: of the whole phase.
        wanted: arm -> how many seeds are to give evidence.
        most: how many seeds an arm may have, those that failed among them; where more are wanted than that,
            a person changed the rules, and it is no bound.
        first: the seeds that are given before others, in this order; else the lowest come first.
    """
    goals = {
        arm: number if number > most else min(number, most - len(arms[arm].failed))
        for arm, number in wanted.items()
    }
    return _Allocation(arms, pairs, goals, first).seeds()


class _Allocation:
    """Gives seeds to arms until every arm and every pair has as many as it is to have."""

    def __init__(
        self,
        arms: Mapping[str, ArmSeeds],
        pairs: Sequence[Pair],
        goals: Mapping[str, int],
        first: Sequence[int],
    ) -> None:
        self._arms = arms
        self._first = first
        self._goals = goals
        self._alive = [p for p in pairs if not any(arm not in arms or arms[arm].given_up for arm in p)]
        self._have = {arm: set(seeds.good) for arm, seeds in arms.items()}

    def seeds(self) -> dict[str, list[int]]:
        """Arm -> the seeds that it lacks."""
        begun = sorted(set().union(*(seeds.good | seeds.asked_again for seeds in self._arms.values())))
        for seed in begun:
            self._give(seed)
        growing = self._growing()
        for seed in chain(self._first, (seed for seed in count() if seed not in self._first)):
            if not any(map(self._is_short, growing)):
                break
            self._give(seed)
        return {arm: sorted(self._have[arm] - self._arms[arm].good) for arm in self._goals}

    def _growing(self) -> list[tuple[str, ...]]:
        """What lacks seeds and can get as many as it needs: arms, and pairs of which both are still made."""
        groups: list[tuple[str, ...]] = [(arm,) for arm in self._goals]
        groups += [pair for pair in self._alive if all(arm in self._goals for arm in pair)]
        return [group for group in groups if not any(self._arms[arm].ended for arm in group)]

    def _is_short(self, group: Sequence[str]) -> bool:
        shared = set.intersection(*(self._have[arm] for arm in group))
        return len(shared) < min(self._goals[arm] for arm in group)

    def _give(self, seed: int) -> None:
        """Gives a seed to whoever needs it and can have it."""
        for group in self._groups_at(seed):
            if all(self._arms[arm].may_have(seed) for arm in group):
                for arm in group:
                    self._have[arm].add(seed)

    def _groups_at(self, seed: int) -> Iterator[tuple[str, ...]]:
        """The pairs and arms that a seed is made for."""
        again = {arm for arm, seeds in self._arms.items() if seed in seeds.asked_again}
        for pair in self._alive:
            both = all(arm in self._goals for arm in pair)
            if both and (again & set(pair) or self._is_short(pair)):
                yield pair
        for arm in self._goals:
            if arm in again or (self._is_short((arm,)) and not self._is_lost_beside(arm, seed)):
                yield (arm,)

    def _is_lost_beside(self, arm: str, seed: int) -> bool:
        """Whether an arm that this one is compared with has lost a seed, so that it would stand alone."""
        others = (other for pair in self._alive if arm in pair for other in pair if other != arm)
        return any(self._arms[other].has_lost(seed) for other in others)
