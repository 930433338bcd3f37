"""Lives of programs in scripted worlds, each with some turn that a replay has to follow."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from planner.io.commands.replay import Archive, build_archive
from planner.language.program import Program, build
from planner.replay.replay import Replayed, replay
from planner.replay.report import ReplayReport
from tests.support.stories import story
from tests.support.worlds import Crash, Measured, World, credit_linesearch, foreign_run, scores, small, steady

Life = Callable[[Path], World]
ARMS = ("base", "new", "other", "last")


def plain(folder: Path) -> World:
    world = World(folder, small(), scores())
    world.advance()
    return world


def whole_program(folder: Path) -> World:
    world = World(folder, credit_linesearch(), story(helps=("oracle_spread",)))
    world.advance()
    return world


def seeds_are_added(folder: Path) -> World:
    unclear = {n: {"score": 0.0 if n == "base" else 0.2} for n in ARMS}
    world = World(folder, small(), steady(unclear, noise=0.3))
    world.advance()
    return world


def noise_hides_the_answer(folder: Path) -> World:
    unclear = {n: {"score": 0.0 if n == "base" else 0.4} for n in ARMS}
    world = World(folder, small(), steady(unclear, noise=1.0))
    world.advance()
    return world


def the_best_is_confirmed(folder: Path) -> World:
    world = World(folder, credit_linesearch(), story(helps=("oracle_decay", "oracle_spread")))
    world.advance()
    return world


def a_choice_is_made_and_revoked(folder: Path) -> World:
    world = World(folder, small(), scores())
    world.advance(every=False)
    chosen = world.say("first", choose="repeat")
    world.advance(every=False)
    world.revoke(chosen)
    world.advance()
    return world


def a_choice_expires(folder: Path) -> World:
    world = World(folder, small(), scores())
    world.advance(every=False)
    world.say("first", choose="repeat", expires="2026-01-02")
    world.advance()
    world.clock.at = world.clock.at.replace(day=3)
    world.advance()
    return world


def a_verdict_is_accepted_and_a_choice_made(folder: Path) -> World:
    world = World(folder, small(), scores())
    world.advance(every=False)
    world.say("first", verdict="accept")
    world.say("first", choose="repeat")
    world.advance()
    return world


def a_verdict_is_rejected(folder: Path) -> World:
    world = World(folder, small(), scores())
    world.advance(every=False)
    world.say("first", verdict="reject")
    world.advance()
    return world


def a_recommendation_is_accepted(folder: Path) -> World:
    option = {"option": "dear", "rationale": "it may help", "opens": "second", "needs_person": "to_approve"}
    world = World(folder, small(triage={"options": [option]}), scores())
    world.advance()
    world.advance(accept=True)
    return world


def infrastructure_is_mended(folder: Path) -> World:
    option = {"option": "mend", "rationale": "the host died", "opens": "second", "needs_person": "to_act"}
    base = scores()
    world = World(folder, small(triage={"options": [option]}), lambda a, s: base(a, s))
    world.advance()
    world.say("first", done="mend")
    world.advance()
    return world


def a_diagnosis_comes_first(folder: Path) -> World:
    options = [{"option": "repeat", "rationale": "once more", "opens": "third"}]
    world = World(folder, small(triage={"diagnose": "second", "options": options}), scores())
    world.advance()
    return world


def a_run_is_excluded_and_taken_back(folder: Path) -> World:
    world = World(folder, small(), scores())
    world.advance()
    run = world.at.verdicts["first"].run_ids[0]
    world.exclude(run, "first")
    world.advance()
    world.exclude(run, "first", undone=True)
    world.advance()
    return world


def an_excluded_run_is_replaced_while_seeds_are_added(folder: Path) -> World:
    unclear = {n: {"score": 0.0 if n == "base" else 0.2} for n in ARMS}
    world = World(folder, small(), steady(unclear, noise=0.3))
    world.advance(until="first")
    world.exclude(world.at.verdicts["first"].run_ids[1], "first")
    world.advance()
    return world


def runs_are_spent(folder: Path) -> World:
    world = World(folder, small(budget={"runs": 7}), scores())
    world.advance()
    return world


def seconds_are_spent(folder: Path) -> World:
    world = World(folder, small(budget={"seconds": 4.0}), scores())
    world.advance()
    return world


def runs_are_retried(folder: Path) -> World:
    first = {("new", seed): "killed" for seed in range(2)}
    script = scores(new=0.3)

    def killed_once(arm: str, seed: int) -> Measured:
        return first.pop((arm, seed), None) or script(arm, seed)

    world = World(folder, small(), killed_once)
    world.advance()
    return world


def an_arm_fails_for_good(folder: Path) -> World:
    base = scores()
    world = World(folder, small(), lambda arm, seed: "timeout" if arm == "new" else base(arm, seed))
    world.advance()
    return world


def a_person_has_failed_runs_made_again(folder: Path) -> World:
    base, broken = scores(), {("new", seed) for seed in range(3)}
    world = World(folder, small(), lambda a, s: "code_error" if (a, s) in broken else base(a, s))
    world.advance()
    broken.clear()
    world.retry(*world.failed())
    world.advance()
    return world


def one_seed_fails_while_seeds_are_added(folder: Path) -> World:
    unclear = steady({n: {"score": 0.0 if n == "base" else 0.2} for n in ARMS}, noise=0.3)
    world = World(folder, small(), lambda a, s: "code_error" if (a, s) == ("new", 1) else unclear(a, s))
    world.advance()
    return world


def others_ran_it_and_a_phase_is_passed_over(folder: Path) -> World:
    world = World(folder, small(), scores(), code="")
    for arm in ("base", "other"):
        for seed in range(3):
            run = foreign_run("second", arm, seed, {"score": 3.0 if arm == "other" else seed / 10})
            world.runs.finished[run.id] = run
    world.advance(no_run=True)
    return world


def others_ran_an_arm(folder: Path) -> World:
    unclear = steady({n: {"score": 0.0 if n == "base" else 0.2} for n in ARMS}, noise=0.3)
    world = World(folder, small(), unclear)
    for seed in range(4):
        run = foreign_run("first", "base", seed, unclear("base", seed), data_digest="made-up")
        world.runs.finished[run.id] = run
    world.advance()
    return world


def smoke_then_standard(folder: Path) -> World:
    world = World(folder, small(), scores())
    world.advance(fidelity="smoke")
    world.advance()
    return world


def code_changes(folder: Path) -> World:
    world = World(folder, small(), scores())
    world.advance()
    world.code = "code-2"
    world.advance()
    return world


def the_planner_dies_between_verdict_and_decision(folder: Path) -> World:
    world = World(folder, small(), scores())
    added = iter(range(100))

    def fail(call: str) -> None:
        if call == "after Journal.add" and next(added) == 1:
            raise Crash

    world.fail = fail
    try:
        world.advance()
    except Crash:
        world.fail = lambda _: None
    return world


LIVES: list[Life] = [
    plain,
    whole_program,
    seeds_are_added,
    noise_hides_the_answer,
    the_best_is_confirmed,
    a_choice_is_made_and_revoked,
    a_choice_expires,
    a_verdict_is_accepted_and_a_choice_made,
    a_verdict_is_rejected,
    a_recommendation_is_accepted,
    infrastructure_is_mended,
    a_diagnosis_comes_first,
    a_run_is_excluded_and_taken_back,
    an_excluded_run_is_replaced_while_seeds_are_added,
    runs_are_spent,
    seconds_are_spent,
    runs_are_retried,
    an_arm_fails_for_good,
    a_person_has_failed_runs_made_again,
    one_seed_fails_while_seeds_are_added,
    others_ran_it_and_a_phase_is_passed_over,
    others_ran_an_arm,
    smoke_then_standard,
    code_changes,
    the_planner_dies_between_verdict_and_decision,
]


def archive_of(world: World) -> Archive:
    """What is on record of a world."""
    copies = world.journal.copies(world.program.program)
    return build_archive(world.program, copies, world.records, world.runs)


def replayed(world: World, seed: int = 0) -> ReplayReport:
    """The world's replay, its runs in an order of chance."""
    archive = archive_of(world)
    runs = list(archive.runs)
    random.Random(seed).shuffle(runs)
    records = archive.records
    outcomes: list[Replayed] = replay(world.program, runs, records.entries)
    return ReplayReport(world.program, outcomes, records.differences, records.pending, records.elsewhere)


def edited(program: Program, better_by: float) -> Program:
    """The small program with another bound in its first phase."""
    raw = program.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["criteria"]["higher"]["better_by"] = better_by
    return build(raw)
