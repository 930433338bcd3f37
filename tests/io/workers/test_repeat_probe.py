"""The first run of a program is made twice: no evidence, once for each code and fidelity, and it is said."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.explaining.in_json import as_json
from planner.explaining.in_text import as_text
from planner.io.in_memory import MemoryRuns
from planner.judging.rules_digest import rules_digest
from planner.language.program import Program
from planner.lineage.status import as_lines, program_json
from tests.support.worlds import Crash, Measured, World, foreign_run, own_run, scores, small, traces_of

pytestmark = pytest.mark.in_turn

Memo = Callable[[World], str]


def twice(**changes: Any) -> Program:
    """The small program, whose first run is made twice."""
    return small().model_copy(update={"probe": "on", **changes})


def memo(world: World, phase: str = "first") -> str:
    return (world.folder / "memos" / f"{phase}.md").read_text()


def lived(folder: Path, program: Program, **wishes: Any) -> World:
    world = World(folder, program, scores())
    world.advance(**wishes)
    return world


def drifting(world: World, second: Measured | None = None) -> None:
    """From now on the second time of a run measures otherwise: a little more, or what is given."""
    script, made = world.script, set()

    def measure(arm: str, seed: int) -> Measured:
        again = (arm, seed) in made
        made.add((arm, seed))
        measured = script(arm, seed)
        if not again or isinstance(measured, str):
            return measured
        return second if second is not None else {name: value + 0.003 for name, value in measured.items()}

    world.script = measure


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, twice(), scores())


def test_the_first_arm_and_seed_is_made_twice_alone_and_only_once(world: World) -> None:
    world.launcher.together = 3
    world.advance()
    assert [one for one in world.launcher.made if world.launcher.made.count(one) > 1] == [("base", 0)] * 2
    assert world.launcher.groups.count(1) == 1
    assert world.launcher.made[6] == ("base", 0)  # after the first phase's runs, before its verdict
    made = len(world.launcher.made)
    world.advance()
    assert len(world.launcher.made) == made


def test_nothing_rests_on_it(tmp_path: Path) -> None:
    one, other = lived(tmp_path / "one", twice()), lived(tmp_path / "other", small())
    assert one.steps() == other.steps()
    assert (one.at.spent_runs, one.at.spent_seconds) == (other.at.spent_runs, other.at.spent_seconds)
    assert [run.fingerprint for run in one.runs.finished.values()] == [
        run.fingerprint for run in other.runs.finished.values()
    ]
    assert len(one.launcher.made) == len(other.launcher.made) + 1


def test_it_is_no_launched_run_and_no_part_of_the_budget(tmp_path: Path) -> None:
    budget = small().budget.model_copy(update={"runs": 6})
    world = World(tmp_path, twice(budget=budget), scores())
    done = world.advance(every=False)
    assert [(step.runs_launched, step.runs_reused) for step in done.steps] == [(6, 0)]
    assert len(world.launcher.made) == 7


def test_equal_numbers_are_one_line_of_every_memo(world: World) -> None:
    world.advance()
    for phase in ("first", "second", "third"):
        assert "The same numbers when run twice: seed 0 of 'base'." in memo(world, phase)
    assert "run twice" not in "".join(as_lines(world.at))


def test_other_numbers_are_said_wherever_one_looks(world: World) -> None:
    drifting(world)
    world.advance()
    for phase in ("first", "second", "third"):
        assert "**Not reproducible: score differs by 0.003 at seed 0 of 'base'" in memo(world, phase)
    assert any("not reproducible: score differs by 0.003" in line for line in as_lines(world.at))
    (trace, *_) = traces_of(world.at)
    assert "not reproducible" in as_text(trace)
    (repeat,) = as_json(trace)["repeats"]
    assert (repeat["arm"], repeat["seed"], repeat["compared"]) == ("base", 0, ["score"])
    assert program_json(world.at)["repeats"] == [repeat]
    json.dumps(repeat, allow_nan=False)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (math.nan, math.nan, "the same numbers when run twice: seed 0 of 'base'"),
        (1.0, math.nan, "not reproducible: score is 1 and then no number"),
        (1.0, 1.0 + 1e-12, "not reproducible: score differs by 1"),
    ],
)
def test_no_number_is_equal_to_no_number_and_any_other_difference_counts(
    world: World, first: float, second: float, said: str
) -> None:
    world.script = lambda arm, seed: {"score": first + seed}
    drifting(world, {"score": second})
    world.advance(every=False)
    (repeat,) = world.at.repeats
    assert repeat.text.startswith(said)


def test_of_seeds_that_train_together_the_last_digits_may_differ(world: World) -> None:
    world.launcher.together = 3
    world.script = lambda arm, seed: {"score": 1.0 + seed}
    drifting(world, {"score": 1.0 + 1e-7})
    world.advance(every=False)
    (repeat,) = world.at.repeats
    said = "the same numbers but for rounding (score differs by 1e-07) when run twice: seed 0 of 'base'"
    assert (repeat.text, repeat.same) == (said, True)


def test_what_measures_the_machine_is_logged_and_not_compared(tmp_path: Path) -> None:
    metrics = twice().metrics
    metrics = {**metrics, "seconds": metrics["score"].model_copy(update={"machine": True})}
    world, spans = World(tmp_path, twice(metrics=metrics), scores()), iter(range(100))
    script = world.script
    world.script = lambda arm, seed: {**script(arm, seed), "seconds": float(next(spans))}  # type: ignore[dict-item]
    world.advance(every=False)
    (repeat,) = world.at.repeats
    assert (repeat.compared, repeat.same) == (("score",), True)


def test_stating_that_a_metric_measures_the_machine_changes_no_rule() -> None:
    program = small()
    stated = {"score": program.metrics["score"].model_copy(update={"machine": True})}
    assert rules_digest(program.model_copy(update={"metrics": stated}), "first") == rules_digest(
        program, "first"
    )


@pytest.mark.parametrize("outcome", ["code_error", "timeout"])
def test_a_second_time_that_fails_is_harmless_and_said_and_not_tried_again(
    world: World, outcome: str
) -> None:
    drifting(world, outcome)
    done = world.advance()
    assert [step.phase for step in done.steps] == ["first", "second", "third"]
    assert "**Not known to be reproducible: seed 0 of 'base'" in memo(world)
    made = len(world.launcher.made)
    world.advance()
    assert len(world.launcher.made) == made


@pytest.mark.parametrize("outcome", ["environment", "data_changed", "disk_full"])
def test_a_second_time_that_says_nothing_is_made_again_by_the_next_advance(
    world: World, outcome: str
) -> None:
    drifting(world, outcome)
    world.advance()
    assert world.at.repeats == ()
    assert world.launcher.made.count(("base", 0)) == 2
    world.script = scores()
    world.advance()
    assert world.launcher.made.count(("base", 0)) == 3
    assert [repeat.same for repeat in world.at.repeats] == [True]


def test_a_second_time_whose_worker_is_killed_is_made_again_at_once_and_not_for_ever(world: World) -> None:
    drifting(world, "killed")
    world.advance()
    assert world.at.repeats == ()
    assert world.launcher.made.count(("base", 0)) == 1 + 3
    world.script = scores()
    world.advance()
    assert [repeat.same for repeat in world.at.repeats] == [True]


def test_another_run_is_taken_where_the_first_did_not_end_well(world: World) -> None:
    script = world.script
    world.script = lambda arm, seed: "code_error" if (arm, seed) == ("base", 0) else script(arm, seed)
    world.advance(every=False)
    assert [(repeat.arm, repeat.seed) for repeat in world.at.repeats] == [("base", 1)]


def test_each_code_and_each_fidelity_is_looked_at(world: World) -> None:
    world.advance(every=False)
    world.advance(every=False, fidelity="smoke")
    world.code = "code-2"
    world.advance(every=False)
    repeated = {(repeat.code_digest, repeat.fidelity) for repeat in world.at.repeats}
    assert repeated == {("code-1", "standard"), ("code-1", "smoke"), ("code-2", "standard")}


@pytest.mark.parametrize("wishes", [{"no_run": True}, {}])
def test_runs_of_earlier_versions_and_of_others_are_not_made_again(
    tmp_path: Path, wishes: dict[str, Any]
) -> None:
    program = twice()
    arms = [(arm, seed) for arm in ("base", "new") for seed in range(3)]
    earlier = [own_run(program, "first", arm, seed, scores()(arm, seed)) for arm, seed in arms]
    others = [foreign_run("first", arm, seed, scores()(arm, seed)) for arm, seed in arms]
    for number, runs in enumerate((earlier, others)):
        world = World(tmp_path / str(number), program, scores(), runs=MemoryRuns({r.id: r for r in runs}))
        world.advance(every=False, **wishes)
        assert world.launcher.made == []


def test_where_a_home_of_an_earlier_version_goes_on_the_first_new_run_is_made_twice(tmp_path: Path) -> None:
    program = twice()
    runs = [own_run(program, "first", "base", seed, scores()("base", seed)) for seed in range(3)]
    world = World(tmp_path, program, scores(), runs=MemoryRuns({run.id: run for run in runs}))
    world.advance(every=False)
    assert world.launcher.made == [("new", 0), ("new", 1), ("new", 2), ("new", 0)]


def test_no_run_makes_none_and_the_next_advance_makes_it(world: World) -> None:
    def die(announced: str) -> None:
        if announced == "before MemoryRuns.start_repeat":
            raise Crash

    world.fail = die
    with pytest.raises(Crash):
        world.advance(every=False)
    world.fail = lambda _: None
    world.advance(every=False, no_run=True)
    assert (world.launcher.made.count(("base", 0)), world.at.repeats) == (1, ())
    world.advance(every=False)
    assert len(world.at.repeats) == 1


def test_where_the_time_is_up_it_is_left_to_the_next_advance(world: World) -> None:
    script, stop = world.script, world.clock.seconds() + 1000
    world.script = lambda arm, seed: _late(world) or script(arm, seed)
    world.advance(every=False, deadline=stop)
    assert world.launcher.made.count(("base", 0)) == 1
    world.script = script
    world.advance(every=False)
    assert world.launcher.made.count(("base", 0)) == 2


def _late(world: World) -> None:
    from datetime import timedelta

    world.clock.at += timedelta(seconds=170)


def writes_of(folder: Path) -> list[str]:
    """Every call to a part while a run is made a second time."""
    world, calls = World(folder, twice(), scores()), []
    world.fail = calls.append
    world.advance(every=False)
    begin = next(i for i, call in enumerate(calls) if "start_repeat" in call) - 8
    end = next(i for i, call in enumerate(calls) if call == "after Journal.note_repeats") + 4
    return [f"{call} {calls[:i].count(call) + 1}" for i, call in enumerate(calls) if begin <= i <= end]


def test_killed_at_any_moment_of_it_the_next_advance_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    whole = lived(tmp_path / "whole", twice(), every=False)
    points = writes_of(tmp_path / "points")
    assert any("finish_repeat" in point for point in points)
    for number, point in enumerate(points):
        name, _, nth = point.rpartition(" ")
        world, left = World(tmp_path / str(number), twice(), scores()), [int(nth)]

        def die(announced: str, name: str = name, left: list[int] = left) -> None:
            left[0] -= announced == name
            if left[0] == 0:
                left[0] = -1
                raise Crash

        world.fail = die
        with pytest.raises(Crash):
            world.advance(every=False)
        world.fail = lambda _: None
        world.advance(every=False)
        assert world.steps()[:1] == whole.steps(), point
        assert memo(world) == memo(whole), point
        assert len(world.runs.repeats) == 1, point
        assert not list((world.folder / "mlruns" / "work" / "small").glob("*-repeat")), point
