"""What no longer stands: superseded verdicts, and what rested on them or on what has changed."""

from __future__ import annotations

from collections.abc import Mapping

from planner.judging.rules_digest import rules_digest
from planner.language.program import Program, build
from planner.lineage.staleness import Validity, build_validity, claims_today
from planner.records.verdict import Verdict
from tests.support.stories import story
from tests.support.worlds import CODE, credit_linesearch, runs_of, scores, small, stand

CREDIT = credit_linesearch()
WALK = ("phase_6a", "samebatch", "snapshot_age", "regularized")
OPENED = {"samebatch": "phase_6a", "snapshot_age": "samebatch", "regularized": "snapshot_age"}


def verdicts(**outcomes: str) -> dict[str, Verdict]:
    script = story(**outcomes)  # type: ignore[arg-type]
    return stand(CREDIT, [r for p in WALK for r in runs_of(CREDIT, p, script, 6)]).verdicts


def standing(judged: Mapping[str, Verdict], program: Program = CREDIT, **more: object) -> Validity:
    return build_validity(program, judged, CODE, opened_by=OPENED, **more)  # type: ignore[arg-type]


def test_the_case_that_samebatch_names_is_superseded_with_its_claims() -> None:
    judged = verdicts()
    now = standing(judged)
    assert dict(now.superseded_by) == {"phase_6a": "samebatch"}
    claims = {claim.id: claim for claim in claims_today(judged, now)}
    assert claims["surrogate_cannot_use_credit"].status == "superseded"
    assert claims["surrogate_cannot_use_credit"].caveats[0] == "superseded by samebatch"
    assert claims["better_credit_better_decrease"].status == "supported"


def test_what_supersedes_is_not_stale_nor_is_what_rests_on_it() -> None:
    assert dict(standing(verdicts()).stale) == {}


def test_another_case_is_not_superseded() -> None:
    judged = stand(CREDIT, [r for p in WALK for r in runs_of(CREDIT, p, story(six=True), 6)]).verdicts
    assert judged["phase_6a"].case == "A"
    assert dict(standing(judged).superseded_by) == {}


def test_a_verdict_that_concludes_nothing_supersedes_nothing() -> None:
    judged = verdicts()
    judged["samebatch"] = judged["samebatch"].model_copy(update={"outcome": "inconclusive"})
    assert dict(standing(judged).superseded_by) == {}


def test_what_rests_on_a_superseded_verdict_is_stale_with_the_path_named() -> None:
    judged = verdicts()
    opened = {**OPENED, "regularized": "last_block", "last_block": "phase_6a"}
    judged["last_block"] = judged["regularized"].model_copy(update={"phase": "last_block"})
    judged["last_block"] = judged["last_block"].model_copy(
        update={"rules_digest": rules_digest(CREDIT, "last_block")}
    )
    now = build_validity(CREDIT, judged, CODE, opened_by=opened)
    assert now.stale["last_block"] == "it rests on phase_6a, which samebatch supersedes"
    assert now.stale["regularized"] == (
        "it rests on last_block, which rests on phase_6a, which samebatch supersedes"
    )
    assert now.changed == frozenset()
    claims = {claim.id: claim for claim in claims_today(judged, now)}
    assert claims["regularizing_helps"].status == "stale"


def test_a_changed_rule_makes_its_phase_stale_and_what_rests_on_it() -> None:
    raw = CREDIT.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["snapshot_age"]["criteria"]["early_beats_late"]["better_by"] = 0.06
    now = standing(verdicts(), build(raw))
    assert now.stale == {
        "snapshot_age": "the rules of the phase have changed",
        "regularized": "it rests on snapshot_age, which is stale",
    }
    assert now.changed == {"snapshot_age"}


def test_a_phase_or_a_question_that_is_added_makes_nothing_stale() -> None:
    raw = CREDIT.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    raw["phases"]["new"] = {**raw["phases"]["regularized"], "claims": {}}
    raw["phases"]["samebatch"]["question"] = "In other words?"
    assert dict(standing(verdicts(), build(raw)).stale) == {}


def test_changed_code_makes_verdicts_stale_until_a_person_keeps_it() -> None:
    judged = verdicts()
    now = build_validity(CREDIT, judged, "code-2", opened_by=OPENED)
    assert set(now.changed) == set(judged)
    assert now.stale["phase_6a"] == "the code of the experiment has changed"
    assert dict(build_validity(CREDIT, judged, "code-2", frozenset({CODE}), OPENED).stale) == {}


def test_a_phase_that_the_program_no_longer_has_is_stale() -> None:
    program = small()
    judged = stand(program, runs_of(program, "first", scores())).verdicts
    judged["gone"] = judged["first"].model_copy(update={"phase": "gone"})
    assert build_validity(program, judged).stale == {"gone": "the phase is no longer in the program"}


def test_disputed_evidence_makes_a_verdict_stale() -> None:
    now = standing(verdicts(), disputed={"samebatch": "run r was excluded by ada: a bug"})
    assert now.stale["samebatch"] == "run r was excluded by ada: a bug"
    assert now.stale["snapshot_age"] == "it rests on samebatch, which is stale"
