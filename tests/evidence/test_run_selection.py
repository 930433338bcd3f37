"""Which runs count, and which are still to be made."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.evidence.run_selection import Catalog, RunSelector, Snapshot
from planner.judging.verdict import build_test_design, judge_phase
from planner.records.person import Exclusion
from planner.records.runs import Run
from tests.support.worlds import CODE, catalog_of, foreign_run, own_run, recall_of, run_ids_of, scores, small

PROGRAM = small()
SCRIPT = scores(new=1.0)
JUDGING = build_test_design(PROGRAM, "first", "standard", final=True)
ARMS = {"base": 3, "new": 3}


def own(arm: str, seed: int, outcome: str | None = None, **more: object) -> Run:
    return own_run(PROGRAM, "first", arm, seed, outcome or SCRIPT(arm, seed), **more)


def exclusion(run: Run) -> Exclusion:
    return Exclusion(program="small", run_id=run.id, by="ada", at="2026-01-01", reason="a bad machine")


def seeds_missing(recall: RunSelector, wanted: int = 3, arm: str = "base", phase: str = "first") -> list[int]:
    return [planned.seed for planned in recall.missing(phase, "standard", {arm: wanted})]


def test_what_has_not_been_made_is_missing_seed_by_seed_over_the_arms() -> None:
    missing = recall_of(PROGRAM, []).missing("first", "standard", ARMS)
    assert [(p.seed, p.arm) for p in missing] == [(s, a) for s in range(3) for a in ("base", "new")]


def test_a_finished_run_is_not_missing_and_counts_in_every_phase_with_its_configuration() -> None:
    recall = recall_of(PROGRAM, [own("base", 0)])
    assert seeds_missing(recall) == [1, 2]
    assert seeds_missing(recall, phase="second") == [1, 2]
    assert run_ids_of(recall.evidence_of("second", "standard"), "base") == [own("base", 0).id]


def test_arms_of_one_configuration_share_their_runs() -> None:
    catalog = catalog_of(PROGRAM)
    same = catalog.described["first", "base", "standard"]
    alike = Catalog(CODE, frozenset(), {**catalog.described, ("first", "new", "standard"): same})
    recall = recall_of(PROGRAM, [], catalog=alike)
    assert [(p.seed, p.arm) for p in recall.missing("first", "standard", ARMS)] == [
        (0, "base"),
        (1, "base"),
        (2, "base"),
    ]
    evidence = recall_of(PROGRAM, [own("base", s) for s in range(3)], catalog=alike).evidence_of(
        "first", "standard"
    )
    assert run_ids_of(evidence, "new") == run_ids_of(evidence, "base")
    assert evidence.caveats == ()


def test_a_run_of_another_fidelity_does_not_count() -> None:
    run = own("base", 0, fidelity="smoke")
    assert seeds_missing(recall_of(PROGRAM, [run])) == [0, 1, 2]


def test_a_crash_that_may_have_been_bad_luck_is_tried_once_more_and_no_oftener() -> None:
    first = own("base", 0, "out_of_memory")
    assert seeds_missing(recall_of(PROGRAM, [first])) == [0, 1, 2]
    again = own("base", 0, "out_of_memory", attempt=2)
    recall = recall_of(PROGRAM, [first, again])
    assert seeds_missing(recall) == [1, 2, 3]
    assert recall.evidence_of("first", "standard").failed["base"].keys() == {0}


def test_an_exception_is_not_tried_again_and_its_seed_is_replaced_in_the_arm_compared_with_it() -> None:
    recall = recall_of(PROGRAM, [own("base", 0, "code_error"), own("new", 0)])
    missing = [(p.seed, p.arm) for p in recall.missing("first", "standard", ARMS)]
    assert missing == [(seed, arm) for seed in (1, 2, 3) for arm in ("base", "new")]


def test_failed_seeds_are_replaced_as_far_as_the_seeds_of_an_arm_go() -> None:
    program = small(budget={"seeds_per_arm": 3})
    recall = recall_of(program, [own_run(program, "first", "base", 0, "code_error")])
    missing = [(p.seed, p.arm) for p in recall.missing("first", "standard", ARMS)]
    assert missing == [(1, "base"), (1, "new"), (2, "base"), (2, "new"), (3, "new")]


def test_a_run_lost_with_the_planner_uses_up_no_try() -> None:
    lost = [own("base", 0, "lost", attempt=0, id=f"lost-{i}") for i in range(5)]
    recall = recall_of(PROGRAM, lost)
    assert seeds_missing(recall) == [0, 1, 2]
    planned = recall.missing("first", "standard", {"base": 1})[0]
    retried = recall.retried(planned)
    assert retried is not None
    assert retried.attempt == 0


def test_a_program_says_how_often_a_run_is_tried_again() -> None:
    patient = small(budget={"retries": 2})
    killed = [own_run(patient, "first", "base", 0, "killed", attempt=n) for n in (1, 2, 3)]
    for made, wanted in ((1, [0, 1, 2]), (2, [0, 1, 2]), (3, [1, 2, 3])):
        assert seeds_missing(recall_of(patient, killed[:made])) == wanted
    impatient = small(budget={"retries": 0})
    assert seeds_missing(recall_of(impatient, killed[:1])) == [1, 2, 3]


@pytest.mark.parametrize("outcome", ["code_error", "lost", "killed"])
def test_an_arm_whose_seeds_all_fail_alike_gets_no_more_and_the_evidence_says_so(outcome: str) -> None:
    def failed(seeds: int) -> list[Run]:
        return [own("base", seed, outcome, attempt=2) for seed in range(seeds)]

    assert seeds_missing(recall_of(PROGRAM, failed(2)), wanted=6) == [2, 3, 4, 5]
    recall = recall_of(PROGRAM, failed(3))
    assert seeds_missing(recall, wanted=6) == []
    assert seeds_missing(recall, wanted=6, arm="new") == [0, 1, 2, 3, 4, 5]
    caveats = recall.evidence_of("first", "standard").caveats
    assert caveats == (f"'base' was given up: 3 seeds ended as {outcome}, and no run of it gave evidence",)


def test_an_arm_is_not_given_up_that_gave_evidence_once_or_fails_differently() -> None:
    once = [own("base", 0), *(own("base", seed, "code_error") for seed in (1, 2, 3))]
    assert seeds_missing(recall_of(PROGRAM, once), wanted=6) == [4, 5]
    several = [own("base", s, o, attempt=2) for s, o in enumerate(("code_error", "killed", "lost"))]
    assert seeds_missing(recall_of(PROGRAM, several), wanted=6) == [3, 4, 5]
    nans = [own("base", seed, "bad_metric") for seed in range(4)]
    assert seeds_missing(recall_of(PROGRAM, nans), wanted=6) == [4, 5]


FAILURES = st.sampled_from(["code_error", "out_of_memory", "killed", "lost", "timeout", "disk_full"])


@settings(deadline=None)
@given(st.dictionaries(st.tuples(st.sampled_from(["base", "new"]), st.integers(0, 5)), FAILURES, max_size=10))
def test_runs_that_failed_change_the_evidence_that_is_missing_and_nothing_else_of_a_verdict(
    failed: dict[tuple[str, int], str],
) -> None:
    every = [(arm, seed) for arm in ("base", "new") for seed in range(6)]
    ended = [own(*key) for key in every if key not in failed]
    broken = [own(*key, outcome, attempt=2) for key, outcome in failed.items()]
    with_failures, without = (
        judge_phase(PROGRAM, "first", recall_of(PROGRAM, runs).evidence_of("first", "standard"), JUDGING)
        for runs in ([*ended, *broken], ended)
    )
    for name in ("outcome", "case", "tier", "table", "seeds"):
        assert getattr(with_failures, name) == getattr(without, name), name
    said_less = ({**result.model_dump(), "reason": ""} for result in with_failures.criteria)
    assert list(said_less) == [{**result.model_dump(), "reason": ""} for result in without.criteria]
    said = " ".join([*with_failures.caveats, *(guard.reason for guard in with_failures.guards)])
    assert all(run.id in said for run in broken)


def test_what_a_person_mended_gives_failed_runs_of_other_phases_one_more_try() -> None:
    failed = [own("base", 0, "timeout", attempt=n) for n in (1, 2)]
    assert seeds_missing(recall_of(PROGRAM, failed, mended=["second"])) == [0, 1, 2]
    assert seeds_missing(recall_of(PROGRAM, failed, mended=["first"])) == [1, 2, 3]


def test_an_excluded_seed_is_replaced_by_the_next_free_one() -> None:
    runs = [own("base", seed) for seed in range(3)]
    assert seeds_missing(recall_of(PROGRAM, runs, excluded=[exclusion(runs[1])])) == [3]


def test_an_excluded_seed_is_replaced_also_where_an_earlier_try_of_it_failed() -> None:
    tried = [own("base", 0, "killed", attempt=1), own("base", 0, attempt=2)]
    assert seeds_missing(recall_of(PROGRAM, tried, excluded=[exclusion(tried[1])])) == [1, 2, 3]


def test_an_excluded_duplicate_costs_no_new_run() -> None:
    good, copy = own("base", 0), own("base", 0, id="copy")
    assert seeds_missing(recall_of(PROGRAM, [good, copy], excluded=[exclusion(copy)]), 1) == []


def test_an_exclusion_is_visible_in_the_evidence() -> None:
    run = own("base", 0)
    evidence = recall_of(PROGRAM, [run], excluded=[exclusion(run)]).evidence_of("first", "standard")
    assert run_ids_of(evidence, "base") == []
    assert any("excluded by ada: a bad machine" in caveat for caveat in evidence.caveats)


def test_runs_of_others_with_whatever_seeds_count_instead_of_ours() -> None:
    runs = [foreign_run("first", "base", seed, {"score": 1.0}) for seed in (7, 1_000_000_000, 99)]
    assert seeds_missing(recall_of(PROGRAM, runs)) == []


def test_where_others_have_too_few_ours_are_made_from_the_first_seed() -> None:
    runs = [foreign_run("first", "base", seed, {"score": 1.0}) for seed in (1, 2)]
    assert seeds_missing(recall_of(PROGRAM, runs)) == [0, 1, 2]


def test_a_launch_that_was_cut_short_is_completed_though_others_ran_the_same_seeds_on_other_data() -> None:
    runs = [foreign_run("first", "base", seed, {"score": 1.0}) for seed in (0, 1, 2)]
    recall = recall_of(PROGRAM, [*runs, own("base", 0)])
    assert seeds_missing(recall) == [1, 2]
    evidence = recall.evidence_of("first", "standard")
    assert run_ids_of(evidence, "base") == [own("base", 0).id]
    assert any("dataset digest" in caveat for caveat in evidence.caveats)


def test_runs_of_others_on_our_data_are_pooled_with_ours_and_never_exceed_what_is_wanted() -> None:
    digest = own("base", 0).data_digest
    runs = [foreign_run("first", "base", seed, {"score": 1.0}, data_digest=digest) for seed in (5, 6, 7)]
    recall = recall_of(PROGRAM, runs)
    assert seeds_missing(recall, 4) == [0]
    assert (
        len(run_ids_of(recall_of(PROGRAM, [*runs, own("base", 0)]).evidence_of("first", "standard"), "base"))
        == 4
    )


def test_runs_of_unknown_arms_and_phases_count_nowhere() -> None:
    runs = [foreign_run("nowhere", "base", 0, {}), foreign_run("first", "nobody", 0, {})]
    assert recall_of(PROGRAM, runs).evidence_of("first", "standard").all_runs == []


def test_runs_of_changed_code_do_not_count_until_a_person_keeps_it() -> None:
    runs = [own("base", seed) for seed in range(3)]
    changed = catalog_of(PROGRAM, code="code-2")
    assert seeds_missing(recall_of(PROGRAM, runs, catalog=changed)) == [0, 1, 2]
    kept = catalog_of(PROGRAM, code="code-2", accepted=frozenset({CODE}))
    assert seeds_missing(recall_of(PROGRAM, runs, catalog=kept)) == []


def test_of_two_runs_with_one_seed_one_counts_and_the_other_is_named() -> None:
    evidence = recall_of(PROGRAM, [own("base", 0), own("base", 0, id="twin")]).evidence_of(
        "first", "standard"
    )
    assert len(run_ids_of(evidence, "base")) == 1
    assert any("2 runs of 'base' have seed 0" in caveat for caveat in evidence.caveats)


RUNS = st.lists(
    st.builds(
        lambda arm, seed, outcome, attempt, mine: (
            own(arm, seed, outcome, attempt=attempt, id=f"{arm}{seed}{outcome}{attempt}{mine}")
            if mine
            else foreign_run("first", arm, seed, outcome or SCRIPT(arm, seed))
        ),
        st.sampled_from(["base", "new"]),
        st.integers(0, 5),
        st.sampled_from([None, "timeout", "code_error", "lost", "bad_metric"]),
        st.integers(0, 2),
        st.booleans(),
    ),
    max_size=8,
    unique_by=lambda run: run.id,
)


@given(runs=RUNS, data=st.data())
def test_the_order_of_runs_does_not_matter(runs: list[Run], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(runs))
    one, other = recall_of(PROGRAM, runs), recall_of(PROGRAM, shuffled)
    assert one.evidence_of("first", "standard") == other.evidence_of("first", "standard")
    assert one.missing("first", "standard", ARMS) == other.missing("first", "standard", ARMS)


@given(runs=RUNS, hidden=st.sets(st.integers(0, 7)), count=st.integers(0, 8))
def test_once_the_missing_runs_are_made_nothing_is_missing(
    runs: list[Run], hidden: set[int], count: int
) -> None:
    excluded = [exclusion(run) for i, run in enumerate(runs) if i in hidden]
    wanted = {"base": count, "new": count}
    missing = recall_of(PROGRAM, runs, excluded=excluded).missing("first", "standard", wanted)
    assert len(missing) <= 2 * count
    made = [own(p.arm, p.seed, attempt=3, id=f"made-{p.arm}-{p.seed}") for p in missing]
    after = RunSelector(PROGRAM, Snapshot((*runs, *made)), catalog_of(PROGRAM), excluded)
    assert after.missing("first", "standard", wanted) == []
