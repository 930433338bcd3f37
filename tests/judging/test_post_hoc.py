"""No moved goalposts: what was seen under other rules confirms nothing until fresh seeds do."""

from pathlib import Path

from planner.deciding.walk import build_plan
from planner.judging.post_hoc import fresh_seeds_wanted, judged_under_other_rules
from planner.language.program import Program, build
from planner.records.runs import Run
from planner.records.verdict import Verdict
from tests.support.worlds import World, own_run, scores, situation_of, small, stand

SMALL = small()


def edited_program(**criterion: object) -> Program:
    raw = SMALL.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["first"]["criteria"]["higher"].update(criterion)
    return build(raw)


def runs(program: Program, seeds: range) -> list[Run]:
    script = scores(new=3.0)
    return [own_run(program, "first", arm, s, script(arm, s)) for arm in ("base", "new") for s in seeds]


def seen_under_old_rules() -> dict[str, list[tuple[str, frozenset[str]]]]:
    before = stand(SMALL, runs(SMALL, range(3))).steps[0].verdict
    return {"first": [(before.rules_digest, frozenset(before.run_ids))]}


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
