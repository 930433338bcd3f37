"""Results against those of the same arms in earlier phases."""

from __future__ import annotations

from typing import Any

import pytest
from scipy import stats

from planner.memo.earlier_phases import deltas
from planner.memo.render import render_memo
from planner.records.verdict import Estimate, TableRow, Verdict
from tests.support.hand_made import decision, make_program, row, trace, verdict

HERE, THERE = [3.0, 4.0, 6.0], [1.0, 1.0, 2.0]


def judged(phase: str, prefix: str, values: list[float], **changes: Any) -> Verdict:
    """A verdict whose table has one row, from runs named with the prefix."""
    made = row("new", "score", values)
    ids = tuple(f"{prefix}-{seed}" for seed in range(len(values)))
    estimate = made.estimate.model_copy(update={"run_ids": ids})
    return verdict(phase, table=(made.model_copy(update={"estimate": estimate}),), **changes)


def test_the_difference_is_paired_by_seed_with_a_student_interval() -> None:
    late, early = judged("late", "b", HERE), judged("early", "a", THERE)
    (delta,) = deltas(make_program(), late, {"early": early, "late": late}, ["score"])
    low, high = stats.ttest_rel(HERE, THERE).confidence_interval(0.95)
    assert (delta.phase, delta.arm, delta.metric, delta.n) == ("early", "new", "score", 3)
    assert (delta.there, delta.here) == pytest.approx((4 / 3, 13 / 3))
    assert delta.difference == pytest.approx(3.0)
    assert delta.interval == pytest.approx((low, high))


def test_only_seeds_that_both_phases_have_count() -> None:
    late, early = judged("late", "b", HERE), judged("early", "a", THERE[:1])
    (delta,) = deltas(make_program(), late, {"early": early}, ["score"])
    assert (delta.n, delta.here, delta.there, delta.interval) == (1, 3.0, 1.0, None)


def test_phases_that_were_judged_later_are_not_compared_with() -> None:
    late, early = judged("late", "b", HERE), judged("early", "a", THERE)
    assert deltas(make_program(), early, {"early": early, "late": late}, ["score"]) == []


@pytest.mark.parametrize(
    ("early", "metrics"),
    [
        (judged("early", "b", HERE), ["score"]),  # the same runs
        (judged("early", "a", THERE), ["loss"]),
        (judged("early", "a", THERE, fidelity="smoke"), ["score"]),
    ],
)
def test_same_runs_other_metrics_and_other_fidelities_are_left_out(
    early: Verdict, metrics: list[str]
) -> None:
    assert deltas(make_program(), judged("late", "b", HERE), {"early": early}, metrics) == []


def test_the_memo_has_a_table_of_them() -> None:
    late, early = judged("late", "b", HERE), judged("early", "a", THERE)
    memo = render_memo(trace(late, decision(), verdicts={"early": early, "late": late}))
    assert "## Against earlier phases" in memo
    assert "| `new` | score (points) | `early` | 1.333 | 4.333 | +3 [0.5159, 5.484] | 3 |" in memo


def test_phases_that_share_no_seed_have_no_difference() -> None:
    estimate = Estimate(value=1.0, n=1, values=((7, 1.0),), run_ids=("a",))
    late = verdict("late", table=(TableRow(arm="new", metric="score", unit="points", estimate=estimate),))
    assert deltas(make_program(), late, {"early": judged("early", "b", THERE)}, ["score"]) == []
