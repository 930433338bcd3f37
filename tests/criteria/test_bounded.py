"""Criteria judged by bounds: answers off the bounds, all evidence in any order, looks that go on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.criteria.bounded import NEARER_TO_THE_EFFECT, SAY_OTHERWISE
from planner.criteria.judge import judge_criteria
from planner.criteria.test_design import TestDesign
from planner.records.look import Look
from planner.records.verdict import CriterionResult
from tests.support.builders import PHASE, make_evidence, make_program
from tests.support.rotation import a_fifth_of

GAINS = [2.80, 3.39, 3.30, 1.59, 1.44]
FLAG = {"ok": {"unit": "flag", "better": "higher"}}
RANK = {"not_met": 0, "undecided": 1, "met": 2}


def judged(
    values: dict[str, Sequence[float]],
    cap: int = 6,
    alpha: float = 0.05,
    beta: float = 0.10,
    past: Sequence[Look] = (),
    metric: str = "acc",
    more: dict[str, Any] | None = None,
    **rule: Any,
) -> CriterionResult:
    """What bounds say of one criterion ``c`` on values by seed from 0."""
    criterion = {"metric": metric, "treatment": "bounds", **rule}
    arms = {arm: {"kind": arm} for arm in values}
    program = make_program({"c": criterion}, ["c"], arms, metrics=FLAG, **(more or {}))
    design = TestDesign(
        seeds=3,
        most_seeds=cap,
        false_pass=alpha,
        false_fail=beta,
        gating=frozenset(["c"]),
        required=frozenset(["c"]),
        past_looks={("c", look.comparison): [*past] for look in past},
    )
    evidence = make_evidence(values, metric)
    return judge_criteria(program, PHASE, evidence, design, {}, with_flip_points=True)["c"]


def better(
    gains: Sequence[float], delta: float = 1.0, noise: Sequence[float] = (), **more: Any
) -> CriterionResult:
    """The improvement of ``new`` on ``base`` by seed; ``noise`` is what the seeds have in common."""
    base = [*noise] or [0.0] * len(gains)
    new = [b + gain for b, gain in zip(base, gains, strict=True)]
    return judged({"base": base, "new": new}, arm="new", versus="base", better_by=delta, **more)


def within_a_hundredth(bound: float, result: CriterionResult) -> Any:
    """A bound whose distance from the mean may differ by a hundredth: so fine is the table of levels."""
    return pytest.approx(bound, abs=0.01 * abs((result.observed or 0.0) - bound))


# --- known answers -------------------------------------------------------------------------------


@pytest.mark.parametrize(("cap", "lower"), [(5, 1.541), (6, 0.510), (32, 0.774)])
def test_gains_of_a_field_case_are_supported_at_every_plan(cap: int, lower: float) -> None:
    result = better(GAINS, cap=cap)
    assert (result.outcome, result.answer, result.n) == ("met", "supported", 5)
    assert result.look is not None
    assert result.look.lower == within_a_hundredth(lower, result)
    assert result.look.stage == ("final" if cap == 5 else "early")


@pytest.mark.parametrize(("cap", "lower"), [(5, -0.166), (6, -1.197), (32, -0.933)])
def test_the_same_gains_less_as_much_at_every_seed_are_undecided(cap: int, lower: float) -> None:
    result = better([gain - 1.707 for gain in GAINS], cap=cap)
    assert result.outcome == "undecided"
    assert result.look is not None
    assert result.look.lower == within_a_hundredth(lower, result)


def test_half_the_evidence_is_no_longer_unseen() -> None:
    gains = [1.10, 1.69, 1.59, -0.12, -0.26]
    result = better(gains, cap=5)
    assert (result.outcome, result.n) == ("undecided", 5)
    assert result.interval == pytest.approx((-0.163, 1.505), abs=0.0015)
    assert result.needs == 20
    assert better(gains, cap=5, alpha=0.1).outcome == "met"
    assert better(gains[:3], cap=32).outcome == "met"
    assert {better(gains[:3], cap=cap).outcome for cap in (5, 6)} == {"undecided"}


def test_a_difference_without_variation_is_never_an_answer_but_where_the_program_says_so() -> None:
    rule = {"arm": "new", "versus": "base", "at_least": 0.1}
    values = {"base": [0.2] * 5, "new": [0.3] * 5}
    assert judged(values, **rule).outcome == "undecided"
    assert judged(values, **rule).cause == "no_variation"
    assert judged(values, more={"deterministic": ["acc"]}, **rule).outcome == "met"


# --- laws ----------------------------------------------------------------------------------------

finite = st.floats(-5, 5).map(lambda value: round(value, 3))
some_gains = st.lists(finite, min_size=3, max_size=9)
CRITERIA = st.sampled_from(
    [
        {"arm": "new", "versus": "base", "better_by": 1.0},
        {"arm": "new", "versus": "base", "at_least": 0.5},
        {"arm": "new", "above": 0.5},
        {"best_first": ["new", "base"]},
    ]
)


@given(some_gains, CRITERIA, st.floats(0, 6), st.integers(3, 12))
@settings(max_examples=a_fifth_of(90), deadline=None, derandomize=True, database=None)
def test_the_same_gain_at_every_seed_never_makes_an_outcome_worse(
    gains: list[float], rule: dict[str, Any], gain: float, cap: int
) -> None:
    base = [0.1 * (i % 3) for i in range(len(gains))]
    before, after = (
        judged({"base": base, "new": [b + g + by for b, g in zip(base, gains, strict=True)]}, cap=cap, **rule)
        for by in (0.0, gain)
    )
    if "invalid" not in (before.outcome, after.outcome):
        assert RANK[after.outcome] >= RANK[before.outcome]


@given(some_gains, CRITERIA, st.integers(3, 12))
@settings(max_examples=a_fifth_of(90), deadline=None, derandomize=True, database=None)
def test_an_answer_and_the_interval_beside_it_never_disagree(
    gains: list[float], rule: dict[str, Any], cap: int
) -> None:
    base = [0.1 * (i % 3) for i in range(len(gains))]
    result = judged({"base": base, "new": [b + g for b, g in zip(base, gains, strict=True)]}, cap=cap, **rule)
    if result.interval is None or result.treatment != "bounds":
        return
    low, high = result.interval
    wanted = {"better_by": 0.0, "at_least": 0.5, "above": 0.5}.get(result.bound, 0.0)
    refuted_below = 1.0 if result.bound == "better_by" else wanted
    assert (result.outcome != "met") or low >= wanted - 1e-9
    assert (result.outcome != "not_met") or high < refuted_below + 1e-9


@given(st.lists(finite, min_size=3, max_size=8), st.randoms(use_true_random=False), st.integers(3, 10))
@settings(max_examples=a_fifth_of(60), deadline=None, derandomize=True, database=None)
def test_no_order_of_seeds_changes_anything(gains: list[float], chance: Any, cap: int) -> None:
    base = [0.2 * (i % 4) for i in range(len(gains))]
    order = list(range(len(gains)))
    chance.shuffle(order)
    one = better(gains, noise=base, cap=cap)
    other = better([gains[i] for i in order], noise=[base[i] for i in order], cap=cap)
    assert (one.outcome, one.needs) == (other.outcome, other.needs)
    assert one.interval == (pytest.approx(other.interval) if other.interval else None)


# --- looks ---------------------------------------------------------------------------------------


def looks_of(gains: Sequence[float], counts: Sequence[int], **more: Any) -> list[CriterionResult]:
    """Judged again and again as seeds arrive, each look knowing those before it."""
    results: list[CriterionResult] = []
    for count in counts:
        past = [result.look for result in results if result.look is not None]
        results.append(better(gains[:count], past=past, **more))
    return results


NOISY = [0.9, -0.6, 1.8, 0.2, -0.4, 1.1, 0.7, -0.9, 0.8, 0.3]


def test_a_look_at_the_planned_number_is_the_final_one_and_what_follows_is_late() -> None:
    results = looks_of(NOISY, [3, 4, 6, 8])
    assert [result.look.stage for result in results if result.look] == ["early", "early", "final", "late"]


def test_a_seed_after_the_final_look_keeps_its_bounds() -> None:
    final, late = looks_of(NOISY, [6, 7])
    alone = better(NOISY[:7])
    assert final.look and late.look and alone.look
    assert alone.look.stage == "final"
    assert (late.look.lower, late.look.upper) == (final.look.lower, final.look.upper)
    assert (alone.look.lower, alone.look.upper) != (final.look.lower, final.look.upper)


def test_judging_again_what_was_judged_before_gives_what_it_gave() -> None:
    first, second = looks_of(NOISY, [4, 6])
    assert first.look and second.look
    assert better(NOISY[:6], past=[first.look, second.look]) == second
    assert better(NOISY[:4], past=[first.look, second.look]) == first


def test_many_recorded_seeds_that_come_at_once_all_decide() -> None:
    many = [0.8 + 0.3 * (-1) ** i for i in range(100)]
    result = better(many, cap=6)
    assert result.look is not None
    assert (result.look.stage, result.n, result.outcome) == ("final", 100, "not_met")


def test_whoever_looked_before_and_overshoots_has_the_final_test_on_the_seeds_that_came_first() -> None:
    (first, then) = looks_of(NOISY, [4, 10])
    assert first.look and then.look
    assert then.look.stage == "final"
    on_six, on_all = better(NOISY[:6]).look, better(NOISY).look
    assert on_six and on_all
    assert then.look.lower == pytest.approx(on_six.lower)
    assert then.look.lower != pytest.approx(on_all.lower)


def test_seeds_after_the_final_look_that_say_the_opposite_leave_it_undecided() -> None:
    good = [1.0, 1.02, 0.98, 1.01]
    bad = [-3.0 - 0.01 * (i % 5) for i in range(60)]
    final, late = looks_of([*good, *bad], [4, 64], cap=4)
    assert final.outcome == "met"
    assert (late.outcome, late.answer, late.interval) == ("undecided", "inconclusive", None)
    assert SAY_OTHERWISE in late.reason


def test_a_plan_is_frozen_at_the_first_look() -> None:
    first = better(NOISY[:4], cap=6).look
    assert first is not None
    later = better(NOISY[:6], cap=10, past=[first]).look
    assert later is not None
    assert (later.planned, later.stage) == (6, "final")


def test_an_excluded_run_of_the_final_look_leaves_only_what_holds_at_any_time() -> None:
    final = better(NOISY[:6]).look
    assert final is not None
    gone = final.model_copy(update={"run_ids": (*final.run_ids, "a run that was excluded")})
    result = better(NOISY[:7], past=[gone])
    late = better(NOISY[:7], past=[gone]).look
    assert late is not None
    assert late.stage == "late"
    assert (result.outcome, late.lower) != ("met", final.lower)


def test_an_early_lucky_deviation_refutes_nothing_that_is_near_the_effect() -> None:
    result = better([0.62, 0.63, 0.61], cap=32)
    assert (result.outcome, result.answer) == ("undecided", "inconclusive")
    assert NEARER_TO_THE_EFFECT in result.reason


def test_two_seeds_give_no_answer() -> None:
    result = better([2.0, 2.2], cap=6)
    assert (result.outcome, result.cause) == ("undecided", "few_seeds")


# --- 0 and 1 -------------------------------------------------------------------------------------


def test_a_perfect_record_of_few_flags_shows_no_rate_of_eight_in_ten() -> None:
    result = judged({"base": [1.0] * 6}, metric="ok", arm="base", at_least=0.8)
    assert (result.outcome, result.treatment) == ("undecided", "bounds")
    assert judged({"base": [1.0] * 25}, metric="ok", cap=25, arm="base", at_least=0.8).outcome == "met"


def test_flags_of_two_arms_are_compared_exactly() -> None:
    base, new = [0.0] * 12, [1.0] * 12
    result = judged({"base": base, "new": new}, metric="ok", cap=12, arm="new", versus="base", above=0.0)
    assert (result.outcome, result.treatment) == ("met", "bounds")
    assert (
        judged({"base": base, "new": base}, metric="ok", cap=12, arm="new", versus="base", above=0.0).outcome
        != "met"
    )


# --- what other arms say of the noise -------------------------------------------------------------


def test_other_arms_lend_their_noise_and_the_arms_compared_do_not() -> None:
    common = [0.3, -0.5, 0.1, 0.7, -0.2]
    values = {
        "base": common,
        "new": [c + g for c, g in zip(common, [1.1, 0.9, 1.3, 1.0, 0.8], strict=True)],
    }
    others = {"third": [c + x for c, x in zip(common, [0.2, -0.1, 0.15, 0.0, -0.2], strict=True)]}
    fourth = {"fourth": [c + x for c, x in zip(common, [-0.1, 0.2, 0.0, 0.1, -0.15], strict=True)]}
    rule = {"arm": "new", "versus": "base", "better_by": 1.0}
    alone, with_two = judged(values, **rule), judged({**values, **others, **fourth}, **rule)
    assert alone.look and with_two.look
    assert (alone.look.pool_df, with_two.look.pool_df) == (0, 2)
    assert (with_two.look.upper or 9) - (with_two.look.lower or -9) < (alone.look.upper or 9) - (
        alone.look.lower or -9
    )
    lucky = {**values, **others, **fourth, "base": [0.0] * 5, "new": [1.0] * 5}
    assert judged(lucky, **rule).look != with_two.look
