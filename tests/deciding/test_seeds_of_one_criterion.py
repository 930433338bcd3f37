"""Each open criterion on which a verdict rests gets its next seed by itself."""

from __future__ import annotations

from planner.deciding.seed_allocation import seeds_wanted
from planner.judging.verdict import build_test_design, judge_phase
from tests.support.worlds import own_run, recall_of, small, steady

SCORES = {"base": {"score": 0.0}, "new": {"score": 0.4}, "other": {"score": 99.0}}


def test_an_open_comparison_goes_on_beside_one_that_was_decided_on_fewer_seeds() -> None:
    compared = {"metric": "score", "versus": "base", "better_by": 0.5}
    program = small(
        criteria={"open": {**compared, "arm": "new"}, "clear": {**compared, "arm": "other"}},
        arms=["base", "new", "other"],
        gate=["open", "clear"],
    )
    script = steady(SCORES, noise=1.0)
    counts = {"base": 5, "new": 5, "other": 4}
    runs = [own_run(program, "first", arm, s, script(arm, s)) for arm, n in counts.items() for s in range(n)]
    evidence = recall_of(program, runs).evidence_of("first", "standard")
    design = build_test_design(program, "first", "standard", final=False)
    verdict = judge_phase(program, "first", evidence, design)
    assert {c.id: c.outcome for c in verdict.criteria} == {"open": "undecided", "clear": "met"}
    assert seeds_wanted(program, "first", verdict, design, evidence) == {"base": 6, "new": 6}
    missing = recall_of(program, runs).missing("first", "standard", {"base": 6, "new": 6})
    assert sorted((run.arm, run.seed) for run in missing) == [("base", 5), ("new", 5)]


def test_a_guard_that_takes_the_verdict_away_gets_seeds_until_it_is_answered() -> None:
    def wanted(consequence: str) -> dict[str, int]:
        program = small(
            criteria={
                "clear": {"metric": "score", "versus": "base", "better_by": 0.5, "arm": "new"},
                "sound": {"metric": "score", "arm": "base", "at_most": 0.1},
            },
            arms=["base", "new"],
            gate=["clear"],
            guards={"sound": consequence},
        )
        script = steady({**SCORES, "new": {"score": 99.0}}, noise=1.0)
        runs = [own_run(program, "first", a, s, script(a, s)) for a in ("base", "new") for s in range(4)]
        evidence = recall_of(program, runs).evidence_of("first", "standard")
        design = build_test_design(program, "first", "standard", final=False)
        verdict = judge_phase(program, "first", evidence, design)
        assert {c.id: c.outcome for c in verdict.criteria} == {"clear": "met", "sound": "undecided"}
        return seeds_wanted(program, "first", verdict, design, evidence)

    assert wanted("invalid") == {"base": 5}
    assert wanted("blocked") == {"base": 5}
    assert wanted("caveat") == {}
