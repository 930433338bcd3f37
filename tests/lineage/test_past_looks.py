"""Judged again as seeds arrive: every look goes on from those that journal and MLflow hold."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from random import Random

import pytest

from planner.lineage.in_force import past_looks
from planner.records.journal_entry import entries_of
from planner.records.look import Look
from planner.records.verdict import Verdict
from planner.replay.archive import Log
from planner.replay.rederive import rederive_verdict
from tests.io.sync.test_sync import rebuilt
from tests.support.worlds import World, foreign_run, scores, small

SEEDS = (42, 7, 1234, 3, 99, 0, 17, 5)
HIGHER = {"metric": "score", "arm": "new", "versus": "base", "better_by": 0.5, "treatment": "bounds"}


def world_of(folder: Path, **first: object) -> World:
    return World(folder, small(criteria={"higher": HIGHER}, **first), scores())


def log(world: World, count: int, gain: float = 0.45, noise: float = 0.5) -> None:
    """Others' runs of both arms at the first seeds, in the order in which they arrive."""
    for seed in SEEDS[:count]:
        chance = Random(f"looks {seed}")
        values: Mapping[str, float] = {
            "base": chance.gauss(0.0, noise),
            "new": gain + chance.gauss(0.0, noise),
        }
        for arm, value in values.items():
            run = foreign_run("first", arm, seed, {"score": value})
            world.runs.finished[run.id] = run


def verdicts(world: World) -> list[Verdict]:
    return [entry.record for entry in entries_of(world.journal.entries("small"), Verdict)]


def looks(world: World) -> list[Look]:
    made = past_looks(world.journal.entries("small"))
    return [look for of_phase in made.values() for looks in of_phase.values() for look in looks]


def judged_after_every_arrival(world: World, counts: range) -> None:
    for count in counts:
        log(world, count)
        world.advance(no_run=True)


def test_each_arrival_is_a_look_and_the_plan_is_that_of_the_first(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    judged_after_every_arrival(world, range(3, 9))
    assert [look.stage for look in looks(world)] == ["early", "early", "early", "final", "late", "late"]
    assert {look.planned for look in looks(world)} == {6}
    assert [len(look.run_ids) for look in looks(world)] == [6, 8, 10, 12, 14, 16]


def test_a_deleted_journal_resets_no_look(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    judged_after_every_arrival(world, range(3, 8))
    before, then = looks(world), world.ids()
    world = rebuilt(world)
    assert (looks(world), world.ids()) == (before, then)
    log(world, 8)
    world.advance(no_run=True)
    assert looks(world)[-1].stage == "late"


def test_nothing_new_changes_no_record(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    judged_after_every_arrival(world, range(3, 8))
    before = world.ids()
    world.advance(no_run=True)
    assert world.ids() == before


def test_every_verdict_is_derived_again_from_the_looks_before_it(tmp_path: Path) -> None:
    world = world_of(tmp_path)
    judged_after_every_arrival(world, range(3, 9))
    entries = world.journal.entries("small")
    archive = Log(entries, world.runs.finished.values())
    for entry in entries_of(entries, Verdict):
        assert rederive_verdict(world.program, entry, archive).id == entry.record.id


@pytest.mark.parametrize("gain", [0.0, 0.5, 2.0])
def test_looking_after_every_arrival_or_once_at_the_plan_gives_the_same_bounds_there(
    tmp_path: Path, gain: float
) -> None:
    often, once = world_of(tmp_path / "often"), world_of(tmp_path / "once")
    for count in range(3, 7):
        log(often, count, gain)
        often.advance(no_run=True)
    log(once, 6, gain)
    once.advance(no_run=True)
    assert looks(often)[-1] == looks(once)[-1]


def test_own_runs_stop_at_the_plan_and_are_recorded_with_their_look(tmp_path: Path) -> None:
    def measure(arm: str, seed: int) -> dict[str, float]:
        return {"score": Random(f"own {arm} {seed}").gauss(0.3 * (arm == "new"), 0.6)}

    world = World(tmp_path, small(criteria={"higher": HIGHER}), measure)
    world.advance()
    last = looks(world)[-1]
    assert last.planned == 6
    assert len(last.run_ids) <= 12
    assert all(v.criterion("higher").treatment == "bounds" for v in verdicts(world))  # type: ignore[union-attr]
