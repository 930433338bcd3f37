"""Arms that share too few seeds are compared by their means, and stay so once that was looked at."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from planner.criteria.judge import judge_criteria
from planner.criteria.test_design import TestDesign
from planner.records.look import Look
from planner.records.verdict import CriterionResult
from planner.statistics import intervals
from planner.statistics.levels import levels
from tests.support.builders import PHASE, make_evidence, make_program, make_run

Values = Mapping[int, float]
BASE = {0: 0.50, 1: 0.54, 2: 0.52, 3: 0.49, 4: 0.55, 5: 0.51}
NEW = {42: 0.61, 7: 0.63, 123: 0.65, 11: 0.58, 12: 0.66, 13: 0.60}


def judged(
    base: Values,
    new: Values,
    planned: int = 6,
    past: Sequence[Look] = (),
    metric: Mapping[str, Any] | None = None,
    phase: Mapping[str, Any] | None = None,
    **rule: Any,
) -> CriterionResult:
    """The comparison ``c`` of ``new`` with ``base``, alpha .05 and beta .10."""
    arms = {arm: {"kind": arm} for arm in ("base", "new")}
    criterion = {"metric": "acc", "arm": "new", "versus": "base", **(rule or {"at_least": 0.05})}
    metrics = {"acc": {"unit": "fraction", "better": "higher", **(metric or {})}}
    program = make_program({"c": criterion}, ["c"], arms, metrics=metrics, **(phase or {}))
    evidence = make_evidence(
        {
            arm: [make_run(arm, seed, metrics={"acc": value}) for seed, value in values.items()]
            for arm, values in (("base", base), ("new", new))
        }
    )
    looks = {("c", look.comparison): list(past) for look in past}
    required = frozenset(["c"])
    design = TestDesign(3, planned, 0.05, 0.10, gating=required, required=required, past_looks=looks)
    return judge_criteria(program, PHASE, evidence, design, {}, with_flip_points=True)["c"]


def test_arms_with_other_seeds_are_compared_by_their_means_and_it_says_so() -> None:
    result = judged(BASE, NEW)
    assert result.outcome == "met"
    assert result.observed == pytest.approx(
        intervals.mean([*NEW.values()]) - intervals.mean([*BASE.values()])
    )
    assert "not paired: 6 seeds of new, 6 of base, none in common" in result.reason
    assert result.look is not None and not result.look.paired
    assert len(result.look.run_ids) == 12


def test_at_the_planned_number_it_is_welchs_t_test() -> None:
    result = judged(BASE, NEW)
    final = levels(6, 0.05).final
    interval = ttest_ind([*NEW.values()], [*BASE.values()], equal_var=False).confidence_interval(
        1 - 2 * final
    )
    assert result.interval is not None
    assert result.interval[0] == pytest.approx(interval.low)


def test_unequal_sizes_are_judged_with_the_degrees_of_freedom_of_the_smaller() -> None:
    rng = Random(3)
    many = {seed: 0.5 + 0.02 * rng.gauss(0, 1) for seed in range(17)}
    few = {100 + seed: 0.7 + 0.02 * rng.gauss(0, 1) for seed in range(4)}
    result = judged(many, few, planned=4)
    variances = [intervals.sd([*values.values()]) ** 2 / len(values) for values in (few, many)]
    t = intervals.t_quantile(3, 1 - levels(4, 0.05).final)
    assert result.n == 4
    assert result.outcome == "met"
    assert result.interval is not None and result.observed is not None
    assert result.observed - result.interval[0] == pytest.approx(t * math.sqrt(sum(variances)))


def test_arms_that_share_half_of_the_smaller_ones_seeds_are_paired() -> None:
    new = {seed: value + 0.1 + 0.01 * seed for seed, value in [*BASE.items()][:3]}
    result = judged(BASE, new)
    assert result.look is not None and result.look.paired
    assert result.n == 3
    assert "not paired" not in result.reason


def test_a_program_may_ask_for_pairs_or_for_none() -> None:
    new = {seed: value + 0.1 + 0.01 * (seed % 2) for seed, value in BASE.items()}
    never = judged(BASE, new, at_least=0.05, pair="never")
    assert "not paired: 6 seeds of new, 6 of base, 6 in common" in never.reason
    assert judged(BASE, new, at_least=0.05).n == 6
    assert judged(BASE, new, phase={"pair": "never"}).reason == never.reason
    always = judged(BASE, NEW, at_least=0.05, pair="always")
    assert (always.outcome, always.cause) == ("undecided", "missing")
    assert "share no seed" in always.reason


def test_how_arms_are_compared_is_frozen_at_the_first_look() -> None:
    few = dict([*NEW.items()][:3])
    first = judged(BASE, few)
    assert first.look is not None and not first.look.paired
    shared = {**few, **{seed: value + 0.1 for seed, value in BASE.items()}}
    assert "not paired" in judged(BASE, shared, past=[first.look]).reason
    assert "not paired" not in judged(BASE, shared).reason


def test_a_look_at_the_final_number_stays_and_later_seeds_of_either_arm_are_judged_late() -> None:
    final = judged(BASE, NEW)
    assert final.look is not None and final.look.stage == "final"
    more = judged({**BASE, 50: 0.53}, NEW, past=[final.look])
    assert more.look is not None and more.look.stage == "late"
    assert more.interval is not None and final.interval is not None
    assert more.interval[0] >= final.interval[0]


def test_a_ratio_needs_both_values_at_a_seed() -> None:
    result = judged(BASE, NEW, **{"as": "ratio"}, at_least=1.05)
    assert (result.outcome, result.cause) == ("undecided", "missing")


def test_logarithms_of_arms_that_are_not_paired_give_a_ratio_of_geometric_means() -> None:
    result = judged(BASE, NEW, metric={"transform": "log"}, **{"as": "ratio"}, at_least=1.05)
    base, new = (math.prod(values.values()) ** (1 / 6) for values in (BASE, NEW))
    assert result.observed == pytest.approx(new / base)
    assert result.outcome == "met"


def test_rates_that_are_not_paired_are_judged_each_by_itself() -> None:
    none, all_of_them = dict.fromkeys(range(20), 0.0), {100 + s: 1.0 for s in range(20)}
    result = judged(none, all_of_them, 20, metric={"unit": "flag"}, above=0.0)
    assert (result.outcome, result.observed) == ("met", 1.0)
    assert (
        judged(none, {100 + s: 0.0 for s in range(20)}, 20, metric={"unit": "flag"}, above=0.0).outcome
        != "met"
    )


def test_fewer_failures_are_better_where_arms_are_not_paired_too() -> None:
    fails, works = dict.fromkeys(range(20), 1.0), {100 + s: 0.0 for s in range(20)}
    flags = {"unit": "flag", "better": "lower"}
    result = judged(fails, works, 20, metric=flags, better_by=0.5)
    assert (result.outcome, result.observed) == ("met", 1.0)
    assert judged(works, fails, 20, metric=flags, better_by=0.5).outcome == "not_met"


def test_a_known_noise_is_that_of_every_run() -> None:
    stated = {"noise": {"sd": 0.02, "source": "us"}}
    result = judged(BASE, {s: NEW[s] for s in (42, 7, 123)}, 3, metric=stated)
    z = intervals.t_quantile(math.inf, 1 - levels(3, 0.05, 15).final)
    assert result.interval is not None and result.observed is not None
    assert result.observed - result.interval[0] == pytest.approx(z * 0.02 * math.sqrt(1 / 3 + 1 / 6))


@given(gain=st.floats(0, 0.2), shift=st.floats(-0.1, 0.1))
def test_the_same_gain_added_at_every_seed_never_makes_it_worse(gain: float, shift: float) -> None:
    rank = ["not_met", "undecided", "met"]
    before = judged(BASE, {seed: value + shift for seed, value in NEW.items()})
    after = judged(BASE, {seed: value + shift + gain for seed, value in NEW.items()})
    assert rank.index(after.outcome) >= rank.index(before.outcome)


@given(order=st.permutations([*NEW]))
def test_which_seeds_they_are_changes_nothing(order: list[int]) -> None:
    renamed = {1000 + i: NEW[seed] for i, seed in enumerate(order)}
    one, other = judged(BASE, NEW), judged(BASE, renamed)
    assert (one.outcome, one.interval, one.flips_at) == (other.outcome, other.interval, other.flips_at)
