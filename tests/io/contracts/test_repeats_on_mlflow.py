"""Runs that were made twice, and the code of runs, as a real MLflow store holds them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.io.journal.journal import Journal
from planner.io.mlflow import tags
from planner.io.store.record_store import MlflowRecords
from planner.io.store.run_store import MlflowRuns
from planner.io.sync.sync import import_records
from planner.language.program import Program
from planner.paths import Home
from tests.support.worlds import (
    CODE,
    Crash,
    Measured,
    World,
    description_of,
    own_plan,
    scores,
    small,
)

pytestmark = pytest.mark.in_turn

TWICE = small().model_copy(update={"probe": "on"})


def world_with(home: Home, program: Program = TWICE) -> World:
    runs = MlflowRuns(home)
    runs.experiment(program)
    return World(home.root, program, scores(), runs=runs, records=MlflowRecords(runs))


@pytest.fixture
def world(new_home: Callable[[], Home]) -> World:
    return world_with(new_home())


def reopened(world: World) -> World:
    """The same home, as a new process sees it."""
    again = world_with(Home(world.folder), world.program)
    again.script, again.clock = world.script, world.clock
    return again


def stored(world: World, kind: str) -> list[Any]:
    where = world.runs.experiment(world.program)
    condition = f"tags.`{tags.KIND}` = '{kind}'"
    return list(world.runs.client.search_runs([where], condition, order_by=["start_time ASC"]))


def test_a_person_who_browses_sees_what_it_is_and_how_far_it_is_from_the_first(world: World) -> None:
    made: list[tuple[str, int]] = []

    def drifting(arm: str, seed: int) -> Measured:
        made.append((arm, seed))
        return {"score": 1.5 if made.count((arm, seed)) == 1 else 1.75}

    world.script = drifting
    world.advance(every=False)
    (raw,) = stored(world, "probe")
    first = next(run for run in world.runs.snapshot(TWICE).finished if (run.arm, run.seed) == ("base", 0))
    held = raw.data.tags
    assert raw.info.run_name == "base · seed 0, made twice"
    assert (held[tags.REPEATS], held[tags.REPRODUCIBLE], held[tags.OUTCOME]) == (first.id, "no", "ok")
    assert "is no evidence" in held[tags.NOTE]
    assert held[tags.PARENT] == world.runs.client.get_run(first.id).data.tags[tags.PARENT]
    assert tags.FINGERPRINT not in held
    assert raw.data.metrics == {"score": 1.75, "repeat_difference/score": 0.25}
    (repeat,) = world.runs.snapshot(TWICE).repeats
    assert repeat.text.startswith("not reproducible: score differs by 0.25 at seed 0 of 'base'")


def test_it_survives_the_loss_of_the_journal_and_is_not_made_again(world: World) -> None:
    world.advance()
    repeats = world.journal.repeats("small")
    assert [repeat.same for repeat in repeats] == [True]
    for file in world.journal.path.parent.glob("journal.db*"):
        file.unlink()
    world = reopened(world)
    world.journal = Journal(world.journal.path, durable=False)
    import_records(world.journal, world.records, world.runs, world.program)
    assert world.journal.repeats("small") == repeats
    world.advance()
    assert world.launcher.made == []


def test_a_filter_that_maps_runs_to_arms_leaves_it_out(world: World) -> None:
    world.advance(every=False)
    selects = {"base": "params.kind = 'base'", "new": "params.kind = 'new'"}
    phases = {**TWICE.phases, "first": TWICE.phases["first"].model_copy(update={"select": selects})}
    mapped = TWICE.model_copy(update={"phases": phases})
    (probe,) = stored(world, "probe")
    ids = [run.id for run in world.runs.snapshot(mapped).finished]
    assert len(ids) == 6
    assert probe.info.run_id not in ids


@pytest.mark.parametrize("call", ["after MlflowRuns.start_repeat", "before MlflowRuns.finish_repeat"])
def test_one_that_was_cut_off_is_ended_and_made_again(world: World, call: str) -> None:
    def die(announced: str) -> None:
        if announced == call:
            raise Crash

    world.fail = die
    with pytest.raises(Crash):
        world.advance(every=False)
    world = reopened(world)
    world.advance(every=False)
    cut_off, whole = stored(world, "probe")
    assert (cut_off.info.status, cut_off.data.tags[tags.OUTCOME]) == ("KILLED", "lost")
    assert whole.data.tags[tags.OUTCOME] == "ok"
    assert [repeat.run_id for repeat in world.at.repeats] == [whole.info.run_id]


# --- code ----------------------------------------------------------------------------------------


def with_code(home: Home, digest: str = CODE) -> Home:
    folder = home.readable_code(digest)
    (folder / "experiments").mkdir(parents=True)
    (folder / "experiments" / "made_up.py").write_text(f"# {digest}\n")
    (folder / "kept.json").write_text(json.dumps({"digest": digest}))
    return home


def kept_in(world: World, run_id: str, folder: Path, digest: str = CODE) -> str:
    name = f"code-{digest[:12]}/experiments/made_up.py"
    return Path(world.runs.client.download_artifacts(run_id, name, str(folder))).read_text()


def test_the_code_lies_with_the_first_run_of_its_digest_and_every_run_leads_there(
    world: World, tmp_path: Path
) -> None:
    with_code(Home(world.folder))
    world.advance(every=False)
    runs = [*stored(world, "run"), *stored(world, "probe")]
    leads = {raw.data.tags[tags.CODE_RUN] for raw in runs}
    first = stored(world, "run")[0].info.run_id
    assert leads == {first}
    assert kept_in(world, first, tmp_path) == "# code-1\n"
    client = world.runs.client
    others = [raw.info.run_id for raw in runs if raw.info.run_id != first]
    names = {file.path for one in others for file in client.list_artifacts(one)}
    assert not any(name.startswith("code-") for name in names)


def test_other_code_is_kept_too_and_a_new_process_keeps_none_twice(world: World, tmp_path: Path) -> None:
    with_code(with_code(Home(world.folder)), "code-2")
    world.advance(every=False)
    world = reopened(world)
    world.advance()
    assert len({raw.data.tags[tags.CODE_RUN] for raw in stored(world, "run")}) == 1
    world.code = "code-2"
    world.advance(every=False)
    leads = {raw.data.tags[tags.CODE_RUN] for raw in stored(world, "run")}
    assert sorted(
        kept_in(world, run, tmp_path / run, world.runs.client.get_run(run).data.tags[tags.CODE])
        for run in leads
        if not (tmp_path / run).mkdir()
    ) == ["# code-1\n", "# code-2\n"]


def test_what_was_cut_off_while_it_was_kept_is_kept_by_the_next_run(
    new_home: Callable[[], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_with(with_code(new_home()))
    client = world.runs.client
    kept, calls = client.set_tag, []

    def die(run_id: str, name: str, value: str) -> None:
        if name == tags.CODE_RUN and not calls:
            calls.append(run_id)
            raise Crash
        kept(run_id, name, value)

    monkeypatch.setattr(client, "set_tag", die)
    with pytest.raises(Crash):
        world.advance(every=False)
    world = reopened(world)
    world.advance(every=False)
    leads = {raw.data.tags.get(tags.CODE_RUN) for raw in stored(world, "run")}
    assert len(leads - {None}) == 1
    assert calls[0] not in leads


def test_where_the_run_that_kept_it_was_deleted_another_one_does(new_home: Callable[[], Home]) -> None:
    home = with_code(new_home())
    runs = MlflowRuns(home)
    description = description_of({})

    def start(seed: int) -> str:
        planned = own_plan(TWICE, "first", "base", seed)
        return MlflowRuns(home).start(TWICE, planned, description, "p", 1, None, 1_700_000_000.0 + seed)

    first, second = start(0), start(1)
    lead = [runs.client.get_run(run).data.tags[tags.CODE_RUN] for run in (first, second)]
    assert lead == [first, first]
    runs.client.delete_run(first)
    third = start(2)
    assert runs.client.get_run(third).data.tags[tags.CODE_RUN] == third
