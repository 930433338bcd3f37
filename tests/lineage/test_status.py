"""What ``status`` says in every state of a program and of a phase."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from planner.language.program import build
from planner.lineage.program_state import ProgramState
from planner.lineage.status import as_lines, next_step, phase_state, program_json, program_state
from tests.support.rotation import a_fifth_of
from tests.support.worlds import Scripted, World, foreign_run, scores, small


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, small(), scores())


def states(at: ProgramState) -> dict[str, str]:
    return {phase: phase_state(at, phase) for phase in at.program.phases}


def state_and_next(at: ProgramState) -> tuple[str, str | None, str | None]:
    ahead = next_step(at)
    return program_state(at), ahead["action"], ahead["target"]


def test_a_program_that_nobody_has_touched_is_ready_for_its_first_phase(world: World) -> None:
    assert state_and_next(world.at) == ("ready", "run_phase", "first")
    assert states(world.at) == {"first": "ready", "second": "locked", "third": "locked"}


def test_while_an_advance_holds_the_program_it_and_its_phase_are_running(world: World) -> None:
    world.advance(every=False)
    at = dataclasses.replace(world.at, running=True)
    assert program_state(at) == "running"
    assert states(at) == {"first": "judged", "second": "running", "third": "locked"}


def test_a_judged_phase_opens_the_next(world: World) -> None:
    world.advance(every=False)
    assert state_and_next(world.at) == ("ready", "take_option", "turn")
    assert states(world.at) == {"first": "judged", "second": "ready", "third": "locked"}


def test_a_launch_that_was_cut_short_leaves_its_phase_ready(world: World) -> None:
    world.advance(deadline=world.clock.seconds() + 10)
    assert state_and_next(world.at) == ("ready", "run_phase", "first")
    assert states(world.at)["first"] == "ready"


def test_a_finished_program_is_done(world: World) -> None:
    world.advance()
    assert state_and_next(world.at) == ("done", "stop", None)
    assert set(states(world.at).values()) == {"judged"}


@pytest.mark.parametrize("needs", ["to_approve", "to_act"])
def test_an_option_that_needs_a_person_makes_program_and_phase_wait(tmp_path: Path, needs: str) -> None:
    option = {"option": "dear", "rationale": "it may help", "opens": "second", "needs_person": needs}
    world = World(tmp_path, small(triage={"options": [option]}), scores())
    world.advance()
    assert state_and_next(world.at) == ("waiting", "wait", "dear")
    assert states(world.at) == {"first": "waiting", "second": "waiting", "third": "locked"}


def test_what_waits_for_approval_names_the_command_that_gives_it(tmp_path: Path) -> None:
    option = {"option": "dear", "rationale": "it is dear", "opens": "second", "needs_person": "to_approve"}
    world = World(tmp_path, small(triage={"options": [option]}), scores())
    assert next_step(world.at)["commands"] == []
    world.advance()
    assert next_step(world.at)["commands"] == ["phasegate advance small --accept"]
    assert as_lines(world.at)[-2] == "  to go on: phasegate advance small --accept"
    world.say("first", choose="dear")
    assert next_step(world.at)["commands"] == []


def test_a_wait_that_names_no_option_offers_every_choice(tmp_path: Path) -> None:
    world = World(tmp_path, small(next={"fail": "wait"}), scores())
    world.advance()
    offered = [
        f"phasegate override small first --choose {c} --reason TEXT" for c in ("turn", "repeat", "stop")
    ]
    assert next_step(world.at)["commands"] == offered
    lines = as_lines(world.at)
    assert [line.split(":")[0].strip() for line in lines[-4:-1]] == ["to go on", "or", "or"]


def test_evidence_that_was_refused_can_be_excluded(tmp_path: Path) -> None:
    world = World(tmp_path, small(next={"invalid": "wait"}), scores(new=float("nan")))
    world.advance()
    assert world.at.verdicts["first"].outcome == "invalid"
    assert next_step(world.at)["commands"][0] == "phasegate exclude RUN --reason TEXT"


def test_where_a_program_ends_an_option_that_is_due_can_be_chosen(tmp_path: Path) -> None:
    later = {"option": "later", "rationale": "then", "opens": "second", "revisit_when": ["third.higher"]}
    now = {"option": "now", "rationale": "at once", "opens": "third"}
    raw = small(triage={"options": [now, later]}).model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
    )
    raw["phases"]["third"]["next"] = {"pass": "stop"}
    world = World(tmp_path, build(raw), scores(last=2.0))
    world.advance()
    assert state_and_next(world.at) == ("done", "stop", None)
    command = "phasegate override small third --choose later --reason TEXT"
    assert next_step(world.at)["commands"] == [command]
    world.say("third", choose="later")
    world.advance()
    assert world.at.path == ("first", "third", "second")


def test_an_option_that_is_due_can_be_chosen_after_any_phase_on_the_way(tmp_path: Path) -> None:
    later = {"option": "later", "rationale": "then", "opens": "fourth", "revisit_when": ["third.higher"]}
    now = {"option": "now", "rationale": "at once", "opens": "second"}
    raw = small(triage={"options": [now, later]}).model_dump(
        mode="json", by_alias=True, exclude_none=True, exclude_defaults=True
    )
    raw["phases"]["second"]["next"] = {"fail": "third"}
    raw["phases"]["fourth"] = {**raw["phases"]["third"], "with": {"size": 2}}
    world = World(tmp_path, build(raw), scores(last=2.0))
    world.advance()
    assert world.at.path == ("first", "second", "third")
    assert state_and_next(world.at) == ("done", "stop", None)
    command = "phasegate override small third --choose later --reason TEXT"
    assert next_step(world.at)["commands"] == [command]
    world.say("third", choose="later")
    assert state_and_next(world.at) == ("ready", "take_option", "later")
    assert states(world.at)["fourth"] == "ready"
    world.advance()
    assert world.at.path == ("first", "second", "third", "fourth")
    assert str(world.at.decisions["third"].rule) == "first.triage.later"


def test_broken_infrastructure_blocks_until_a_person_has_mended_it(tmp_path: Path) -> None:
    option = {"option": "mend", "rationale": "a new disk", "opens": "second", "needs_person": "to_act"}
    program = small(guards={"complete": "blocked"}, next={"blocked": "triage"}, triage={"options": [option]})
    good = scores()
    world = World(tmp_path, program, lambda a, s: "timeout" if a == "new" else good(a, s))
    world.advance()
    assert state_and_next(world.at) == ("blocked", "wait", "mend")
    command = "phasegate override small first --done mend --reason TEXT"
    assert next_step(world.at)["commands"] == [command]
    assert states(world.at)["first"] == "blocked"
    world.say("first", done="mend")
    assert state_and_next(world.at) == ("ready", "take_option", "mend")
    assert states(world.at) == {"first": "judged", "second": "ready", "third": "locked"}
    world.script = good
    world.advance()
    assert world.at.verdicts["second"].outcome == "fail"


def test_runs_that_failed_while_it_was_broken_are_made_again_once_it_is_mended(tmp_path: Path) -> None:
    option = {"option": "mend", "rationale": "a new disk", "opens": "second", "needs_person": "to_act"}
    program = small(guards={"complete": "blocked"}, next={"blocked": "triage"}, triage={"options": [option]})
    good, broken = scores(), [True]
    world = World(tmp_path, program, lambda a, s: "timeout" if a == "base" and broken[0] else good(a, s))
    world.advance()
    broken[0] = False
    world.say("first", done="mend")
    world.advance()
    assert world.at.verdicts["second"].outcome == "fail"
    assert len(world.at.verdicts["second"].run_ids) == 6


def test_a_phase_that_was_passed_over_stays_ready(tmp_path: Path) -> None:
    raw = small().model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["next"] = {"fail": "second", "pass": "second"}
    raw["phases"]["second"]["next"] = {"fail": "third", "pass": "third"}
    del raw["phases"]["first"]["triage"]
    world = World(tmp_path, build(raw), scores())
    for arm in ("base", "last"):
        run = foreign_run("third", arm, 0, {"score": 1.0})
        world.runs.finished[run.id] = run
    done = world.advance(no_run=True)
    assert done.plan.passed_over == ("first", "second")
    assert states(world.at) == {"first": "ready", "second": "ready", "third": "judged"}


def test_an_override_that_was_not_followed_yet_is_what_comes_next(world: World) -> None:
    world.advance(every=False)
    world.say("first", choose="repeat", reason="a hunch")
    assert state_and_next(world.at) == ("ready", "take_option", "repeat")
    assert next_step(world.at)["reason"] == "ada decided otherwise: a hunch"
    assert states(world.at) == {"first": "judged", "second": "locked", "third": "ready"}


def test_going_back_to_a_branch_that_was_judged_before_stands_where_that_branch_ends(world: World) -> None:
    world.advance(every=False)
    world.advance(every=False)
    assert world.at.path == ("first", "second")
    word = world.say("first", choose="stop")
    world.advance()
    assert state_and_next(world.at) == ("done", "stop", "stop")
    world.revoke(word)
    assert state_and_next(world.at) == ("ready", "take_option", "turn")
    world.advance(until="first", every=False)
    assert world.at.path == ("first", "second")
    assert state_and_next(world.at) == ("ready", "take_option", "repeat")


def test_what_is_stale_off_the_way_does_not_make_a_program_ready(world: World) -> None:
    world.advance(every=False)
    world.advance(every=False)
    world.say("first", choose="stop")
    world.advance()
    raw = world.program.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["second"]["criteria"] = {
        "higher": {"metric": "score", "arm": "other", "versus": "base", "better_by": 0.4}
    }
    world.program = build(raw)
    at = world.at
    assert at.validity.changed == {"second"}
    assert program_state(at) == "done"


def test_the_json_holds_only_what_json_can_say(world: World) -> None:
    world.advance()
    reply = program_json(world.at)
    assert json.loads(json.dumps(reply, allow_nan=False)) == reply
    assert set(reply) == {
        "name",
        "state",
        "fidelity",
        "phases",
        "running",
        "next",
        "spent",
        "identity",
        "repeats",
    }
    assert reply["spent"] == {"runs": 12, "seconds": 12.0}
    assert {key for phase in reply["phases"] for key in phase} >= {
        "name",
        "state",
        "outcome",
        "confidence",
        "tier",
        "case",
        "stale",
        "superseded_by",
    }


def test_the_lines_for_a_person_name_state_phases_next_and_cost(world: World) -> None:
    world.advance(every=False)
    lines = as_lines(world.at)
    assert lines[0] == "small: ready (standard) · Is it higher?"
    assert lines[1].split() == ["first", "judged", "fail,", "confirmed"]
    assert lines[-2].startswith("  next: take_option turn - first: fail")
    assert lines[-1] == "  spent: 6 runs, 6 s"


WORDS = st.sampled_from(["turn", "repeat", "stop", "accept", "reject", "revoke", "advance", "exclude"])


@settings(
    max_examples=a_fifth_of(15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(life=st.lists(st.tuples(WORDS, st.integers(0, 2)), max_size=5))
@example(life=[("advance", 0), ("turn", 1)])
@example(life=[("turn", 0), ("accept", 0), ("advance", 0), ("accept", 0)])
@example(life=[("advance", 0), ("advance", 0), ("turn", 2)])
def test_whatever_people_do_status_agrees_with_the_rules_after_an_advance(
    tmp_path_factory: pytest.TempPathFactory, life: list[tuple[str, int]]
) -> None:
    world = World(tmp_path_factory.mktemp("life"), small(), scores())
    world.launcher = Scripted(world.script)
    world.advance(every=False)
    for word, i in life:
        do(world, word, i)
    position: Any = world.advance().plan
    at = world.at
    assert program_state(at) == position.state
    assert at.path == tuple(step.verdict.phase for step in position.steps)
    assert [at.decisions[p] for p in at.path] == [step.decision for step in position.steps]
    assert not at.reopened
    assert not at.to_judge_again
    ids_before = len(world.ids())
    world.advance()
    assert len(world.ids()) == ids_before


def do(world: World, word: str, i: int) -> None:
    phase = list(world.at.path)[i % len(world.at.path)]
    if word == "advance":
        world.advance(every=False)
    elif word == "exclude":
        runs = world.at.verdicts[phase].run_ids
        world.exclude(runs[i % len(runs)], phase)
    elif word == "revoke" and world.at.overrides:
        world.revoke(world.at.overrides[i % len(world.at.overrides)])
    elif word in ("accept", "reject"):
        world.say(phase, verdict=word)
    elif word in ("turn", "repeat", "stop"):
        world.say(phase, choose=word)
