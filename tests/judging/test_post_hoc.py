"""No moved goalposts: what was seen under other rules confirms nothing until fresh seeds do."""

from pathlib import Path

from planner.deciding.walk import build_plan
from planner.judging.post_hoc import SeenRuns, fresh_seeds_wanted, judged_under_other_rules
from planner.judging.rules_digest import rules_digest
from planner.language.program import Program, build
from planner.records.runs import Run
from planner.records.verdict import Verdict
from tests.io.sync.test_sync import rebuilt
from tests.support.worlds import World, own_run, scores, situation_of, small, stand

SMALL = small({"seeds_per_arm": 12})


def edited_program(**criterion: object) -> Program:
    raw = SMALL.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["criteria"]["higher"].update(criterion)
    return build(raw)


def runs(program: Program, seeds: range) -> list[Run]:
    script = scores(new=3.0)
    return [own_run(program, "first", arm, s, script(arm, s)) for arm in ("base", "new") for s in seeds]


def seen_under_old_rules() -> list[SeenRuns]:
    before = stand(SMALL, runs(SMALL, range(3))).steps[0].verdict
    return [SeenRuns("first", before.rules_digest, frozenset(before.run_ids))]


def test_with_as_many_fresh_seeds_as_are_required_those_alone_are_the_evidence() -> None:
    edited = edited_program(better_by=0.4)
    verdict = stand(edited, runs(edited, range(6)), seen=seen_under_old_rules()).steps[0].verdict
    assert (verdict.post_hoc, verdict.confidence) == (False, "confirmed")
    assert len(verdict.set_aside) == 6
    assert not set(verdict.set_aside) & set(verdict.run_ids)
    assert verdict.seeds == 3


def test_with_fewer_fresh_seeds_the_verdict_is_post_hoc_on_all_of_them() -> None:
    edited = edited_program(better_by=0.4)
    verdict = stand(edited, runs(edited, range(5)), seen=seen_under_old_rules()).steps[0].verdict
    assert (verdict.post_hoc, verdict.confidence, verdict.set_aside) == (True, "provisional", ())
    assert any("post hoc" in caveat for caveat in verdict.caveats)


def test_a_program_that_confirms_makes_the_fresh_seeds_that_are_lacking() -> None:
    edited = edited_program(better_by=0.4).model_copy(update={"confirm": True})
    situation = situation_of(edited, runs(edited, range(3)), seen=seen_under_old_rules())
    position = build_plan(situation)
    assert {(run.arm, run.seed) for run in position.launch} == {
        (arm, seed) for arm in ("base", "new") for seed in (3, 4, 5)
    }
    evidence = situation.evidence_of("first", "standard")
    assert len(judged_under_other_rules(edited, evidence, situation.seen)) == 6
    assert fresh_seeds_wanted(edited, evidence, situation.seen) == {"base": 6, "new": 6}


def test_a_world_whose_rule_is_moved_confirms_it_again_on_fresh_seeds(tmp_path: Path) -> None:
    world = World(tmp_path, SMALL, scores(new=3.0))
    world.advance(until="first")
    edited = edited_program(better_by=0.4).model_copy(update={"confirm": True})
    world.program = edited
    world.advance(until="first")
    entries = world.journal.entries("small")
    verdicts = [e.record for e in entries if isinstance(e.record, Verdict) and e.record.phase == "first"]
    assert (verdicts[0].confidence, verdicts[0].post_hoc) == ("confirmed", False)
    assert (verdicts[-1].confidence, verdicts[-1].post_hoc) == ("confirmed", False)
    assert not set(verdicts[-1].run_ids) & set(verdicts[0].run_ids)
    assert set(verdicts[-1].set_aside) == set(verdicts[0].run_ids)


# --- other phases --------------------------------------------------------------------------------


def appended(bound: float, name: str = "again", **more: object) -> Program:
    """The small program with one more phase that asks about the arms of the first."""
    raw = SMALL.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    first = raw["phases"]["first"]
    criteria = {"higher": {**first["criteria"]["higher"], "better_by": bound}}
    later = {"question": "Once more?", "arms": ["base", "new"], "factor": "kind", "runs_of": "first"}
    raw["phases"]["first"]["next"] = {"pass": name, "fail": name, "inconclusive": name}
    raw["phases"][name] = {**later, "criteria": criteria, "gate": ["higher"], **more}
    return build(raw)


def last_verdict(world: World, phase: str) -> Verdict:
    entries = world.journal.entries("small")
    return [e.record for e in entries if isinstance(e.record, Verdict) and e.record.phase == phase][-1]


def test_a_phase_that_is_appended_after_its_runs_were_seen_confirms_nothing(tmp_path: Path) -> None:
    world = World(tmp_path, SMALL, scores(new=0.2))
    world.advance(until="first")
    assert last_verdict(world, "first").outcome != "pass"
    world.program = appended(0.1)
    world.advance()
    later = last_verdict(world, "again")
    assert (later.outcome, later.post_hoc, later.confidence) == ("pass", True, "provisional")


def test_a_phase_that_was_there_before_its_runs_were_seen_is_judged_as_planned(tmp_path: Path) -> None:
    world = World(tmp_path, appended(0.1), scores(new=0.2))
    world.advance()
    later = last_verdict(world, "again")
    assert (later.outcome, later.post_hoc, later.confidence) == ("pass", False, "confirmed")


def test_what_was_there_is_known_from_mlflow_too(tmp_path: Path) -> None:
    world = World(tmp_path, SMALL, scores(new=0.2))
    world.advance(until="first")
    world = rebuilt(world)
    world.program = appended(0.1)
    world.advance()
    assert last_verdict(world, "again").post_hoc


def test_a_verdict_that_stands_again_keeps_the_rules_that_were_there_first(tmp_path: Path) -> None:
    world = World(tmp_path, SMALL, scores(new=0.2))
    world.advance(until="first")
    there = last_verdict(world, "first").rules_there
    assert there is not None
    assert set(there) == set(SMALL.phases)
    world.program = edited_program(better_by=0.4)
    world.advance(until="first")
    world.program = appended(0.9)
    world.advance()
    written = [e.record for e in world.journal.entries("small") if isinstance(e.record, Verdict)]
    first, edited, again = (verdict for verdict in written if verdict.phase == "first")
    assert again.id == first.id != edited.id
    assert again.rules_there == there


def test_a_verdict_of_an_earlier_version_says_nothing_of_other_phases() -> None:
    program = appended(0.1)
    seen = SeenRuns("first", "other rules", frozenset(["a run"]))
    assert seen.was_there("again", rules_digest(program, "again"))
    assert not seen.was_there("first", rules_digest(program, "first"))
