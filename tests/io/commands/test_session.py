"""A whole ``advance`` over twins: what is run, written down, reused, and followed."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from planner.deciding.walk import build_plan
from planner.errors import ProgramError
from planner.io.commands.advance_output import failing_alike
from planner.io.in_memory import MemoryRuns
from planner.io.sync.mirror import write_person
from planner.io.workers.descriptions import Describer
from planner.io.workers.program_code import code_at_hand
from planner.language.program import Program, build
from planner.lineage.status import next_step, program_state
from planner.paths import Home
from planner.records.decision import Decision
from planner.records.person import Keep
from planner.records.verdict import Verdict
from tests.support.stories import story
from tests.support.worlds import (
    Crash,
    Measured,
    World,
    credit_linesearch,
    foreign_run,
    own_run,
    scores,
    small,
    steady,
)

pytestmark = pytest.mark.in_turn


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, small(), scores())


def reruns(world: World) -> tuple[int, list[str]]:
    """How many runs another advance makes, and what it writes down."""
    before, ids_before = len(world.launcher.made), len(world.ids())
    world.advance()
    return len(world.launcher.made) - before, world.ids()[ids_before:]


# --- going on and standing still -----------------------------------------------------------------


def test_a_second_advance_makes_no_run_and_writes_nothing(world: World) -> None:
    done = world.advance()
    assert [step.phase for step in done.steps] == ["first", "second", "third"]
    assert [(step.runs_launched, step.runs_reused) for step in done.steps] == [(6, 0), (3, 3), (3, 3)]
    places = dict(world.records.places)
    assert reruns(world) == (0, [])
    assert world.records.places == places
    assert program_state(world.at) == "done"


def test_an_advance_without_all_judges_one_phase(world: World) -> None:
    assert [s.phase for s in world.advance(every=False).steps] == ["first"]
    assert [s.phase for s in world.advance(every=False).steps] == ["second"]


@pytest.mark.parametrize(
    ("together", "workers", "groups"),
    [(1, 1, [1] * 6), (3, 1, [3, 3]), (2, 1, [2, 1, 2, 1]), (9, 2, [3, 3]), (3, 4, [2, 1, 2, 1])],
)
def test_seeds_that_train_together_come_as_one_but_leave_no_worker_idle(
    world: World, together: int, workers: int, groups: list[int]
) -> None:
    world.launcher.together, world.launcher.workers = together, workers
    world.advance(every=False)
    assert sorted(world.launcher.groups) == sorted(groups)
    assert sorted(world.launcher.made) == sorted((arm, seed) for arm in ("base", "new") for seed in range(3))


def test_a_second_try_goes_alone_so_that_one_bad_seed_does_not_take_its_group_along(world: World) -> None:
    world.launcher.together = 3
    first = {("new", seed): "killed" for seed in range(3)}
    script = world.script

    def killed_once(arm: str, seed: int) -> Measured:
        return first.pop((arm, seed), None) or script(arm, seed)

    world.script = killed_once
    world.advance(every=False)
    assert sorted(world.launcher.groups) == [1, 1, 1, 3, 3]


def test_a_run_that_was_cut_off_from_outside_trains_with_the_others_again(world: World) -> None:
    world.launcher.together = 3

    def die(announced: str) -> None:
        if announced == "after MemoryRuns.start":
            raise Crash

    world.fail = die
    with pytest.raises(Crash):
        world.advance(every=False)
    world.fail = lambda _: None
    world.launcher.groups.clear()
    world.advance(every=False)
    assert sorted(world.launcher.groups) == [3, 3]


def test_until_goes_on_to_that_phase_and_no_further(world: World) -> None:
    assert [s.phase for s in world.advance(every=False, until="second").steps] == ["first", "second"]
    assert reruns(world)[0] == 3


def test_two_worlds_with_the_same_runs_write_the_same_records(tmp_path: Path) -> None:
    one, other = (World(tmp_path / n, small(), scores()) for n in ("one", "other"))
    one.advance()
    other.advance(every=False)
    other.advance()
    assert one.steps() == other.steps()


def test_the_whole_shipped_program_runs_to_its_end(tmp_path: Path) -> None:
    world = World(tmp_path, credit_linesearch(), story(helps=("oracle_spread",)))
    done = world.advance()
    assert [s.phase for s in done.steps][-2:] == ["regularized", "spread_over_batches"]
    assert world.at.validity.superseded_by == {"phase_6a": "samebatch"}
    assert "superseded" in (tmp_path / "memos" / "phase_6a.md").read_text().lower()
    assert reruns(world) == (0, [])


def test_a_finished_fingerprint_is_not_run_again_in_another_phase(world: World) -> None:
    world.advance()
    assert len(world.launcher.made) == len(set(world.launcher.made)) == 12


def test_seeds_are_added_while_the_answer_is_open_and_no_more_than_the_budget(tmp_path: Path) -> None:
    unclear = {n: {"score": 0.0 if n == "base" else 0.4} for n in ("base", "new", "other", "last")}
    world = World(tmp_path, small(), steady(unclear, noise=0.4))
    world.advance(until="first")
    made = [seed for arm, seed in world.launcher.made if arm == "new"]
    assert len(made) > 3
    assert max(made) < 6
    decisions = [e.record for e in world.journal.entries("small") if isinstance(e.record, Decision)]
    actions = {decision.action for decision in decisions}
    assert "add_seeds" in actions


def test_max_seconds_begins_no_run_after_the_time_and_the_next_advance_goes_on(world: World) -> None:
    stop = world.clock.seconds() + 10
    done = world.advance(deadline=stop)
    assert "--max-seconds" in done.stopped
    begun = len(world.launcher.made)
    assert 0 < begun < 6
    assert program_state(world.at) == "ready"
    world.advance()
    assert len(world.launcher.made) == len(set(world.launcher.made)) == 12


def test_the_budget_of_seconds_stops_a_batch_on_the_way(tmp_path: Path) -> None:
    world = World(tmp_path, small(budget={"seconds": 4.0}), scores())
    done = world.advance()
    assert len(world.launcher.made) == 4
    assert done.plan.state == "done"
    assert done.steps[-1].outcome == "inconclusive"
    assert any("budget" in c for c in world.at.verdicts["first"].caveats)
    assert reruns(world) == (0, [])


def test_the_budget_of_runs_is_never_exceeded(tmp_path: Path) -> None:
    world = World(tmp_path, small(budget={"runs": 7}), scores())
    world.advance()
    assert len(world.launcher.made) == 7
    assert program_state(world.at) == "done"


def test_a_launcher_that_makes_nothing_ends_the_advance(world: World) -> None:
    world.launcher.run = lambda jobs: (e for e in ())  # type: ignore[method-assign,assignment]
    assert world.advance().stopped == "no run could be made"


# --- failures ------------------------------------------------------------------------------------


def test_a_failing_run_is_tried_once_more_with_its_lineage_and_then_given_up(tmp_path: Path) -> None:
    base = scores()
    world = World(tmp_path, small(), lambda arm, seed: "timeout" if arm == "new" else base(arm, seed))
    world.advance(until="first")
    attempts = sorted(r.attempt for r in world.runs.finished.values() if r.arm == "new")
    assert attempts == [1, 1, 1, 2, 2, 2]
    verdict = world.at.verdicts["first"]
    assert (verdict.outcome, verdict.cause) == ("inconclusive", "missing")


def test_a_seed_that_fails_by_its_own_fault_is_not_tried_again(tmp_path: Path) -> None:
    base = scores(new=5.0)
    world = World(tmp_path, small(), lambda a, s: "code_error" if (a, s) == ("new", 0) else base(a, s))
    world.advance(until="first")
    assert world.launcher.made.count(("new", 0)) == 1
    assert world.at.verdicts["first"].outcome == "pass"


# --- people --------------------------------------------------------------------------------------


def test_an_override_is_followed_once_and_revoking_it_returns_to_the_recommendation(world: World) -> None:
    world.advance(every=False)
    before = world.at.decisions["first"]
    chosen = world.say("first", choose="repeat")
    assert next_step(world.at)["target"] == "repeat"
    assert program_state(world.at) == "ready"
    done = world.advance(every=False)
    assert [s.phase for s in done.steps] == ["first", "third"]
    followed = world.at.decisions["first"]
    assert (followed.choice, followed.recommended, followed.override_ids) == ("repeat", "turn", (chosen.id,))
    assert world.at.decisions["third"].choice == "turn"
    world.revoke(chosen)
    assert program_state(world.at) == "ready"
    assert next_step(world.at)["target"] == "turn"
    world.advance()
    assert world.at.decisions["first"] == before
    assert program_state(world.at) == "done"
    assert reruns(world) == (0, [])


def test_an_override_that_expires_gives_way_to_the_recommendation(world: World) -> None:
    world.advance(every=False)
    world.say("first", choose="repeat", expires="2026-01-02")
    world.advance()
    assert world.at.decisions["first"].choice == "repeat"
    world.clock.at = world.clock.at.replace(day=3)
    assert world.at.withdrawn is not None
    world.advance()
    assert world.at.decisions["first"].choice == "turn"
    assert reruns(world) == (0, [])


def test_stopping_by_override_ends_the_program(world: World) -> None:
    world.advance(every=False)
    world.say("first", choose="stop")
    assert next_step(world.at)["action"] == "stop"
    world.advance()
    assert program_state(world.at) == "done"
    assert len(world.launcher.made) == 6


def test_accept_takes_the_recommendation_that_waits(tmp_path: Path) -> None:
    option = {"option": "dear", "rationale": "it may help", "opens": "second", "needs_person": "to_approve"}
    world = World(tmp_path, small(triage={"options": [option]}), scores())
    world.advance()
    assert program_state(world.at) == "waiting"
    assert reruns(world) == (0, [])
    done = world.advance(accept=True)
    assert [s.phase for s in done.steps] == ["first", "second"]
    assert world.at.overrides[0].reason == "accepted the recommendation"
    assert world.at.decisions["first"].recommended is None


def test_a_rejected_verdict_is_followed_and_pends_no_longer(world: World) -> None:
    world.advance(every=False)
    world.say("first", verdict="reject")
    assert world.at.pending is not None
    world.advance()
    assert world.at.pending is None
    assert program_state(world.at) == "done"
    assert reruns(world) == (0, [])


def test_two_words_on_one_phase_are_both_followed(world: World) -> None:
    world.advance(every=False)
    world.say("first", verdict="accept")
    world.say("first", choose="repeat")
    world.advance()
    assert world.at.pending is None
    reason = world.at.decisions["first"].reason
    assert "accepts the verdict" in reason
    assert "chose 'repeat'" in reason
    assert reruns(world) == (0, [])


def test_where_every_run_of_an_arm_is_excluded_the_arm_compared_with_it_gets_the_same_new_seeds(
    world: World,
) -> None:
    world.advance(every=False)
    assert {(arm, seed) for arm, seed in world.launcher.made} == {
        (a, s) for a in ("base", "new") for s in range(3)
    }
    for run in [run for run in world.runs.finished.values() if run.arm == "base"]:
        world.exclude(run.id, "first")
    world.launcher.made.clear()
    world.advance(every=False)
    assert sorted(world.launcher.made) == [(a, s) for a in ("base", "new") for s in (3, 4, 5)]
    assert world.at.verdicts["first"].criterion("higher").n == 3
    assert "share no seed" not in world.at.verdicts["first"].criterion("higher").reason


def test_a_run_that_failed_is_made_up_for_at_one_seed_in_both_arms(world: World) -> None:
    measure = world.script
    world.script = lambda arm, seed: "code_error" if (arm, seed) == ("new", 1) else measure(arm, seed)
    world.advance(every=False)
    made = sorted(world.launcher.made)
    assert made == [(a, s) for a in ("base", "new") for s in range(4)]
    assert world.at.verdicts["first"].criterion("higher").n == 3


def test_an_excluded_run_is_replaced_and_comes_back_when_that_is_undone(world: World) -> None:
    world.advance()
    before = world.steps()
    run = world.at.verdicts["first"].run_ids[0]
    world.exclude(run, "first")
    assert program_state(world.at) == "ready"
    assert "was excluded by ada" in world.at.validity.stale["first"]
    world.advance()
    assert run not in world.at.verdicts["first"].run_ids
    assert any(run in caveat for caveat in world.at.verdicts["first"].caveats)
    assert program_state(world.at) == "done"
    world.exclude(run, "first", undone=True)
    assert program_state(world.at) == "ready"
    world.advance()
    assert run in world.at.verdicts["first"].run_ids
    assert program_state(world.at) == "done"
    assert before[0][0] == world.steps()[0][0]
    assert reruns(world) == (0, [])


# --- failed runs that a person has made again ----------------------------------------------------


def failing(world: World, arm: str, seeds: Collection[int], outcome: str = "code_error") -> None:
    """Has runs of an arm fail until ``mended``."""
    measure = world.script
    world.script = lambda a, s: outcome if (a, s) in {(arm, seed) for seed in seeds} else measure(a, s)


def test_failed_runs_are_made_again_at_their_seeds_when_a_person_says_so(world: World) -> None:
    mended = world.script
    failing(world, "new", range(3))
    world.advance(every=False)
    assert world.at.verdicts["first"].cause == "missing"
    world.script = mended
    assert world.advance(every=False).plan.launch == () or world.launcher.made.count(("new", 0)) == 1
    failed = world.failed()
    world.retry(*failed)
    assert world.at.to_judge_again[0] == "first"
    assert "made again at the word of ada: the host was full" in world.at.validity.stale["first"]
    world.advance(every=False)
    verdict = world.at.verdicts["first"]
    assert [world.launcher.made.count(("new", seed)) for seed in range(3)] == [2, 2, 2]
    assert (verdict.outcome, len(verdict.run_ids)) == ("fail", 6)
    (complete,) = (guard for guard in verdict.guards if guard.id == "complete")
    assert complete.outcome == "met"
    assert f"failed runs {', '.join(sorted(failed))} were made again at the word of ada" in complete.reason


def test_a_run_that_is_made_again_has_tries_of_its_own(world: World) -> None:
    failing(world, "new", [1], "killed")
    world.advance(every=False)
    assert world.launcher.made.count(("new", 1)) == 2
    world.retry(*world.failed())
    world.advance(every=False)
    assert world.launcher.made.count(("new", 1)) == 4


def test_one_failed_run_is_made_again_though_another_seed_took_its_place(world: World) -> None:
    mended = world.script
    failing(world, "new", [1])
    world.advance(every=False)
    assert ("new", 3) in world.launcher.made
    world.script = mended
    world.retry(*world.failed())
    world.advance(every=False)
    assert set(world.at.verdicts["first"].run_ids) >= {
        run.id for run in world.runs.finished.values() if (run.arm, run.seed) == ("new", 1) and run.usable
    }
    assert world.launcher.made.count(("new", 1)) == 2
    assert world.failed() == []


# --- no more of the same -------------------------------------------------------------------------


def crashing(folder: Path, *arms: str, outcome: str = "code_error") -> World:
    """A world of three arms of which some end in the same exception."""
    criteria = {
        "higher": {"metric": "score", "each_of": ["new", "other"], "versus": "base", "better_by": 0.5}
    }
    measure = scores()
    program = small(arms=["base", "new", "other"], criteria=criteria)
    world = World(folder, program, lambda a, s: outcome if a in arms else measure(a, s))
    world.launcher.reason = "ValueError: no rows left"
    return world


def test_once_two_arms_failed_alike_no_more_runs_are_begun_and_where_none_worked_the_phase_is_blocked(
    tmp_path: Path,
) -> None:
    world = crashing(tmp_path, "base", "new", "other")
    world.advance()
    assert world.launcher.made == [("base", 0), ("new", 0)]
    assert program_state(world.at) == "blocked"
    assert "2 runs of base and new crashed: ValueError: no rows left" in world.at.decisions["first"].reason
    world.advance()
    assert len(world.launcher.made) == 2


def test_where_another_arm_worked_nothing_is_judged_and_the_cause_is_told(tmp_path: Path) -> None:
    world = crashing(tmp_path, "new", "other")
    done = world.advance()
    assert world.launcher.made == [("base", 0), ("new", 0), ("other", 0)]
    assert (done.plan.launch, world.at.verdicts) == ((), {})
    assert done.plan.failure is not None
    assert done.plan.failure.text == "2 runs of new and other crashed: ValueError: no rows left"
    assert "--keep-going" in (failing_alike(done.plan, "small") or "")
    world.advance(keep_going=True)
    assert world.at.verdicts["first"].cause == "missing"
    assert world.launcher.made.count(("new", 2)) == 1


def test_one_arm_that_fails_and_two_that_fail_otherwise_stop_nothing(tmp_path: Path) -> None:
    world = crashing(tmp_path, "new")
    world.advance(every=False)
    assert world.launcher.made.count(("new", 2)) == 1
    several = crashing(tmp_path / "several", "new", "other")
    reasons = iter(f"ValueError: {number}" for number in range(99))
    measure = several.script

    def otherwise(arm: str, seed: int) -> Measured:
        several.launcher.reason = next(reasons)
        return measure(arm, seed)

    several.script = otherwise
    several.advance(every=False)
    assert several.launcher.made.count(("other", 2)) == 1


def test_what_the_environment_lacked_is_tried_again_by_the_next_advance_and_stops_again(
    tmp_path: Path,
) -> None:
    world = crashing(tmp_path, "base", "new", "other", outcome="environment")
    world.advance()
    assert (world.launcher.made, program_state(world.at)) == ([("base", 0), ("new", 0)], "blocked")
    world.advance()
    assert world.launcher.made == [("base", 0), ("new", 0)] * 2


def test_two_arms_that_failed_alike_are_tried_again_when_the_code_changes_or_a_person_says_so(
    tmp_path: Path,
) -> None:
    world = crashing(tmp_path, "base", "new", "other")
    world.advance(every=False)
    measure = scores()
    world.script = lambda arm, seed: measure(arm, seed)
    world.retry(*world.failed())
    world.advance(every=False)
    assert world.at.verdicts["first"].outcome == "fail"
    edited = crashing(tmp_path / "edited", "base", "new", "other")
    edited.advance(every=False)
    edited.script, edited.code = (lambda arm, seed: measure(arm, seed)), "code-2"
    edited.advance(every=False)
    assert edited.at.verdicts["first"].outcome == "fail"


# --- what changes --------------------------------------------------------------------------------


def test_changed_code_is_run_again_before_anything_new_and_kept_code_counts_again(world: World) -> None:
    world.advance()
    before = world.steps()
    world.code = "code-2"
    assert program_state(world.at) == "ready"
    assert next_step(world.at)["target"] == "first"
    kept = Keep(
        program="small", old=("code-1",), new="code-2", by="ada", at=world.clock.now(), reason="a rename"
    )
    write_person(world.journal, world.records, world.program, kept.identified("k"))
    assert program_state(world.at) == "done"
    assert reruns(world) == (0, [])
    assert world.steps() == before
    world.code = "code-3"
    assert world.advance(every=False).steps[0].phase == "first"
    assert len(world.launcher.made) == 18


def test_a_launch_says_that_the_verdict_is_stale_and_another_fidelity_has_none_yet(world: World) -> None:
    world.advance()
    world.code = "code-2"
    reasons = {
        "": "first are missing: its verdict is stale: the code of the experiment has changed",
        "full": "first are missing: nothing has been judged yet at fidelity full",
    }
    for fidelity, reason in reasons.items():
        ahead = build_plan(world.desk(fidelity=fidelity or None).load_state()).decision
        assert ahead is not None
        assert reason in ahead.reason


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"data_digest": "other"}, "its verdict is stale: the data have changed"),
        ({"config": {"kind": "else"}}, "its verdict is stale: the configuration of its arms has changed"),
    ],
)
def test_a_launch_says_what_changed_since_the_verdict(
    world: World, change: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.advance()
    describe = Describer.describe

    def otherwise(self: Describer, fidelity: str | None) -> Any:
        return {at: one.model_copy(update=change) for at, one in describe(self, fidelity).items()}

    monkeypatch.setattr(Describer, "describe", otherwise)
    ahead = build_plan(world.desk().load_state()).decision
    assert ahead is not None
    assert ahead.reason.endswith(sentence)


def test_runs_that_are_gone_from_the_store_are_told_to_be_gone(world: World) -> None:
    world.advance()
    world.runs = MemoryRuns()
    ahead = build_plan(world.desk().load_state()).decision
    assert ahead is not None
    assert ahead.reason.endswith("its verdict is stale: runs that it counted are no longer in MLflow")


def test_a_changed_rule_is_judged_again_and_is_post_hoc(world: World) -> None:
    world.advance()
    raw = world.program.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["criteria"]["higher"]["better_by"] = 0.4
    world.program = build(raw)
    assert next_step(world.at)["reason"] == "first is stale: the rules of the phase have changed"
    made = len(world.launcher.made)
    done = world.advance(every=False)
    assert (done.steps[0].phase, done.steps[0].confidence) == ("first", "provisional")
    assert world.at.verdicts["first"].post_hoc
    assert len(world.launcher.made) == made


def test_runs_of_others_are_judged_without_running_anything(tmp_path: Path) -> None:
    world = World(tmp_path, small(), scores())
    for arm in ("base", "new"):
        run = foreign_run("first", arm, 1_000_000_000, {"score": 3.0 if arm == "new" else 0.0})
        world.runs.finished[run.id] = run
    done = world.advance(no_run=True)
    assert [(s.phase, s.outcome, s.confidence) for s in done.steps] == [("first", "pass", "provisional")]
    assert (world.launcher.made, world.launcher.descriptions_asked) == ([], 0)


def test_runs_of_others_are_judged_where_the_experiment_is_not_at_hand(tmp_path: Path) -> None:
    world = World(tmp_path, small(), scores(), code="")
    for arm in ("base", "new"):
        run = foreign_run("first", arm, 0, {"score": 3.0 if arm == "new" else 0.0})
        world.runs.finished[run.id] = run
    assert [s.outcome for s in world.advance(no_run=True).steps] == ["pass"]
    assert world.advance(no_run=True).steps == ()
    assert world.launcher.descriptions_asked == 0


def test_code_that_is_not_there_is_an_error_only_where_it_is_needed(tmp_path: Path) -> None:
    home, program = Home(tmp_path), small()
    assert code_at_hand(home, program, needed=False).digest == ""
    with pytest.raises(ProgramError, match="made_up"):
        code_at_hand(home, program, needed=True)


def test_an_experiment_is_asked_once_what_its_configurations_come_down_to(world: World) -> None:
    world.advance()
    questions = world.launcher.descriptions_asked
    world.advance()
    assert (questions, world.launcher.descriptions_asked) == (1, 1)


def test_a_run_of_the_same_fingerprint_that_another_home_made_is_reused(tmp_path: Path) -> None:
    world = World(tmp_path, small(), scores())
    run = own_run(world.program, "first", "base", 0, {"score": 0.0})
    world.runs.finished[run.id] = run
    world.advance(until="first")
    assert ("base", 0) not in world.launcher.made
    assert world.at.spent_runs == 6


def test_fidelities_are_judged_apart(world: World) -> None:
    world.advance(fidelity="smoke")
    assert world.at.fidelity == "smoke"
    smoke = world.steps()
    world.advance()
    assert world.at.fidelity == "standard"
    assert not set(smoke) & set(world.steps())
    assert isinstance(world.at.verdicts["first"], Verdict)


def test_phases_may_each_have_a_fidelity_of_their_own(tmp_path: Path) -> None:
    raw = small().model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["second"]["fidelity"] = "full"
    program: Program = build(raw)
    world = World(tmp_path, program, scores())
    world.advance()
    assert set(world.at.verdicts) == {"first", "second", "third"}
    assert world.at.path == ("first", "second", "third")
