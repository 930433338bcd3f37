"""A verdict's observed values are computed again from its own table."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from planner.explaining.recomputation import recompute
from planner.language.program import Program
from planner.memo.render import render_memo
from planner.records.runs import Run
from planner.records.verdict import Verdict
from tests.support.builders import make_evidence, make_program, make_run, verdict_of
from tests.support.hand_made import decision, trace
from tests.support.rotation import a_fifth_of

CRITERIA: dict[str, dict[str, Any]] = {
    "level": {"metric": "acc", "arm": "base", "above": 0.5},
    "above_floor": {"metric": "acc", "arm": "base", "above": "floor"},
    "metric_floor": {"metric": "f1", "arm": "base", "above": "floor"},
    "each": {"metric": "acc", "each_of": ["base", "new"], "above": 0.5},
    "any": {"metric": "acc", "any_arm": ["base", "new"], "above": 0.5},
    "sd": {"metric": "acc", "arm": "base", "over_seeds": "sd", "at_most": 0.1},
    "difference": {"metric": "acc", "arm": "new", "versus": "base", "at_least": 0.1},
    "ratio": {"metric": "acc", "arm": "new", "versus": "base", "as": "ratio", "at_least": 1.1},
    "two_metrics": {"metric": "acc", "arm": "new", "versus_metric": "loss", "at_most": 0.1},
    "better": {"metric": "acc", "arm": "new", "versus": "base", "better_by": 0.1},
    "lower_is_better": {"metric": "loss", "arm": "new", "versus": "base", "better_by": 0.1},
    "share": {"metric": "part_share", "arm": "base", "above": 0.5},
    "order": {"metric": "acc", "best_first": ["new", "base"]},
    "lower_first": {"metric": "loss", "best_first": ["new", "base"]},
    "spread": {"metric": "acc", "spread_of": ["new", "base"], "at_most": 0.1},
    "first": {"metric": "acc", "arm": "base", "at": "first", "above": 0.5},
    "at_step": {"metric": "acc", "arm": "new", "versus": "base", "at": 1, "at_least": 0.1},
    "fall": {"metric": "loss", "arm": "new", "since": "first", "as": "ratio", "below": 0.9},
}
NAMES = ("acc", "loss", "f1", "f1_floor", "part", "rest")


def judged(values: dict[str, list[list[float]]]) -> tuple[Program, Verdict]:
    """A verdict on runs whose metrics are these, by arm and seed."""
    program = make_program(CRITERIA, gate=["level"])
    runs = {arm: [_run(arm, seed, row) for seed, row in enumerate(rows)] for arm, rows in values.items()}
    return program, verdict_of(program, make_evidence(runs))


def _run(arm: str, seed: int, row: list[float]) -> Run:
    metrics = dict(zip(NAMES, row, strict=True))
    series = {name: ((1, metrics[name] / (seed + 2)), (2, metrics[name])) for name in ("acc", "loss")}
    return make_run(arm, seed, metrics=metrics, series=series)


rows = st.lists(
    st.lists(st.floats(0.01, 2.0), min_size=len(NAMES), max_size=len(NAMES)), min_size=1, max_size=7
)


@settings(max_examples=a_fifth_of(40), deadline=None)
@given(st.fixed_dictionaries({"base": rows, "new": rows}))
def test_every_value_that_the_table_holds_agrees_when_recomputed(
    values: dict[str, list[list[float]]],
) -> None:
    recomputation = recompute(*judged(values))
    assert recomputation.faults == ()
    assert recomputation.agree == len(CRITERIA) - (len(values["base"]) < 2)
    assert recomputation.elsewhere == ()


def test_a_value_that_was_changed_is_named() -> None:
    program, verdict = judged({"base": [[0.5] * 6] * 3, "new": [[0.7] * 6] * 3})
    changed = tuple(
        c.model_copy(update={"observed": 0.3}) if c.id == "difference" else c for c in verdict.criteria
    )
    altered = verdict.model_copy(update={"criteria": changed})
    (fault,) = recompute(program, altered).faults
    assert fault == "difference says 0.3, and the table gives 0.2"
    memo = render_memo(trace(altered, decision(altered.phase), program=program))
    assert "**1 do not** (difference says 0.3, and the table gives 0.2)" in memo


def test_the_memo_says_that_it_was_computed_again() -> None:
    program, verdict = judged({"base": [[0.5] * 6] * 3, "new": [[0.7] * 6] * 3})
    memo = render_memo(trace(verdict, decision(verdict.phase), program=program))
    assert f"Computed again from the tables above: {len(CRITERIA)} observed values agree." in memo
