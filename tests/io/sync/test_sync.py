"""Kill it anywhere: nothing finished is lost, nothing finished is run twice, and the story stays one."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from planner.errors import ProgramBusy, StoreUnavailable
from planner.explaining.in_json import as_json
from planner.io.in_memory import MemoryRecords
from planner.io.journal.journal import Journal
from planner.io.leases.heartbeat import DEAD_SECONDS
from planner.io.sync.mirror import write_person
from planner.io.sync.sync import import_records
from planner.io.system.processes import home_mark, is_running
from planner.lineage.status import program_json, program_state
from planner.paths import Home
from planner.records.decision import Decision
from tests.support.rotation import in_turn
from tests.support.worlds import Crash, World, own_plan, scores, small, traces_of

pytestmark = pytest.mark.in_turn


def a_world(folder: Path) -> World:
    """Two phases of two seeds, the second reached through triage: enough for every kind of write."""
    option = {"option": "turn", "rationale": "the other way", "opens": "second"}
    program = small({"runs": 9}, seeds=2, triage={"options": [option]})
    return World(folder, program, scores())


def counting(seen: list[str]) -> Callable[[str], None]:
    return seen.append


def crashing_at(k: int) -> Callable[[str], None]:
    """Dies at the k-th announcement."""
    count = iter(range(10_000))

    def fail(_: str) -> None:
        if next(count) == k:
            raise Crash

    return fail


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> World:
    world = a_world(tmp_path_factory.mktemp("undisturbed"))
    world.calls = []  # type: ignore[attr-defined]
    world.fail = counting(world.calls)  # type: ignore[attr-defined]
    world.advance()
    return world


def verdicts_and_decisions(world: World) -> list[Any]:
    """What was concluded, without the names that the store happened to give to runs."""
    at = world.at
    return [
        (p, v.outcome, v.confidence, v.cause, v.seeds, at.decisions[p].choice, str(at.decisions[p].rule))
        for p, v in at.verdicts.items()
    ]


def points(world: World, every: bool) -> list[int]:
    """The announcements around something that writes: each, or the last of each sort."""
    seen: dict[str, list[int]] = {}
    for i, call in enumerate(world.calls):  # type: ignore[attr-defined]
        if not call.endswith((".entries", ".described", ".held", ".snapshot", ".work")):
            seen.setdefault(call, []).append(i)
    kept = [indices if every else indices[-1:] for indices in seen.values()]
    return sorted({i for indices in kept for i in indices})


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_killed_at_any_point_the_next_advance_ends_where_it_would_have(
    undisturbed: World, tmp_path: Path, every: bool
) -> None:
    expected = verdicts_and_decisions(undisturbed)
    crashes = points(undisturbed, every)
    for k in in_turn(crashes) if every else crashes:
        call = undisturbed.calls[k]  # type: ignore[attr-defined]
        world = a_world(tmp_path / str(k))
        world.fail = crashing_at(k)
        with pytest.raises(Crash):
            world.advance()
        world.fail = lambda _: None
        world.advance()
        assert verdicts_and_decisions(world) == expected, f"after a crash {call}"
        made = world.launcher.made
        assert len(made) - len(set(made)) <= 1, f"made again after a crash {call}"
        finished = [r for r in world.runs.finished.values() if r.outcome == "ok"]
        assert len({r.fingerprint for r in finished}) == len(finished) == len(set(made)), call
        assert world.runs.unfinished == {}, f"left open after a crash {call}"
        assert all(e.mirrored for e in world.journal.entries("small")), f"not mirrored after a crash {call}"
        assert {r.attempt for r in finished} == {1}, f"a try was used up by a crash {call}"
        settled = len(world.ids())
        world.advance()
        assert len(world.ids()) == settled, f"not settled after a crash {call}"


def test_killed_again_and_again_it_still_comes_to_an_end(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    for k in range(0, 400, 7):
        world.fail = crashing_at(10 + k % 97)
        try:
            world.advance()
            break
        except Crash:
            continue
    world.fail = lambda _: None
    world.advance()
    assert program_state(world.at) == "done"
    finished = [r.fingerprint for r in world.runs.finished.values() if r.outcome == "ok"]
    assert len(finished) == len(set(finished)) == 9


def test_a_complete_result_of_a_dead_process_is_adopted(tmp_path: Path) -> None:
    world = a_world(tmp_path)

    def fail(call: str) -> None:
        if call == "before MemoryRuns.finish":
            raise Crash

    world.fail = fail
    with pytest.raises(Crash):
        world.advance()
    world.fail = lambda _: None
    begun = list(world.launcher.made)
    assert len(begun) == 1
    world.advance()
    assert world.launcher.made.count(begun[0]) == 1


def test_a_run_cut_off_with_the_planner_is_lost_and_made_again(tmp_path: Path) -> None:
    world = a_world(tmp_path)

    def dies(arm: str, seed: int) -> Any:
        raise Crash

    script, world.script = world.script, dies
    with pytest.raises(Crash):
        world.advance()
    world.script = script
    world.advance()
    before = replies_of(world)
    assert replies_of(rebuilt(world)) == before
    runs = sorted(world.runs.finished.values(), key=lambda r: int(r.id.removeprefix("run-")))
    assert (runs[0].outcome, runs[0].attempt) == ("lost", 0)
    again = next(r for r in runs[1:] if r.fingerprint == runs[0].fingerprint)
    assert (again.outcome, again.attempt) == ("ok", 1)


def test_a_run_of_ours_that_no_journal_knows_of_is_ended_too(tmp_path: Path) -> None:
    world = a_world(tmp_path)

    def dies(arm: str, seed: int) -> Any:
        raise Crash

    script, world.script = world.script, dies
    with pytest.raises(Crash):
        world.advance()
    world.script = script
    rebuilt(world).advance()
    assert world.runs.unfinished == {}
    assert program_state(world.at) == "done"


@pytest.mark.parametrize("call", ["before MemoryRuns.finish", "after MemoryRuns.finish"])
def test_a_run_that_ends_while_the_journal_is_removed_is_adopted_and_not_made_again(
    tmp_path: Path, call: str
) -> None:
    world = a_world(tmp_path)
    world.launcher.workers = 2

    def removed(announced: str) -> None:
        if announced == call:
            for file in (tmp_path / "mlruns").glob("journal.db*"):
                file.unlink()

    world.fail = removed
    with pytest.raises(StoreUnavailable, match="was removed while this command was at work"):
        world.advance()
    assert not world.journal.path.exists(), "it is not begun anew"
    world.fail = lambda _: None
    rebuilt(world).advance()
    made = world.launcher.made
    assert len(made) == len(set(made)) == 9
    assert [(run.outcome, run.attempt) for run in world.runs.finished.values()] == [("ok", 1)] * 9
    assert world.runs.unfinished == {}


def test_what_a_run_left_is_adopted_where_journal_and_planner_are_lost_together(tmp_path: Path) -> None:
    world = a_world(tmp_path)

    def dies(announced: str) -> None:
        if announced == "before MemoryRuns.finish":
            raise Crash

    world.fail = dies
    with pytest.raises(Crash):
        world.advance()
    world.fail = lambda _: None
    rebuilt(world).advance()
    made = world.launcher.made
    assert len(made) == len(set(made)) == 9
    assert {run.outcome for run in world.runs.finished.values()} == {"ok"}
    assert not list(tmp_path.rglob("result.json"))


def leased(world: World, folder: Path, **fields: Any) -> None:
    """A run that a planner began and left."""
    planned = own_plan(world.program, "first", "new", 0).model_dump(mode="json")
    world.journal.plan_work("f", 1, "small", planned, str(folder / "f-1"))
    world.journal.update_work("small", "f", 1, state="started", **fields)


def test_a_worker_that_outlived_its_planner_is_ended_with_its_child_before_its_run_is_settled(
    tmp_path: Path,
) -> None:
    world = a_world(tmp_path)
    code = "import subprocess, time; subprocess.Popen(['sleep', '60']); print(flush=True); time.sleep(60)"
    words = [sys.executable, "-c", code, home_mark(Home(tmp_path))]
    with subprocess.Popen(words, start_new_session=True, stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        worker.stdout.readline()
        (child,) = psutil.Process(worker.pid).children()
        start = psutil.Process(worker.pid).create_time()
        leased(world, tmp_path, pid=worker.pid, process_start=start, host=socket.gethostname())
        assert is_running(worker.pid, start)
        assert world.desk().reaper().settle() == 1
        assert not is_running(worker.pid, start)
    _, alive = psutil.wait_procs([child], timeout=300)
    assert alive == []
    assert [w.state for w in world.journal.work("small")] == ["abandoned"]


@pytest.mark.parametrize(
    ("home", "earlier"),
    [
        pytest.param("", 100.0, id="has the number of the worker"),
        pytest.param("the original", 0.0, id="is the worker of the home that this one is a copy of"),
    ],
)
def test_a_process_that_is_no_worker_of_this_home_is_left_alone(
    tmp_path: Path, home: str, earlier: float
) -> None:
    world = a_world(tmp_path)
    words = [sys.executable, "-c", "import time; time.sleep(60)", home_mark(Home(tmp_path / home))]
    with subprocess.Popen(words, start_new_session=True) as other:
        start = psutil.Process(other.pid).create_time()
        leased(world, tmp_path, pid=other.pid, process_start=start - earlier, host=socket.gethostname())
        assert world.desk().reaper().settle() == 1
        assert other.poll() is None
        other.kill()


def test_a_run_of_another_machine_is_left_alone_while_its_heart_beats_and_then_taken_over(
    tmp_path: Path,
) -> None:
    world = a_world(tmp_path)
    now = world.clock.seconds()
    leased(world, tmp_path, pid=1, process_start=1.0, host="elsewhere", heartbeat=now)
    with pytest.raises(ProgramBusy, match="elsewhere"):
        world.advance()
    assert [w.state for w in world.journal.work("small")] == ["started"]
    world.clock.at += timedelta(seconds=DEAD_SECONDS)
    world.advance()
    assert [w.state for w in world.journal.work("small")][0] == "abandoned"


@pytest.mark.parametrize("call", ["before MemoryRuns.start", "before MemoryRuns.finish"])
def test_a_run_that_ends_while_the_store_is_away_is_adopted_and_not_made_again(
    tmp_path: Path, call: str
) -> None:
    world = a_world(tmp_path)
    world.launcher.workers = 2

    def away(announced: str) -> None:
        if announced == call:
            raise StoreUnavailable("MLflow is down")

    world.fail = away
    with pytest.raises(StoreUnavailable, match="MLflow is down"):
        world.advance()
    assert len(world.launcher.made) == 1, "nothing more was begun"
    world.fail = lambda _: None
    world.advance()
    made = world.launcher.made
    assert len(made) == len(set(made)) == 9
    ended = [(run.outcome, run.attempt) for run in world.runs.finished.values()]
    assert ended == [("ok", 1)] * 9
    assert world.runs.unfinished == {}


# --- one story in two places ---------------------------------------------------------------------


def replies_of(world: World) -> Any:
    """Status and explanations, as the reading commands give them."""
    at = world.at
    return program_json(at), [as_json(trace) for trace in traces_of(at)]


def rebuilt(world: World) -> World:
    """The same world after its journal was deleted and rebuilt from the record store."""
    for file in world.journal.path.parent.glob("journal.db*"):
        file.unlink()
    world.journal = Journal(world.journal.path, durable=False)
    import_records(world.journal, world.records, world.runs, world.program)
    return world


def an_eventful_life(folder: Path) -> World:
    world = World(folder, small(), scores())
    world.advance(every=False)
    first = world.say("first", choose="repeat")
    world.advance(every=False)
    world.revoke(first)
    world.advance(every=False)
    run = world.at.verdicts["first"].run_ids[0]
    world.exclude(run, "first")
    world.advance()
    world.exclude(run, "first", undone=True)
    world.say("first", choose="repeat", expires="2030-01-01")
    world.advance(every=False)
    return world


def test_a_deleted_journal_is_rebuilt_with_the_same_status_and_explanations(tmp_path: Path) -> None:
    world = an_eventful_life(tmp_path)
    before, ids = replies_of(world), world.ids()
    assert replies_of(rebuilt(world)) == before
    assert world.ids() == ids
    world.advance()
    again = replies_of(world)
    assert replies_of(rebuilt(world)) == again


def test_a_journal_rebuilt_from_records_of_one_second_keeps_their_order(tmp_path: Path) -> None:
    world = World(tmp_path, small(), scores())
    now = world.clock.now()
    world.clock.now = lambda: now  # type: ignore[method-assign]
    world.advance()
    before = replies_of(world)
    assert replies_of(rebuilt(world)) == before


def test_a_journal_rebuilt_after_the_clock_was_put_back_keeps_its_order(tmp_path: Path) -> None:
    world = World(tmp_path, small(), scores())
    world.advance(every=False)
    world.clock.at -= timedelta(days=2)
    world.say("first", choose="repeat")
    world.advance(every=False)
    before, ids = replies_of(world), world.ids()
    assert replies_of(rebuilt(world)) == before
    assert world.ids() == ids


def test_what_a_home_with_a_slow_clock_writes_after_reading_comes_after_it_for_every_home(
    tmp_path: Path,
) -> None:
    one = World(tmp_path / "one", small(), scores())
    one.journal.add(one.say("first", choose="repeat"), one.clock.now())
    one.advance(every=False)
    other = World(tmp_path / "other", small(), scores(), runs=one.runs, records=one.records)
    other.clock.at -= timedelta(days=2)
    other.advance()
    in_store = [copy.id for copy in one.records.copies(one.program)]
    assert in_store == other.ids()
    assert rebuilt(one).ids() == other.ids()


def test_what_happened_while_the_store_was_away_is_mirrored_later(tmp_path: Path) -> None:
    world = World(tmp_path, small(), scores())
    world.advance(every=False)
    away = MemoryRecords()

    def refuse(*_: Any, **__: Any) -> str:
        raise Crash

    away.write_person = refuse  # type: ignore[method-assign]
    record = world.say("first", choose="repeat")
    other = record.model_copy(update={"reason": "said while it was away"}).identified("o")
    with pytest.raises(Crash):
        write_person(world.journal, away, world.program, other)
    assert other.id not in world.records.held(world.program)
    world.advance()
    assert other.id in world.records.held(world.program)
    assert all(entry.mirrored for entry in world.journal.entries("small"))


def test_records_that_others_wrote_are_taken_over(tmp_path: Path) -> None:
    one = World(tmp_path / "one", small(), scores())
    one.advance(every=False)
    other = World(tmp_path / "other", small(), scores(), runs=one.runs, records=one.records)
    other.advance()
    assert len(other.launcher.made) == 6
    assert set(one.ids()) <= set(other.ids())


def test_an_override_is_a_child_of_the_decision_that_it_contradicts(tmp_path: Path) -> None:
    world = World(tmp_path, small(), scores())
    world.advance(every=False)
    record = world.say("first", choose="repeat")
    held = world.records.held(world.program)
    about = world.at.decisions["first"]
    assert isinstance(about, Decision)
    assert world.records.parents[held[record.id]] == held[about.id]
