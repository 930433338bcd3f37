"""What an edited program would have made of the past."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.language.program import Program, build
from planner.records.decision import Decision
from planner.replay.edited_program import PathComparison, WhatIf, what_if
from planner.replay.report import what_if_json, what_if_lines
from tests.replay.lives import (
    LIVES,
    Life,
    archive_of,
    edited,
    others_ran_it_and_a_phase_is_passed_over,
    plain,
    seeds_are_added,
)
from tests.support.worlds import World, own_run, scores, small, steady

pytestmark = pytest.mark.in_turn


def under(world: World, program: Program, seed: int = 0) -> WhatIf:
    archive = archive_of(world)
    runs = list(archive.runs)
    random.Random(seed).shuffle(runs)
    return what_if(world.program, program, runs, archive.records.entries)


def raw_of(program: Program) -> dict[str, Any]:
    return program.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)


def asking(above: float) -> Program:
    """The small program, whose first phase asks for a score above a bound and whose others fail."""
    raw = raw_of(small(criteria={"higher": {"metric": "score", "arm": "new", "above": 0.5}}))
    raw["phases"]["first"]["criteria"]["higher"]["above"] = above
    return build(raw)


def the_path(comparison: WhatIf) -> PathComparison:
    (path,) = comparison.paths
    return path


def costs(path: PathComparison) -> dict[str, tuple[int, int]]:
    return {one.phase: (one.cost.saved, one.cost.added) for one in path.phases}


# --- the same program ----------------------------------------------------------------------------

SETTLED = [life for life in LIVES if "dies" not in life.__name__]


@pytest.mark.parametrize("life", SETTLED, ids=lambda life: life.__name__)
def test_the_program_as_it_is_changes_no_decision_and_saves_and_adds_no_run(
    life: Life, lived: Callable[[Life], World]
) -> None:
    world = lived(life)
    comparison = under(world, world.program)
    assert [str(one) for one in comparison.decisions if one.field] == []
    assert comparison.paths
    for path in comparison.paths:
        assert [one for one in path.phases if one.differs] == []
        assert (path.total.saved, path.total.added, path.open_at) == (0, 0, None)
        assert path.total.before == path.total.after
    assert "every phase ends as it did" in "\n".join(what_if_lines("small", "it.yaml", comparison))


def test_the_order_of_runs_changes_nothing(tmp_path: Path) -> None:
    world = seeds_are_added(tmp_path)
    program = edited(world.program, 0.2)
    assert len({under(world, program, seed).model_dump_json() for seed in range(4)}) == 1


# --- another program -----------------------------------------------------------------------------


def test_a_bound_that_is_met_ends_the_program_earlier_and_saves_the_runs_of_what_followed(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, asking(0.5), scores(new=0.45))
    world.advance()
    comparison = under(world, asking(0.3))
    path = the_path(comparison)
    first = next(one for one in path.phases if one.phase == "first")
    assert first.recorded is not None
    assert first.edited is not None
    assert (first.recorded.outcome, first.recorded.choice) == ("fail", "turn")
    assert (first.edited.outcome, first.edited.action) == ("pass", "stop")
    assert costs(path) == {"first": (0, 0), "second": (3, 0), "third": (3, 0)}
    assert path.total.seconds_saved == 6.0
    moved = {one.phase: (one.field, one.was, one.would_be) for one in comparison.decisions if one.field}
    assert moved["first"] == ("outcome", "fail", "pass")


def test_what_follows_on_the_edited_path_is_judged_on_the_runs_that_there_are(tmp_path: Path) -> None:
    world = plain(tmp_path)
    raw = raw_of(world.program)
    raw["phases"]["first"]["triage"]["options"].reverse()
    comparison = under(world, build(raw))
    path = the_path(comparison)
    assert path.total.saved == path.total.added == 0
    assert [one.phase for one in path.phases if one.edited is not None] == ["first", "second", "third"]
    moved = {one.phase: (one.field, one.was, one.would_be) for one in comparison.decisions if one.field}
    assert moved["first"] == ("choice", "turn", "repeat")


def test_runs_that_nobody_made_are_added_at_the_mean_time_and_the_path_ends_there(tmp_path: Path) -> None:
    world = World(tmp_path, asking(0.5), scores(new=5.0))
    world.advance()
    path = the_path(under(world, asking(9.0)))
    assert path.open_at == "second"
    assert (path.total.added, path.total.unmade, path.total.saved) == (3, 3, 0)
    assert path.total.seconds_added == 3.0
    lines = what_if_lines("small", "it.yaml", under(world, asking(9.0)))
    assert any("runs of second that nobody has made" in line for line in lines)


def test_an_arm_that_is_declared_anew_needs_runs_and_saves_the_old_ones(tmp_path: Path) -> None:
    world = plain(tmp_path)
    raw = raw_of(world.program)
    raw["arms"]["new"] = {"kind": "newer"}
    path = the_path(under(world, build(raw)))
    assert path.open_at == "first"
    assert costs(path)["first"] == (3, 3)


def test_an_arm_under_another_name_finds_its_runs(tmp_path: Path) -> None:
    world = plain(tmp_path)
    raw = raw_of(world.program)
    raw["arms"]["renamed"] = raw["arms"].pop("new")
    raw["phases"]["first"]["arms"] = ["base", "renamed"]
    raw["phases"]["first"]["criteria"]["higher"]["arm"] = "renamed"
    path = the_path(
        under(world, build({**raw, "phases": {"first": raw["phases"]["first"] | {"triage": None}}}))
    )
    assert path.open_at is None
    assert costs(path) == {"first": (0, 0), "second": (3, 0), "third": (3, 0)}


def test_fewer_seeds_are_requested_where_the_budget_of_an_arm_is_smaller(tmp_path: Path) -> None:
    world = seeds_are_added(tmp_path)
    raw = raw_of(world.program)
    raw["budget"]["seeds_per_arm"] = 3
    comparison = under(world, build(raw))
    path = the_path(comparison)
    assert path.total.saved > 0
    assert path.total.added == 0
    assert path.total.after == path.total.before - path.total.saved
    added = [
        e.record for e in world.journal.entries("small") if getattr(e.record, "action", "") == "add_seeds"
    ]
    moved = {one.id: one for one in comparison.decisions if one.field}
    assert moved[added[0].id].field == "asked"
    assert moved[added[0].id].would_be == "no run"


def test_more_seeds_would_have_been_requested_before_a_verdict(tmp_path: Path) -> None:
    noisy = steady({n: {"score": 1.0} for n in ("base", "new", "other", "last")}, noise=0.4)
    world = World(tmp_path, asking(-9.0), noisy)
    world.advance()
    comparison = under(world, asking(0.95))
    (first,) = comparison.decisions
    assert (first.field, first.was, first.would_be) == ("outcome", "pass", "inconclusive")
    path = the_path(comparison)
    assert path.open_at == "first"
    assert path.total.unmade > 0


def test_a_smaller_budget_of_runs_ends_the_path_earlier(tmp_path: Path) -> None:
    world = plain(tmp_path)
    raw = raw_of(world.program)
    raw["budget"]["runs"] = 7
    path = the_path(under(world, build(raw)))
    assert (path.total.after, path.total.saved) == (7, 5)


def test_a_phase_that_is_gone_changes_its_decisions_and_saves_its_runs(tmp_path: Path) -> None:
    world = plain(tmp_path)
    raw = raw_of(world.program)
    del raw["phases"]["third"]
    raw["phases"]["first"]["triage"]["options"].pop()
    comparison = under(world, build(raw))
    assert costs(the_path(comparison))["third"] == (3, 0)
    assert {one.field for one in comparison.decisions if one.phase == "third"} == {"phase"}


def test_a_path_without_launches_is_walked_with_everything_there(lived: Callable[[Life], World]) -> None:
    world = lived(others_ran_it_and_a_phase_is_passed_over)
    path = the_path(under(world, edited(world.program, 0.9)))
    assert [one.phase for one in path.phases] == ["second"]
    assert path.total.after == 0  # none of them is ours


def test_each_fidelity_has_a_path_of_its_own(tmp_path: Path) -> None:
    world = World(tmp_path, asking(0.5), scores())
    world.advance(fidelity="smoke")
    world.advance()
    comparison = under(world, asking(-0.5))
    assert [path.fidelity for path in comparison.paths] == ["smoke", "standard"]
    assert all(path.total.saved > 0 for path in comparison.paths)


def test_phases_with_fidelities_of_their_own_are_one_path(tmp_path: Path) -> None:
    raw = raw_of(small())
    raw["phases"]["second"]["fidelity"] = "full"
    world = World(tmp_path, build(raw), scores())
    world.advance()
    path = the_path(under(world, world.program))
    assert path.fidelity is None
    assert [one.phase for one in path.phases] == ["first", "second", "third"]
    assert not any(one.differs for one in path.phases)


def test_the_reply_holds_every_recorded_decision_that_follows_a_verdict(tmp_path: Path) -> None:
    world = seeds_are_added(tmp_path)
    reply = what_if_json("small", "it.yaml", under(world, edited(world.program, 0.2)))
    decisions = [e.record for e in world.journal.entries("small") if isinstance(e.record, Decision)]
    expected = {d.id for d in decisions if d.verdict_id is not None}
    assert {one["id"] for one in reply["decisions"]} == expected
    assert reply["schema"] == "phasegate.replay/1"


def test_runs_that_were_made_and_never_judged_are_used_too(tmp_path: Path) -> None:
    world = World(tmp_path, asking(0.5), scores(new=5.0))
    world.advance()
    for arm in ("base", "other"):
        for seed in range(3):
            run = own_run(world.program, "second", arm, seed, {"score": 0.0})
            world.runs.finished[run.id] = run
    path = the_path(under(world, asking(9.0)))
    assert [one.phase for one in path.phases if one.edited is not None] == ["first", "second"]
    assert path.open_at == "third"
