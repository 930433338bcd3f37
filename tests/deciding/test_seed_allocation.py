"""Whether more seeds can still change an answer, and how many."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from planner.deciding.seed_allocation import seeds_wanted
from planner.evidence.evidence import Evidence
from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program
from planner.records.person import Exclusion
from planner.records.runs import Run
from tests.support.worlds import own_run, recall_of, scores, small, steady

UNSURE = {"metric": "score", "arm": "new", "versus": "base", "better_by": 0.5}
NAMES = ("base", "new", "other", "last")
UNCLEAR = steady({name: {"score": 0.0 if name == "base" else 0.4} for name in NAMES}, noise=1.0)


def wanted(
    program: Program, runs: list[Run], final: bool = False, excluded: Sequence[Exclusion] = ()
) -> dict[str, int]:
    evidence: Evidence = recall_of(program, runs, excluded=excluded).evidence_of("first", "standard")
    design = build_test_design(program, "first", "standard", final)
    verdict = judge_phase(program, "first", evidence, design)
    return seeds_wanted(program, "first", verdict, design, evidence)


def launched(program: Program, runs: list[Run]) -> list[tuple[str, int]]:
    """(arm, seed) of the runs that are made next."""
    missing = recall_of(program, runs).missing("first", "standard", wanted(program, runs))
    return sorted((run.arm, run.seed) for run in missing)


def excluding(run: Run) -> Exclusion:
    fields = {"program": "small", "phase": "first", "run_id": run.id, "by": "ada", "reason": "a bad machine"}
    return Exclusion(**fields, at="2026-01-02T00:00:00+00:00").identified("x")


def runs(program: Program, script: object, counts: dict[str, int]) -> list[Run]:
    return [own_run(program, "first", a, s, script(a, s)) for a, n in counts.items() for s in range(n)]  # type: ignore[operator]


def test_a_clear_answer_wants_no_more() -> None:
    program = small({"seeds_per_arm": 12})
    assert wanted(program, runs(program, scores(new=5.0), {"base": 3, "new": 3})) == {}


@pytest.mark.parametrize("treatment", ["bounds", "sequential", "anytime"])
def test_a_criterion_judged_in_sequence_looks_again_after_one_more_seed(treatment: str) -> None:
    program = small(criteria={"higher": {**UNSURE, "treatment": treatment}})
    assert wanted(program, runs(program, UNCLEAR, {"base": 3, "new": 3})) == {"base": 4, "new": 4}


def test_arms_that_bounds_have_decided_get_no_more_seeds() -> None:
    each = {"metric": "score", "each_of": ["new", "other"], "versus": "base", "better_by": 0.5}
    clear = {"base": {"score": 0.0}, "new": {"score": -9.0}, "other": {"score": 0.4}}
    program = small(
        criteria={"c": {**each, "treatment": "bounds"}}, arms=["base", "new", "other"], gate=["c"]
    )
    lost = runs(program, steady(clear, noise=1.0), {"base": 3, "new": 3, "other": 3})
    assert wanted(program, lost) == {}
    clear["new"] = {"score": 99.0}
    good = runs(program, steady(clear, noise=1.0), {"base": 4, "new": 4, "other": 4})
    assert wanted(program, good) == {"base": 5, "other": 5}


def test_a_deviation_is_looked_at_again_at_the_planned_number_of_seeds() -> None:
    level = {"metric": "score", "arm": "new", "over_seeds": "sd", "at_most": 0.7}
    program = small(criteria={"higher": level})
    assert wanted(program, runs(program, UNCLEAR, {"base": 3, "new": 3})) == {"new": 6}


def test_an_arm_that_lags_behind_after_an_interruption_catches_up_first() -> None:
    program = small()
    own_runs = runs(program, UNCLEAR, {"base": 4, "new": 3})
    assert wanted(program, own_runs) == {"base": 4, "new": 4}
    assert launched(program, own_runs) == [("new", 3)]


@pytest.mark.parametrize(
    ("planned", "made", "wanted_seeds"),
    [(6, 4, {"base": 3, "new": 3}), (6, 5, {"base": 4, "new": 4}), (12, 5, {})],
    ids=["too few pairs", "undecided", "decided"],
)
def test_where_other_seeds_are_excluded_in_two_arms_pairs_are_made_up_to_the_next_look(
    planned: int, made: int, wanted_seeds: dict[str, int]
) -> None:
    higher = {"metric": "score", "arm": "new", "versus": "base", "at_least": 0.5, "pair": "always"}
    program = small({"seeds_per_arm": planned}, criteria={"higher": higher})
    own_runs = runs(program, scores(new=5.0), {"base": made, "new": made})
    bad = [run for run in own_runs if (run.arm, run.seed) in (("base", 0), ("new", 1))]
    assert wanted(program, own_runs, excluded=[excluding(run) for run in bad]) == wanted_seeds


@pytest.mark.parametrize("count", [6, 7])
def test_nothing_is_wanted_beyond_the_seeds_of_an_arm(count: int) -> None:
    program = small()
    assert wanted(program, runs(program, UNCLEAR, {"base": count, "new": count})) == {}


def test_a_failed_seed_counts_among_the_tries_of_an_arm() -> None:
    program = small()
    own_runs = [r for r in runs(program, UNCLEAR, {"base": 5, "new": 5}) if (r.arm, r.seed) != ("new", 0)]
    own_runs.append(own_run(program, "first", "new", 0, "code_error"))
    assert wanted(program, own_runs) == {"base": 5, "new": 5}
    assert launched(program, own_runs) == [("base", 5), ("new", 5)]
    own_runs += [own_run(program, "first", arm, 5, UNCLEAR(arm, 5)) for arm in ("base", "new")]
    assert wanted(program, own_runs) == {}


def test_a_seed_that_will_be_tried_again_is_not_among_the_tries_yet() -> None:
    program = small(criteria={"higher": {**UNSURE, "treatment": "sequential"}})
    own_runs = runs(program, UNCLEAR, {"base": 4, "new": 3})
    for outcome, made in (("lost", [("new", 3)]), ("code_error", [("base", 4), ("new", 4)])):
        failed = own_run(program, "first", "new", 3, {}).model_copy(update={"outcome": outcome})
        assert launched(program, [*own_runs, failed]) == made


def test_an_answer_that_is_invalid_or_has_no_evidence_wants_no_seeds() -> None:
    program = small()
    broken = scores(new=float("nan"))
    assert wanted(program, runs(program, broken, {"base": 3, "new": 3})) == {}
    assert wanted(program, runs(program, UNCLEAR, {"base": 3, "new": 0})) == {}


def test_an_undecided_criterion_on_which_nothing_depends_wants_no_seeds() -> None:
    clear = {"metric": "score", "arm": "new", "above": -50.0}
    unclear = {"metric": "score", "arm": "new", "versus": "base", "better_by": 0.5}
    program = small(criteria={"higher": clear, "aside": unclear})
    assert wanted(program, runs(program, UNCLEAR, {"base": 3, "new": 3})) == {}


def test_an_open_case_wants_the_seeds_that_would_close_it() -> None:
    clear = {"metric": "score", "arm": "new", "above": -50.0}
    unclear = {"metric": "score", "arm": "new", "versus": "base", "better_by": 0.5}
    cases = {"up": {"means": "up", "when": ["aside"]}, "down": {"means": "down", "unless": ["aside"]}}
    program = small(criteria={"higher": clear, "aside": unclear}, cases=cases)
    assert wanted(program, runs(program, UNCLEAR, {"base": 3, "new": 3})) == {"base": 4, "new": 4}
