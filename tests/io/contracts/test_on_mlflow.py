"""A few whole lives on real MLflow: what the twins show must hold there too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from planner.explaining.in_json import as_json
from planner.io.journal.journal import Journal
from planner.io.mlflow import tags
from planner.io.store.record_store import MlflowRecords
from planner.io.store.run_store import MlflowRuns
from planner.io.sync.sync import import_records
from planner.lineage.status import program_json
from planner.paths import Home
from tests.support.worlds import Crash, World, scores, small, traces_of


@pytest.fixture
def world(new_home: Callable[[], Home]) -> World:
    home = new_home()
    runs = MlflowRuns(home)
    runs.experiment(small())
    return World(home.root, small(), scores(), runs=runs, records=MlflowRecords(runs))


def reopened(world: World) -> World:
    """The same home, as a new process sees it."""
    world.runs = MlflowRuns(Home(world.folder))
    world.records = MlflowRecords(world.runs)
    world.fail = lambda _: None
    return world


def replies_of(world: World) -> Any:
    at = world.at
    return program_json(at), [as_json(trace) for trace in traces_of(at)]


def statuses(world: World) -> set[str]:
    where = world.runs.experiment(world.program)
    return {raw.info.status for raw in world.runs.client.search_runs([where], "", max_results=500)}


def test_a_life_with_overrides_survives_the_loss_of_its_journal(world: World) -> None:
    world.advance(every=False)
    word = world.say("first", choose="repeat")
    world.advance(every=False)
    world.revoke(word)
    reopened(world).advance()
    before, ids = replies_of(world), world.ids()
    for file in world.journal.path.parent.glob("journal.db*"):
        file.unlink()
    reopened(world).journal = Journal(world.journal.path, durable=False)
    import_records(world.journal, world.records, world.runs, world.program)
    assert replies_of(world) == before
    assert world.ids() == ids
    made = len(world.launcher.made)
    assert world.advance().steps == ()
    assert len(world.launcher.made) == made


@pytest.mark.parametrize(
    "call",
    [
        "after MlflowRuns.start",
        *(
            pytest.param(point, marks=pytest.mark.slow)
            for point in (
                "after MlflowRecords.phase_run",
                "after MlflowRuns.finish",
                "before MlflowRecords.write_memo",
                "before MlflowRecords.stood",
            )
        ),
    ],
)
def test_a_killed_planner_leaves_nothing_running_after_the_next_advance(world: World, call: str) -> None:
    def fail(announced: str) -> None:
        if announced == call:
            raise Crash

    world.fail = fail
    with pytest.raises(Crash):
        world.advance(every=False)
    reopened(world).advance(until="first")
    assert world.at.verdicts["first"].outcome == "fail"
    assert "RUNNING" not in statuses(world)
    runs = world.runs.snapshot(world.program).finished
    good = [run.fingerprint for run in runs if run.outcome == "ok"]
    assert len(good) == len(set(good)) == 6


def test_a_decision_interrupted_before_its_id_was_set_is_ended_and_written_again(world: World) -> None:
    finish, calls = world.records._finish, iter(range(100))

    def torn(run_id: str, record: Any) -> None:
        if next(calls) == 2:  # the first is why runs are made, the second the verdict
            raise Crash
        finish(run_id, record)

    world.records._finish = torn
    with pytest.raises(Crash):
        world.advance(every=False)
    reopened(world).advance(every=False)
    assert "RUNNING" not in statuses(world)
    where = world.runs.experiment(world.program)
    kinds = world.runs.client.search_runs([where], f"tags.`{tags.OUTCOME}` = 'lost'")
    assert len(kinds) == 1
    assert all(entry.mirrored for entry in world.journal.entries("small"))
