"""Arms that are compared with each other share their seeds, whichever of them were lost."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from planner.evidence.run_selection import RunSelector, Snapshot
from planner.evidence.shared_seeds import ArmSeeds, compared_pairs, seeds_to_make
from planner.language.program import Program
from planner.records.person import Exclusion
from planner.records.runs import Run
from tests.support.worlds import catalog_of, own_run, scores, small

NAMES = ("base", "new", "other", "last")
MOST = 6
SCRIPT = scores(new=1.0)
VERSUS = {"metric": "score", "versus": "base", "better_by": 0.5}
PROGRAMS = {
    "two": small(),
    "several": small(arms=list(NAMES), criteria={"higher": {**VERSUS, "each_of": ["new", "other", "last"]}}),
    "order": small(
        arms=list(NAMES), criteria={"higher": {"metric": "score", "best_first": ["new", "other", "base"]}}
    ),
}
ENDS = st.sampled_from(["ok", "excluded", "code_error", "environment", "killed", "never made"])
LIVES = st.dictionaries(st.tuples(st.sampled_from(NAMES), st.integers(0, 5)), ENDS, max_size=16)


def snapshot_of(program: Program, life: dict[tuple[str, int], str]) -> tuple[list[Run], list[Exclusion]]:
    """The runs of a life, and what a person excluded of it."""
    arms = program.phases["first"].arms
    made = {key: end for key, end in life.items() if end != "never made" and key[0] in arms}
    runs = [
        own_run(program, "first", *key, SCRIPT(*key) if end in ("ok", "excluded") else end, attempt=2)
        for key, end in made.items()
    ]
    excluded = [
        Exclusion(program="small", run_id=run.id, by="ada", at="2026-01-01", reason="a bad machine")
        for run in runs
        if made[run.arm, run.seed] == "excluded"
    ]
    return runs, excluded


@given(name=st.sampled_from(sorted(PROGRAMS)), life=LIVES, count=st.integers(1, MOST))
def test_after_launching_each_compared_pair_shares_as_many_seeds_as_are_wanted(
    name: str, life: dict[tuple[str, int], str], count: int
) -> None:
    program = PROGRAMS[name]
    runs, excluded = snapshot_of(program, life)
    wanted = dict.fromkeys(program.phases["first"].arms, count)
    catalog = catalog_of(program)
    missing = RunSelector(program, Snapshot(tuple(runs)), catalog, excluded).missing(
        "first", "standard", wanted
    )
    made = [
        own_run(program, "first", p.arm, p.seed, SCRIPT(p.arm, p.seed), id=f"{p.arm}{p.seed}")
        for p in missing
    ]
    selector = RunSelector(program, Snapshot((*runs, *made)), catalog, excluded)
    evidence = selector.evidence_of("first", "standard")
    alive = {arm for arm in wanted if not any(f"'{arm}' was given up" in c for c in evidence.caveats)}
    for one, other in compared_pairs(program.phases["first"]):
        if {one, other} <= alive:
            most = MOST - max(evidence.failed_for_good(arm) for arm in (one, other))
            shared = set(evidence.of(one)) & set(evidence.of(other))
            assert len(shared) >= min(count, most)
    assert selector.missing("first", "standard", wanted) == []


@given(life=LIVES, count=st.integers(1, MOST))
def test_where_nothing_was_lost_no_seed_beyond_the_wanted_ones_is_made(
    life: dict[tuple[str, int], str], count: int
) -> None:
    program = PROGRAMS["several"]
    runs, _ = snapshot_of(program, {key: end for key, end in life.items() if end == "ok"})
    wanted = dict.fromkeys(NAMES, count)
    missing = RunSelector(program, Snapshot(tuple(runs)), catalog_of(program)).missing(
        "first", "standard", wanted
    )
    have = {run.seed for run in runs}
    assert all(p.seed < count or p.seed in have for p in missing)


def test_only_the_arms_that_are_compared_with_it_get_the_seed_that_replaces_a_lost_one() -> None:
    pairs = [("new", "base"), ("other", "base")]
    all_three = frozenset(range(3))
    arms = {
        "base": ArmSeeds(good=all_three),
        "new": ArmSeeds(good=all_three - {1}, failed=frozenset({1})),
        "other": ArmSeeds(good=all_three),
    }
    assert seeds_to_make(arms, pairs, dict.fromkeys(arms, 3), most=6) == {
        "base": [3],
        "new": [3],
        "other": [],
    }


def test_an_arm_that_others_measured_at_seeds_of_their_own_gets_company_at_these() -> None:
    arms = {"base": ArmSeeds(good=frozenset({7, 8, 99}), complete=True), "new": ArmSeeds()}
    assert seeds_to_make(arms, [("new", "base")], dict.fromkeys(arms, 3), most=6)["new"] == [7, 8, 99]


def test_an_arm_that_was_given_up_makes_no_other_lose_a_seed() -> None:
    arms = {name: ArmSeeds() for name in ("base", "new")}
    arms["new"] = ArmSeeds(failed=frozenset(range(3)), given_up=True)
    pairs = list(combinations(arms, 2))
    assert seeds_to_make(arms, pairs, dict.fromkeys(arms, 3), most=6) == {"base": [0, 1, 2], "new": []}
