"""Where a program stands, by the rules alone, on every branch of the program that ships."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.deciding.launch import decision_digest
from planner.deciding.situation import Plan, PlanningState
from planner.deciding.walk import build_plan
from planner.evidence.run_selection import RunSelector, Snapshot
from planner.judging.post_hoc import SeenRuns
from planner.language.program import Program, build
from planner.records.base import canonical
from planner.records.runs import Run
from tests.support.rotation import a_fifth_of
from tests.support.stories import cures, samebatch, six_a, snapshot_age, story
from tests.support.worlds import (
    catalog_of,
    credit_linesearch,
    foreign_run,
    override,
    own_run,
    runs_of,
    scores,
    situation_of,
    small,
    stand,
    steady,
)

CREDIT = credit_linesearch()
SMALL = small()


def made(script: object, *phases: str, program: Program = CREDIT, seeds: int = 6) -> list[Run]:
    """Runs of all seeds that the program that ships plans, where it is not said otherwise."""
    return [run for phase in phases for run in runs_of(program, phase, script, seeds)]  # type: ignore[arg-type]


def judged(position: Plan) -> list[tuple[str, str, str | None]]:
    return [(s.verdict.phase, s.verdict.outcome, s.verdict.case) for s in position.steps]


# --- the branches of credit_linesearch -----------------------------------------------------------


def test_a_program_without_runs_begins_with_its_first_phase() -> None:
    position = stand(CREDIT, [])
    assert (position.state, position.phase, len(position.launch)) == ("ready", "phase_6a", 12)
    assert position.decision is not None
    assert (
        position.decision.reason
        == "12 runs of phase_6a are missing: nothing has been judged yet at fidelity standard"
    )


def test_runs_that_are_missing_since_a_verdict_went_stale_say_so_and_why() -> None:
    position = stand(SMALL, [], stale={"first": "the code of the experiment has changed"})
    assert position.decision is not None
    assert (
        position.decision.reason
        == "6 runs of first are missing: its verdict is stale: the code of the experiment has changed"
    )


def test_runs_that_are_missing_beside_a_verdict_that_stands_do_not_say_that_there_is_none() -> None:
    position = stand(SMALL, [], judged=frozenset({"first"}))
    assert position.decision is not None
    assert position.decision.reason.endswith("its verdict was judged on fewer runs than are asked for")


@pytest.mark.parametrize(("helps", "case", "outcome"), [(True, "A", "pass"), (False, "B", "fail")])
def test_phase_6a_leads_to_samebatch_in_either_case(helps: bool, case: str, outcome: str) -> None:
    position = stand(CREDIT, made(steady(six_a(helps)), "phase_6a"))
    assert judged(position) == [("phase_6a", outcome, case)]
    assert position.phase == "samebatch"
    assert str(position.steps[0].decision.rule) == f"phase_6a.next.{case}"


def test_phase_6a_that_stays_undecided_leads_to_samebatch_after_every_seed_is_spent() -> None:
    loud = steady(six_a(True), noise=40.0)
    three = stand(CREDIT, made(loud, "phase_6a", seeds=3))
    assert three.decision is not None
    assert three.decision.action == "add_seeds"
    assert three.interim is not None
    six = stand(CREDIT, made(loud, "phase_6a"))
    assert judged(six) == [("phase_6a", "inconclusive", None)]
    assert six.steps[0].verdict.cause == "budget"
    assert six.phase == "samebatch"


@pytest.mark.parametrize(
    ("case", "outcome", "leads_to"),
    [("A", "pass", None), ("B", "fail", None), ("C", "pass", "regularized"), ("D", "pass", "snapshot_age")],
)
def test_each_case_of_samebatch_leads_where_the_program_says(
    case: str, outcome: str, leads_to: str | None
) -> None:
    script = story(same=case)
    position = stand(CREDIT, made(script, "phase_6a", "samebatch"))
    assert judged(position)[1] == ("samebatch", outcome, case)
    assert position.steps[1].decision.target == leads_to


def test_samebatch_that_stays_undecided_leads_to_snapshot_age() -> None:
    loud = steady(samebatch("D"), noise=40.0)
    runs = made(steady(six_a(False)), "phase_6a") + made(loud, "samebatch")
    position = stand(CREDIT, runs)
    assert judged(position)[1] == ("samebatch", "inconclusive", None)
    assert position.phase == "snapshot_age"


def test_an_artifact_ends_the_program() -> None:
    position = stand(CREDIT, made(story(age="artifact"), "phase_6a", "samebatch", "snapshot_age"))
    assert judged(position)[2] == ("snapshot_age", "pass", "artifact")
    assert position.state == "done"


WALK = ("phase_6a", "samebatch", "snapshot_age", "regularized", "spread_over_batches", "last_block")


def test_a_real_rise_is_treated_option_by_option_the_discouraged_one_last() -> None:
    position = stand(CREDIT, made(story(), *WALK))
    assert [s.verdict.phase for s in position.steps] == list(WALK)
    assert [s.decision.choice for s in position.steps[2:]] == [
        "regularize",
        "spread_over_batches",
        "replace_surrogate",
        None,
    ]
    assert position.state == "done"
    assert "no triage option of 'snapshot_age' is left" in position.steps[-1].decision.reason


@pytest.mark.parametrize(
    ("helps", "last"),
    [
        ("oracle_decay", "regularized"),
        ("oracle_spread", "spread_over_batches"),
        ("oracle_last_block", "last_block"),
    ],
)
def test_an_option_that_helps_ends_the_program(helps: str, last: str) -> None:
    position = stand(CREDIT, made(story(helps=(helps,)), *WALK))
    assert position.state == "done"
    assert judged(position)[-1] == (last, "pass", None)


def test_the_best_of_several_arms_is_confirmed_on_fresh_seeds_before_its_verdict_is() -> None:
    def distinct(seeds: int) -> list[Run]:
        script = story(helps=("oracle_decay",))
        runs_made = [*made(script, *WALK[:3]), *made(script, WALK[3], seeds=seeds)]
        return list({run.fingerprint: run for run in runs_made}.values())

    position = stand(CREDIT, distinct(3))
    assert (position.phase, position.decision.action) == ("regularized", "add_seeds")
    assert {run.arm for run in position.launch} == {"oracle_decay"}  # the baseline has them already
    assert {run.seed for run in position.launch} == {3, 4, 5}
    assert position.interim.confidence == "provisional"
    assert any("not confirmed on fresh seeds" in caveat for caveat in position.interim.caveats)
    (step,) = stand(CREDIT, distinct(6)).steps[3:]
    held = step.verdict.criterion("held_improves")
    assert (step.verdict.confidence, held.chosen, held.fresh) == ("confirmed", "oracle_decay", 3)


def test_a_provisional_verdict_does_not_open_a_phase_that_asks_for_a_confirmed_one() -> None:
    weak = steady({**samebatch("C"), "oracle_norm": {**samebatch("C")["oracle_norm"], "eta_interior": 0.0}})
    runs = made(steady(six_a(True)), "phase_6a") + made(weak, "samebatch")
    position = stand(CREDIT, runs)
    decision = position.steps[-1].decision
    assert (position.state, decision.action, decision.needs_person) == ("waiting", "wait", "to_confirm")
    assert "grid_wide_enough" in decision.reason
    accepted = stand(CREDIT, runs, overrides=[override(CREDIT, "samebatch", verdict="accept")])
    assert (accepted.state, accepted.phase) == ("ready", "regularized")


def test_a_provisional_verdict_does_not_open_it_through_triage_either() -> None:
    runs = [r for r in made(story(), "phase_6a", "samebatch", "snapshot_age") if r.seed < 2]
    position = stand(CREDIT, [r.model_copy(update={"fingerprint": None}) for r in runs], no_run=True)
    assert position.steps[-1].verdict.confidence == "provisional"
    assert position.steps[-1].decision.needs_person == "to_confirm"


# --- seeds, budget, failures ---------------------------------------------------------------------


def test_a_run_that_fails_for_good_leaves_the_question_open_and_never_refutes_it() -> None:
    runs = [own_run(SMALL, "first", "base", s, {"score": 0.0}) for s in range(3)]
    runs += [own_run(SMALL, "first", "new", s, "code_error") for s in range(3)]
    verdict = stand(SMALL, runs).steps[0].verdict
    assert (verdict.outcome, verdict.cause) == ("inconclusive", "missing")
    assert {c.status for c in verdict.claims} <= {"not_verified", "proposed"}


def test_a_failed_seed_is_made_up_for_in_every_arm_that_is_compared_with_it() -> None:
    rest = [r for r in runs_of(SMALL, "first", scores(new=5.0), 3) if (r.arm, r.seed) != ("new", 1)]
    position = stand(SMALL, [*rest, own_run(SMALL, "first", "new", 1, "code_error")])
    assert [(p.arm, p.seed) for p in position.launch] == [("base", 3), ("new", 3)]


def test_seeds_are_never_added_beyond_the_budget_of_an_arm() -> None:
    loud = steady({n: {"score": 0.3} for n in ("base", "new", "other", "last")}, noise=9.0)
    position = stand(SMALL, runs_of(SMALL, "first", loud, 6))
    assert position.steps[0].verdict.outcome != "pass"
    assert all(p.phase != "first" for p in position.launch)


def test_a_spent_budget_judges_what_there_is_and_says_so() -> None:
    loud = steady({n: {"score": 0.0 if n == "base" else 0.4} for n in ("base", "new", "other", "last")}, 0.4)
    situation = situation_of(SMALL, runs_of(SMALL, "first", loud, 3), affordable=0)
    first = build_plan(situation).steps[0].verdict
    assert (first.outcome, first.cause, first.confidence) == ("inconclusive", "budget", "provisional")
    assert any("budget is spent" in caveat for caveat in first.caveats)


def test_a_phase_that_the_budget_gives_no_run_that_it_requires_ends_the_program() -> None:
    position = stand(SMALL, runs_of(SMALL, "first", scores(), 3), affordable=0)
    assert judged(position) == [("first", "fail", None), ("second", "inconclusive", None)]
    assert (position.state, position.steps[-1].decision.action) == ("done", "stop")
    assert position.steps[-1].verdict.cause == "budget"


def test_only_as_many_runs_are_made_as_the_budget_pays_for() -> None:
    assert len(stand(SMALL, [], affordable=4).launch) == 4


def test_smoke_judges_two_seeds_and_is_provisional() -> None:
    runs = runs_of(SMALL, "first", scores(new=3.0), 2, fidelity="smoke")
    verdict = stand(SMALL, runs, fidelity="smoke").steps[0].verdict
    assert (verdict.outcome, verdict.confidence, verdict.fidelity) == ("pass", "provisional", "smoke")


# --- judging what others ran ---------------------------------------------------------------------


def foreign(phase: str, script: object, *arms: str, seeds: int = 1) -> list[Run]:
    names = arms or tuple(CREDIT.phases[phase].arms)
    return [foreign_run(phase, a, s, script(a, s)) for a in names for s in range(seeds)]  # type: ignore[operator]


def test_no_run_launches_nothing_and_judges_at_point_value() -> None:
    runs = foreign("phase_6a", story()) + foreign("samebatch", story())
    position = stand(CREDIT, runs, no_run=True)
    assert judged(position)[:2] == [("phase_6a", "fail", "B"), ("samebatch", "pass", "D")]
    assert {s.verdict.confidence for s in position.steps} == {"provisional"}
    assert position.launch == ()
    assert (position.state, position.phase) == ("ready", "snapshot_age")


def test_phases_without_runs_are_passed_over_and_every_later_verdict_says_which() -> None:
    position = stand(CREDIT, foreign("snapshot_age", story(age="artifact")), no_run=True)
    assert position.passed_over == ("phase_6a", "samebatch")
    caveats = position.steps[0].verdict.caveats
    assert "phase 'phase_6a' was not done (passed over)" in caveats
    assert "phase 'samebatch' was not done (passed over)" in caveats


def test_a_phase_without_runs_that_a_person_chose_is_not_passed_over() -> None:
    """Whoever chooses ``third`` does not want ``second`` judged in its place."""
    runs = foreign("first", scores(), "base", "new", seeds=3) + foreign("second", scores(), "base", "other")
    assert [s.verdict.phase for s in stand(SMALL, runs, no_run=True).steps] == ["first", "second"]
    chosen = override(SMALL, "first", choose="repeat")
    position = stand(SMALL, runs, no_run=True, overrides=[chosen])
    assert [s.verdict.phase for s in position.steps] == ["first"]
    assert (position.state, position.phase, position.passed_over) == ("ready", "third", ())


def test_a_phase_of_which_one_arm_alone_has_runs_is_judged_and_names_the_other() -> None:
    runs = foreign("first", scores(), "base", "new", seeds=3) + foreign("second", scores(), "other")
    position = stand(SMALL, runs, no_run=True)
    verdict = position.steps[-1].verdict
    assert (verdict.phase, verdict.outcome, verdict.cause) == ("second", "inconclusive", "missing")
    assert any("arm 'base' has no usable run" in criterion.reason for criterion in verdict.criteria)


def test_a_phase_of_which_every_run_failed_is_blocked_and_not_passed_over() -> None:
    runs = [foreign_run("phase_6a", arm, 0, "code_error") for arm in CREDIT.phases["phase_6a"].arms]
    position = stand(CREDIT, runs, no_run=True)
    assert judged(position) == [("phase_6a", "blocked", None)]
    assert (position.steps[0].verdict.cause, position.state) == ("infrastructure", "blocked")


def test_with_no_runs_anywhere_there_is_nothing_to_judge() -> None:
    position = stand(CREDIT, [], no_run=True)
    assert (position.steps, position.state, position.phase) == ((), "ready", "phase_6a")


# --- rules that change ---------------------------------------------------------------------------


def changed(**criterion: object) -> Program:
    raw = SMALL.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["criteria"]["higher"].update(criterion)
    return build(raw)


def test_a_rule_that_changed_after_its_evidence_was_seen_is_post_hoc_and_provisional() -> None:
    runs = runs_of(SMALL, "first", scores(new=3.0), 6)
    before = stand(SMALL, runs).steps[0].verdict
    seen = [SeenRuns("first", before.rules_digest, frozenset(before.run_ids))]
    after = stand(changed(better_by=0.4), runs, seen=seen).steps[0].verdict
    assert (after.post_hoc, after.confidence) == (True, "provisional")
    assert stand(SMALL, runs, seen=seen).steps[0].verdict == before


def test_a_rule_that_changes_back_is_what_it_was_before_the_evidence() -> None:
    runs = runs_of(SMALL, "first", scores(new=3.0), 6)
    first = stand(SMALL, runs).steps[0].verdict
    ids = frozenset(first.run_ids)
    seen = [SeenRuns("first", first.rules_digest, ids), SeenRuns("first", "another", ids)]
    assert stand(SMALL, runs, seen=seen).steps[0].verdict == first


def test_a_phase_that_is_added_changes_no_verdict_and_no_decision() -> None:
    raw = SMALL.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["fourth"] = {**raw["phases"]["third"], "question": "And so?"}
    more = build(raw)
    runs = runs_of(SMALL, "first", scores(), 3)
    assert stand(more, runs).steps == stand(SMALL, runs).steps


def test_what_follows_a_verdict_is_part_of_the_decisions_digest_and_not_of_the_verdict() -> None:
    raw = SMALL.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["next"] = {"fail": "stop"}
    other = build(raw)
    runs = runs_of(SMALL, "first", scores(), 3)
    assert stand(other, runs).steps[0].verdict == stand(SMALL, runs).steps[0].verdict
    assert decision_digest(other, "first") != decision_digest(SMALL, "first")


# --- laws ----------------------------------------------------------------------------------------


@cache
def _four_phases() -> tuple[tuple[Run, ...], Plan]:
    runs = made(story(), *WALK[:4])
    return tuple(runs), stand(CREDIT, runs)


@settings(max_examples=a_fifth_of(25), deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_the_same_evidence_gives_the_same_records_byte_for_byte_whatever_the_order_of_runs(
    order: object,
) -> None:
    runs, one = _four_phases()
    shuffled = list(runs)
    order.shuffle(shuffled)  # type: ignore[attr-defined]
    other = stand(CREDIT, shuffled)
    for mine, theirs in zip(one.steps, other.steps, strict=True):
        assert canonical(mine.verdict.model_dump(mode="json")) == canonical(
            theirs.verdict.model_dump(mode="json")
        )
        assert canonical(mine.decision.model_dump(mode="json")) == canonical(
            theirs.decision.model_dump(mode="json")
        )
    assert one == other


VALUES = st.sampled_from([-1.0, 0.0, 0.2, 1.0, float("nan")])


@settings(max_examples=a_fifth_of(60), deadline=None)
@given(
    values=st.dictionaries(st.sampled_from(["base", "new", "other", "last"]), VALUES),
    outcome=st.sampled_from([None, "timeout", "code_error", "bad_metric"]),
    no_run=st.booleans(),
    affordable=st.sampled_from([0, 1, 1000]),
    chosen=st.lists(
        st.tuples(st.sampled_from(["first", "second", "third"]), st.sampled_from(["turn", "repeat", "stop"])),
        max_size=3,
    ),
)
def test_a_walk_ends_and_judges_no_phase_twice(
    values: dict[str, float],
    outcome: str | None,
    no_run: bool,
    affordable: int,
    chosen: list[tuple[str, str]],
) -> None:
    runs = [
        own_run(
            SMALL, p, a, s, outcome if outcome and s == 1 else {"score": values.get(a, 0.0)}, id=f"{a}{s}"
        )
        for p, arms in {"first": ("base", "new"), "second": ("other",), "third": ("last",)}.items()
        for a in arms
        for s in range(3)
    ]
    words = [override(SMALL, phase, choose=choice) for phase, choice in chosen]
    position = stand(SMALL, runs, no_run=no_run, affordable=affordable, overrides=words)
    names = [step.verdict.phase for step in position.steps]
    assert len(names) == len(set(names)) <= len(SMALL.phases)
    assert all(step.decision.reason for step in position.steps)
    assert bool(position.launch) == (position.decision is not None)


def test_a_walk_through_the_whole_program_making_what_is_missing_comes_to_an_end() -> None:
    script, runs = story(noise=3.0), []
    for _ in range(200):
        situation: PlanningState = situation_of(CREDIT, runs)
        position = build_plan(situation)
        if not position.launch:
            break
        runs += [own_run(CREDIT, p.phase, p.arm, p.seed, script(p.arm, p.seed)) for p in position.launch]
    assert not position.launch
    assert position.state in ("done", "waiting")
    assert max(run.seed for run in runs) < CREDIT.budget.seeds_per_arm


def test_runs_of_changed_code_are_made_again_before_anything_new() -> None:
    runs = made(story(), "phase_6a", "samebatch")
    recall = RunSelector(CREDIT, Snapshot(tuple(runs)), catalog_of(CREDIT, code="code-2"))
    position = build_plan(PlanningState(CREDIT, recall.evidence_of, recall.missing))
    assert (position.steps, position.phase, len(position.launch)) == ((), "phase_6a", 12)


def test_cures_share_the_runs_of_the_arm_that_they_are_compared_with() -> None:
    helps = steady({**samebatch("D"), **snapshot_age("real"), **six_a(False), **cures()})
    position = stand(CREDIT, made(helps, "phase_6a", "samebatch", "snapshot_age"))
    assert {p.arm for p in position.launch} == {"oracle_decay", "oracle_trust"}
    assert dataclasses.asdict(position)["phase"] == "regularized"


def cut_off(arm: str, seed: int, attempt: int = 1) -> Any:
    """A run that was killed when it had measured something."""
    return own_run(SMALL, "first", arm, seed, {"score": 9.0}, outcome="killed", attempt=attempt)


def test_a_run_that_was_cut_off_is_made_again_before_its_phase_is_refused_or_judged() -> None:
    three = runs_of(SMALL, "first", scores(new=1.0))
    for runs in (three[:-1], three):  # the last of the least seeds, and one beyond them
        seed = 2 if len(runs) < len(three) else 3
        position = stand(SMALL, [*runs, cut_off("new", seed)])
        assert not position.refused
        assert [(run.arm, run.seed) for run in position.launch] == [("new", seed)]


def test_what_was_cut_off_for_good_counts_as_it_is() -> None:
    runs = [*runs_of(SMALL, "first", scores(new=-1.0)), cut_off("new", 3), cut_off("new", 3, attempt=2)]
    assert ("new", 3) not in [(run.arm, run.seed) for run in stand(SMALL, runs).launch]
