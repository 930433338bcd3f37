"""Every record comes out again byte for byte, and what keeps one from it is told as what it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.language.program import build
from planner.records.decision import Decision
from planner.records.verdict import Verdict
from planner.replay.differences import first_difference
from planner.replay.replay import replay
from planner.replay.report import ReplayReport, as_json, as_lines
from tests.replay.lives import LIVES, Life, archive_of, edited, plain, replayed, seeds_are_added
from tests.support.worlds import World, scores, small

pytestmark = pytest.mark.in_turn


def differences_of(outcome: ReplayReport) -> set[tuple[str, str]]:
    return {(difference.kind, difference.id) for difference, _ in outcome.differences}


def moved(world: World, run_id: str, **fields: Any) -> None:
    world.runs.finished[run_id] = world.runs.finished[run_id].model_copy(update=fields)


def with_record(world: World, old: Any, **fields: Any) -> list[Any]:
    """The world's entries, one record changed and given the id of its new content."""
    new = old.model_copy(update=fields).identified(old.id[0])
    entries = archive_of(world).records.entries
    return [
        type(e)(
            e.position, new if e.record.id == old.id else e.record, e.written_at, e.mlflow_run, e.mirrored
        )
        for e in entries
    ]


# --- what comes out ------------------------------------------------------------------------------


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_every_record_comes_out_byte_for_byte_whatever_the_order_of_runs(
    life: Life, lived: Callable[[Life], World]
) -> None:
    world = lived(life)
    for seed in range(3):
        outcome = replayed(world, seed)
        assert outcome.ok, as_lines(outcome)
        assert not any(one.older for one in outcome.replayed)
    ids = {
        e.record.id
        for e in world.journal.entries(world.program.program)
        if type(e.record) in (Verdict, Decision)
    }
    assert {one.id for one in outcome.replayed} == ids
    assert ids


def test_the_lives_hold_every_kind_of_decision(lived: Callable[[Life], World]) -> None:
    decisions = [
        e.record
        for world in map(lived, LIVES)
        for e in world.journal.entries(world.program.program)
        if isinstance(e.record, Decision)
    ]
    actions = {d.action for d in decisions}
    assert actions == {"run_phase", "add_seeds", "run_diagnostic", "take_option", "wait", "stop"}
    assert any(str(d.rule) == "budget" for d in decisions)
    assert any(d.inputs and d.inputs.tried for d in decisions)


def test_a_replay_reads_and_writes_nothing(tmp_path: Path) -> None:
    world = plain(tmp_path)
    before = world.journal.path.read_bytes(), dict(world.records.places)
    replayed(world)
    assert before == (world.journal.path.read_bytes(), dict(world.records.places))


# --- what differs --------------------------------------------------------------------------------


def test_an_edited_metric_is_evidence_and_names_the_run_and_both_values(tmp_path: Path) -> None:
    world = plain(tmp_path)
    run = next(r for r in world.runs.finished.values() if (r.arm, r.seed) == ("new", 1))
    was = run.metrics["score"]
    moved(world, run.id, metrics={"score": 9.5}, series={"score": ((0, 9.5),)})
    outcome = replayed(world)
    assert differences_of(outcome) == {("evidence", run.id)}
    (difference, records), *_ = outcome.differences
    assert difference.what == f"new, seed 1: score was {was!r}, is 9.5"
    verdict = world.at.verdicts["first"].id
    assert verdict in records
    assert world.at.decisions["first"].id in records


def test_an_edited_parameter_and_whatever_no_table_holds_are_evidence_too(tmp_path: Path) -> None:
    world = plain(tmp_path)
    one, other = (r for r in world.runs.finished.values() if r.arm == "new" and r.seed < 2)
    moved(world, one.id, params={"kind": "else"})
    moved(world, other.id, device="another")
    what = {d.id: d.what for d, _ in replayed(world).differences}
    assert what[one.id] == f"new, seed {one.seed}: parameter kind was new, is else"
    assert "beside the numbers of the verdict" in what[other.id]


def test_a_run_that_is_gone_is_evidence_that_is_missing(tmp_path: Path) -> None:
    world = plain(tmp_path)
    run = world.at.verdicts["second"].run_ids[0]
    del world.runs.finished[run]
    outcome = replayed(world)
    assert differences_of(outcome) == {("evidence", run)}
    assert "no more" in outcome.differences[0][0].what


def test_a_run_that_seeds_were_added_to_is_missed_where_it_was_looked_at(tmp_path: Path) -> None:
    world = seeds_are_added(tmp_path)
    added = next(
        e.record for e in world.journal.entries("small") if getattr(e.record, "action", "") == "add_seeds"
    )
    run = added.inputs.considered[0].run_ids[0]
    del world.runs.finished[run]
    outcome = replayed(world)
    assert differences_of(outcome) == {("evidence", run)}
    assert added.id in outcome.differences[0][1]


def test_an_edited_threshold_is_rules_with_the_old_and_the_new_value(tmp_path: Path) -> None:
    world = plain(tmp_path)
    verdict = world.at.verdicts["first"]
    world.program = edited(world.program, 0.25)
    outcome = replayed(world)
    kinds = {kind for kind, _ in differences_of(outcome)}
    assert kinds == {"rules"}
    difference = next(d for d, _ in outcome.differences if d.id == verdict.id)
    assert [(c.path, c.old, c.new) for c in difference.changes] == [
        ("phase.criteria.higher.better_by", 0.5, 0.25)
    ]
    untouched = {one.phase for one in outcome.replayed if one.kind == "verdict" and one.equal}
    assert untouched == {"second", "third"}


def test_a_launch_under_rules_that_changed_names_them_too(tmp_path: Path) -> None:
    world = plain(tmp_path)
    launched = next(one.id for one in replayed(world).replayed if one.kind == "decision")
    world.program = edited(world.program, 0.25)
    difference = next(d for d, _ in replayed(world).differences if d.id == launched)
    assert [(c.path, c.old, c.new) for c in difference.changes] == [
        ("phase.criteria.higher.better_by", 0.5, 0.25)
    ]


def test_long_texts_are_cut_to_where_they_differ() -> None:
    old, new = "a" * 300 + " one " + "b" * 300, "a" * 300 + " two " + "b" * 300
    text = first_difference("reason", old, new)
    assert "aaa one bbb" in text
    assert "aaa two bbb" in text
    assert len(text) < 300
    assert first_difference("n", None, 3) == "n: nothing on record, 3 derived"


def test_edited_routing_is_rules_of_the_decision_and_leaves_its_verdict(tmp_path: Path) -> None:
    world = plain(tmp_path)
    options = [{"option": "repeat", "rationale": "once more", "opens": "third"}]
    raw = world.program.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["triage"]["options"] = [
        *options,
        {"option": "turn", "rationale": "the other way", "opens": "second"},
    ]
    world.program = build(raw)
    outcome = replayed(world)
    assert all(one.equal for one in outcome.replayed if one.kind == "verdict")
    decision = next(
        e.record for e in world.journal.entries("small") if getattr(e.record, "choice", "") == "turn"
    )
    difference = next(d for d, _ in outcome.differences if d.id == decision.id)
    assert difference.kind == "rules"
    assert "choice: turn on record, repeat derived" in difference.what or "reason" in difference.what


def test_a_phase_that_is_gone_from_the_program_is_rules(tmp_path: Path) -> None:
    world = plain(tmp_path)
    raw = world.program.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    del raw["phases"]["third"]
    raw["phases"]["first"]["triage"]["options"].pop()
    world.program = build(raw)
    third = {one.id for one in replayed(world).replayed if one.phase == "third"}
    assert third
    assert {("rules", i) for i in third} <= differences_of(replayed(world))


def test_a_metric_that_the_program_lists_besides_is_rules(tmp_path: Path) -> None:
    values = {n: {"score": 0.0, "loss": 1.0} for n in ("base", "new", "other", "last")}
    noise = {arm: 0.01 * number for number, arm in enumerate(values, 1)}
    world = World(
        tmp_path, small(), lambda arm, seed: {"score": noise[arm] * seed, "loss": values[arm]["loss"]}
    )
    world.advance()
    raw = world.program.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["metrics"]["loss"] = {"unit": "nats", "better": "lower"}
    world.program = build(raw)
    outcome = replayed(world)
    assert {kind for kind, _ in differences_of(outcome)} == {"rules"}
    assert any("loss" in d.what for d, _ in outcome.differences)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"outcome": "pass"}, "outcome: pass on record, fail derived"),
        ({"seconds": 1.5}, "seconds: 1.5 on record, 6.0 derived"),
    ],
)
def test_a_verdict_that_does_not_follow_from_its_runs_is_a_record_that_was_altered(
    tmp_path: Path, fields: dict[str, Any], what: str
) -> None:
    world = plain(tmp_path)
    runs = archive_of(world).runs
    entries = with_record(world, world.at.verdicts["first"], **fields)
    outcome = ReplayReport(world.program, replay(world.program, runs, entries))
    new = next(e.record for e in entries if isinstance(e.record, Verdict))
    assert ("record", new.id) in differences_of(outcome)
    assert any(what in d.what for d, _ in outcome.differences)
    assert {kind for kind, _ in differences_of(outcome)} == {"record"}


@pytest.mark.parametrize(
    "fields", [{"choice": "repeat"}, {"reason": "because"}, {"target": "third"}, {"rejected": ()}]
)
def test_a_decision_that_does_not_follow_from_its_verdict_was_altered(
    tmp_path: Path, fields: dict[str, Any]
) -> None:
    world = plain(tmp_path)
    decision = world.at.decisions["first"]
    entries = with_record(world, decision, **fields)
    outcome = ReplayReport(world.program, replay(world.program, archive_of(world).runs, entries))
    new = next(e.record for e in entries if isinstance(e.record, Decision) and e.record.rule == decision.rule)
    assert differences_of(outcome) == {("record", new.id)}
    assert next(iter(fields)) in outcome.differences[0][0].what


def test_a_run_more_or_less_that_was_requested_is_a_record_that_was_altered(tmp_path: Path) -> None:
    world = seeds_are_added(tmp_path)
    added = next(
        e.record for e in world.journal.entries("small") if getattr(e.record, "action", "") == "add_seeds"
    )
    altered = (*added.inputs.asked[:-1], (added.inputs.asked[-1][0], 40))
    entries = with_record(world, added, inputs=added.inputs.model_copy(update={"asked": altered}))
    outcome = ReplayReport(world.program, replay(world.program, archive_of(world).runs, entries))
    assert {kind for kind, _ in differences_of(outcome)} == {"record"}
    assert "inputs.asked" in outcome.differences[0][0].what


def test_an_override_or_verdict_that_is_gone_is_named(tmp_path: Path) -> None:
    world = World(tmp_path, small(), scores())
    world.advance(every=False)
    said = world.say("first", choose="repeat")
    world.advance()
    entries = [e for e in archive_of(world).records.entries if e.record.id != said.id]
    outcome = ReplayReport(world.program, replay(world.program, archive_of(world).runs, entries))
    assert ("record", said.id) in differences_of(outcome)
    verdict = world.at.verdicts["first"].id
    entries = [e for e in archive_of(world).records.entries if e.record.id != verdict]
    outcome = ReplayReport(world.program, replay(world.program, archive_of(world).runs, entries))
    assert ("record", verdict) in differences_of(outcome)


@pytest.mark.parametrize("confirm", [False, True])
def test_what_was_judged_under_changed_rules_comes_out_and_what_was_judged_before_differs_by_rules(
    tmp_path: Path, confirm: bool
) -> None:
    world = World(tmp_path, small(), scores(new=0.45))
    world.advance()
    before = {one.id for one in replayed(world).replayed if one.phase == "first"}
    world.program = edited(world.program, 0.4).model_copy(update={"confirm": confirm})
    world.advance()
    verdict = world.at.verdicts["first"]
    assert (bool(verdict.set_aside), verdict.post_hoc) == (confirm, not confirm)
    outcome = replayed(world)
    differing = {one.id for one in outcome.replayed if not one.equal}
    assert {kind for kind, _ in differences_of(outcome)} == {"rules"}
    assert before <= differing
    assert not {verdict.id, world.at.decisions["first"].id} & differing
    world.program = edited(world.program, 0.5)
    assert before <= {one.id for one in replayed(world).replayed if one.equal}


# --- older records -------------------------------------------------------------------------------


def test_records_of_an_earlier_version_are_counted_apart_and_are_no_difference(tmp_path: Path) -> None:
    world = plain(tmp_path)
    verdict, decision = world.at.verdicts["third"], world.at.decisions["third"]
    for old, fields in ((verdict, {"false_pass": None}), (decision, {"inputs": None})):
        entries = with_record(world, old, **fields)
        if old is verdict:
            entries = [e for e in entries if e.record.id != decision.id]
        outcome = ReplayReport(world.program, replay(world.program, archive_of(world).runs, entries))
        assert outcome.ok
        assert sum(outcome.count(kind)["older"] for kind in ("verdict", "decision")) == 1
        assert any("earlier version" in line for line in as_lines(outcome))


def test_a_program_without_records_says_so(tmp_path: Path) -> None:
    outcome = replayed(World(tmp_path, small(), scores()))
    assert outcome.ok
    assert as_lines(outcome) == ["small: nothing is on record yet"]
    assert as_json(outcome)["decisions"] == {"recorded": 0, "equal": 0, "differ": 0, "older": 0}
