"""A planner that dies at any write, and goes on, comes to stand where an undisturbed one stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from planner.language.program import Program, build
from planner.records.decision import Decision
from planner.records.person import AnyRecord
from planner.records.verdict import Verdict
from tests.promises.crashes.twin_worlds import FLAKY, Life, choose
from tests.support.rotation import every_step_or_a_share, in_turn
from tests.support.worlds import Crash, steady


def dies(life: Life, at: Callable[[str], None]) -> None:
    """Advances until ``at``, which is called at every write, ends it."""
    life.world.fail = at
    with pytest.raises(Crash):
        life.world.advance(every=True)


@pytest.mark.slow
def test_a_life_that_is_cut_off_at_any_write_comes_to_the_same_end(tmp_path: Path) -> None:
    twin = Life(tmp_path / "twin")
    twin.advance(True)
    for crash_at in every_step_or_a_share():
        life = Life(tmp_path / str(crash_at))
        if life.advance(True, crash_at):
            break
        life.advance(True)
        assert life.story() == twin.story(), crash_at
    assert crash_at > 200


def noisy(treatment: str) -> Program:
    """One phase, which asks for seed after seed, or for all there are, before it is decided."""
    higher = {"metric": "score", "arm": "new", "versus": "base", "better_by": 0.6, "treatment": treatment}
    first = {"arms": ["base", "new"], "criteria": {"higher": higher}, "gate": ["higher"]}
    return build(
        {
            "program": "small",
            "question": "Is it higher?",
            "experiment": "made_up",
            "metrics": {"score": {"unit": "points", "better": "higher"}},
            "arms": {name: {"kind": name} for name in ("base", "new")},
            "phases": {"first": {"question": "Higher?", "factor": "kind", **first}},
            "budget": {"seeds_per_arm": 12},
        }
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("treatment", "seeds"),
    in_turn([("bounds", 12), ("point", 3)]),
)
def test_seeds_that_are_added_are_as_many_whenever_a_life_is_cut_off(
    tmp_path: Path, treatment: str, seeds: int
) -> None:
    script = steady({"base": {"score": 0.0}, "new": {"score": 0.7}}, noise=0.4)
    flaky = {("new", 4), ("base", 5)}

    def begin(name: str) -> Life:
        return Life(tmp_path / name, program=noisy(treatment), script=script, flaky=flaky)

    twin = begin("twin")
    twin.advance(True)
    assert twin.story()[0][4] == seeds
    for crash_at in every_step_or_a_share(3):
        life = begin(str(crash_at))
        if life.advance(True, crash_at):
            break
        life.advance(True)
        assert life.story() == twin.story(), crash_at
    assert crash_at > 100


@pytest.mark.parametrize("kind", [Verdict, Decision])
def test_what_was_cut_off_and_then_overridden_is_in_the_store_after_the_next_advance(
    tmp_path: Path, kind: type
) -> None:
    life = Life(tmp_path / "life")
    world = life.world

    def pending() -> list[AnyRecord]:
        return [e.record for e in world.journal.entries("small") if not e.mirrored]

    def die_before_it_is_in_the_store(_: str) -> None:
        if any(isinstance(record, kind) and record.phase == "third" for record in pending()):
            raise Crash

    dies(life, die_before_it_is_in_the_store)
    for option in ("repeat", "turn"):
        choose(life, "first", option)
        life.advance(True)
        assert pending() == []
        held = world.records.held(world.program)
        assert {held[verdict.id] for verdict in world.at.verdicts.values()} <= set(world.records.memos)


def test_what_a_first_try_left_is_not_taken_for_the_second(tmp_path: Path) -> None:
    life = Life(tmp_path / "life")

    def die_before_the_second_try(_: str) -> None:
        if any(w.attempt == 2 and w.state == "planned" for w in life.world.journal.work("small")):
            raise Crash

    dies(life, die_before_the_second_try)
    life.advance(True)
    assert all(life.tries[run] == 2 for run in FLAKY)
