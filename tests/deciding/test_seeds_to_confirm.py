"""The seeds that confirm the best of several arms have a plan of their own."""

from __future__ import annotations

from planner.deciding.seed_allocation import seeds_wanted
from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program
from planner.records.runs import Run
from tests.support.worlds import own_run, recall_of, small, steady

BEST = {"metric": "score", "any_arm": ["new", "other"], "versus": "base", "better_by": 0.5}
SCORES = {"base": {"score": 0.0}, "new": {"score": 2.0}, "other": {"score": 0.0}}


def wanted(program: Program, runs: list[Run]) -> tuple[int, dict[str, int]]:
    """(the number of seeds on which the winner was chosen, the seeds wanted next)."""
    evidence = recall_of(program, runs).evidence_of("first", "standard")
    design = build_test_design(program, "first", "standard", final=False)
    verdict = judge_phase(program, "first", evidence, design)
    (result,) = verdict.criteria
    return result.chosen_on, seeds_wanted(program, "first", verdict, design, evidence)


def test_a_winner_that_was_chosen_on_all_planned_seeds_is_confirmed_on_three_beyond_them() -> None:
    program = small(
        {"seeds_per_arm": 3}, criteria={"best": BEST}, arms=["base", "new", "other"], gate=["best"]
    )
    script = steady(SCORES, noise=0.01)
    runs = [own_run(program, "first", a, s, script(a, s)) for a in ("base", "new", "other") for s in range(3)]
    assert wanted(program, runs) == (3, {"base": 6, "new": 6})
    fresh = [own_run(program, "first", a, s, script(a, s)) for a in ("base", "new") for s in (3, 4, 5)]
    assert wanted(program, [*runs, *fresh]) == (3, {})
