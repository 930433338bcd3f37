"""Overrides in hindsight: right, wrong or open by what was recorded after them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.language.program import Program
from planner.records.decision import Decision
from planner.records.person import Override, Revocation
from planner.records.verdict import Verdict
from planner.scoring.override_list import override_lines, override_rows
from planner.scoring.override_score import Score, tally_rows
from planner.scoring.overrides import score_overrides
from tests.support.hand_made import criterion, decision, verdict
from tests.support.worlds import World, credit_linesearch, override, scores, small

EXPECTS = small()
OPTIONS = [{"option": o, "rationale": "so", "opens": p} for o, p in (("turn", "second"), ("repeat", "third"))]
BY_GATE = small(triage={"options": OPTIONS})
FIRST = verdict("first", "fail", run_ids=("a", "b"))
ABOUT = decision("first", "take_option", choice="turn", target="second", verdict_id=FIRST.id)


def journal(*records: Any) -> list[Any]:
    return [SimpleNamespace(record=record, position=i) for i, record in enumerate(records)]


def said(**fields: Any) -> Override:
    return override(EXPECTS, "first", contradicts=ABOUT.id, recommended="turn", **fields)


def following(chosen: Override, choice: str, target: str | None, action: str = "take_option") -> Decision:
    rule = f"first.triage.{choice}" if target else "first.override"
    return decision("first", action, choice=choice, target=target, rule=rule, override_id=chosen.id)


REPEAT, STOP, DONE = said(choose="repeat"), said(choose="stop"), said(done="turn")
TOOK = following(REPEAT, "repeat", "third")


def score(program: Program, chosen: Override, *later: Any) -> Score:
    return score_overrides(program, journal(FIRST, ABOUT, chosen, *later))[chosen.id]


# --- choices ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        ("pass", "right"),
        ("fail", "wrong"),
        ("inconclusive", "open"),
        ("invalid", "open"),
        ("blocked", "open"),
    ],
)
def test_a_choice_is_settled_by_the_gate_of_the_phase_that_it_opened(outcome: str, result: str) -> None:
    third = verdict("third", outcome)
    scored = score(BY_GATE, REPEAT, TOOK, third)
    assert (scored.result, scored.verdict_ids, scored.followed, scored.agreed) == (
        result,
        (third.id,),
        True,
        False,
    )
    assert f"chosen 'repeat': third {outcome}, confirmed, 3 seeds ({third.id})" in scored.evidence


def test_an_equivalence_is_a_fail() -> None:
    scored = score(BY_GATE, REPEAT, TOOK, verdict("third", "fail", cause="equivalent"))
    assert (scored.result, "cause equivalent" in scored.evidence) == ("wrong", True)


@pytest.mark.parametrize(
    ("outcome", "higher", "result"),
    [
        ("fail", "met", "right"),
        ("pass", "not_met", "wrong"),
        ("pass", "undecided", "open"),
        ("invalid", "met", "open"),
    ],
)
def test_what_an_option_expects_settles_it_instead_of_the_gate(
    outcome: str, higher: str, result: str
) -> None:
    third = verdict("third", outcome, criteria=(criterion("higher", outcome=higher),))
    assert score(EXPECTS, REPEAT, TOOK, third).result == result


@pytest.mark.parametrize(
    ("chosen", "recommended", "result"),
    [
        ("fail", "pass", "wrong"),
        ("pass", "pass", "right"),
        ("pass", "fail", "right"),
        ("invalid", "pass", "open"),
    ],
)
def test_the_recommendation_is_named_where_it_was_judged_too(
    chosen: str, recommended: str, result: str
) -> None:
    third, second = verdict("third", chosen), verdict("second", recommended)
    scored = score(BY_GATE, REPEAT, TOOK, third, second)
    assert (scored.result, scored.verdict_ids) == (result, (third.id, second.id))
    assert f"recommended 'turn': second {recommended}" in scored.evidence


def test_only_what_was_recorded_after_an_override_counts() -> None:
    third = verdict("third", "pass")
    scored = score_overrides(BY_GATE, journal(FIRST, third, ABOUT, REPEAT, TOOK))[REPEAT.id]
    assert (scored.result, scored.evidence) == ("open", "'third', which it opened, has not been judged")


def test_a_choice_that_no_decision_followed_is_open() -> None:
    scored = score(BY_GATE, REPEAT, verdict("third", "pass"))
    assert (scored.result, scored.followed, scored.evidence) == ("open", False, "no decision has followed it")


def test_the_highest_fidelity_speaks_and_one_below_the_choice_does_not() -> None:
    full, smoke = verdict("third", "fail", fidelity="full"), verdict("third", "pass", fidelity="smoke")
    assert score(BY_GATE, REPEAT, TOOK, smoke).result == "open"
    assert score(BY_GATE, REPEAT, TOOK, full, verdict("third", "pass")).verdict_ids == (full.id,)


@pytest.mark.parametrize(
    ("outcome", "result"), [("fail", "right"), ("pass", "wrong"), ("inconclusive", "open")]
)
def test_to_stop_is_settled_by_what_the_rules_recommend(outcome: str, result: str) -> None:
    ended = following(STOP, "stop", None, "stop")
    assert score(BY_GATE, STOP, ended, verdict("second", outcome)).result == result
    assert score(BY_GATE, STOP, ended).result == "open"


def test_an_override_that_agrees_with_the_rules_contradicts_nothing() -> None:
    agreed = said(choose="turn")
    scored = score(BY_GATE, agreed, following(agreed, "turn", "second"), verdict("second", "pass"))
    assert (scored.result, scored.agreed, scored.warning) == ("right", True, "")


# --- verdicts and deeds ----------------------------------------------------------------------------


def later(outcome: str = "fail", **changes: Any) -> Verdict:
    return verdict("first", outcome, **{"run_ids": ("a", "b", "c"), "evidence_digest": "more", **changes})


@pytest.mark.parametrize(
    ("outcome", "accept", "reject"),
    [
        ("fail", "right", "wrong"),
        ("pass", "wrong", "right"),
        ("inconclusive", "wrong", "right"),
        ("invalid", "open", "open"),
        ("blocked", "open", "open"),
    ],
)
def test_a_word_on_a_verdict_is_settled_by_a_later_confirmed_one(
    outcome: str, accept: str, reject: str
) -> None:
    for word, result in (("accept", accept), ("reject", reject)):
        assert score(BY_GATE, said(verdict=word), later(outcome)).result == result


@pytest.mark.parametrize(
    "changes",
    [{"confidence": "provisional"}, {"run_ids": ("a",)}, {"run_ids": ("a", "b")}, {"fidelity": "smoke"}],
)
def test_less_or_unsure_evidence_settles_no_verdict(changes: dict[str, Any]) -> None:
    scored = score(BY_GATE, said(verdict="accept"), later(**changes))
    assert (scored.result, "it is about first fail, confirmed, 3 seeds" in scored.evidence) == ("open", True)


def test_a_higher_fidelity_settles_a_verdict() -> None:
    scored = score(BY_GATE, said(verdict="reject"), later("pass", fidelity="full"))
    assert scored.result == "right"
    assert "rejected first fail" in scored.evidence
    assert "later first pass, confirmed, full" in scored.evidence


def test_a_verdict_that_supersedes_settles_it() -> None:
    credit = credit_linesearch()
    fail = verdict("phase_6a", "fail", case="B", confidence="provisional")
    about = decision("phase_6a", verdict_id=fail.id)
    chosen = override(credit, "phase_6a", verdict="accept", contradicts=about.id)
    superseding = verdict("samebatch", "pass", case="D", confidence="provisional")
    scored = score_overrides(credit, journal(fail, about, chosen, superseding))[chosen.id]
    assert (scored.result, scored.verdict_ids) == ("wrong", (superseding.id,))
    other = verdict("phase_6a", "fail", case="A")
    about = decision("phase_6a", verdict_id=other.id)
    chosen = override(credit, "phase_6a", verdict="accept", contradicts=about.id)
    assert score_overrides(credit, journal(other, about, chosen, superseding))[chosen.id].result == "open"


@pytest.mark.parametrize(
    ("outcome", "result"), [("blocked", "wrong"), ("pass", "right"), ("fail", "right"), ("invalid", "right")]
)
def test_what_was_done_helped_where_the_phase_is_not_blocked_again(outcome: str, result: str) -> None:
    taken = following(DONE, "turn", "second")
    scored = score(BY_GATE, DONE, taken, verdict("second", outcome, cause="infrastructure"))
    assert (scored.result, scored.agreed) == (result, True)
    assert score(BY_GATE, DONE, taken).result == "open"


@given(
    st.sampled_from(["pass", "fail", "inconclusive", "invalid", "blocked"]),
    st.sampled_from(["pass", "fail", "inconclusive", "invalid", "blocked"]),
    st.sampled_from(["smoke", "standard", "full"]),
    st.sampled_from(["confirmed", "provisional"]),
)
def test_to_reject_is_the_mirror_of_to_accept(was: str, came: str, fidelity: str, confidence: str) -> None:
    first = verdict("first", was, run_ids=("a",))
    about = decision("first", verdict_id=first.id)
    after = later(came, fidelity=fidelity, confidence=confidence)
    results = []
    for word in ("accept", "reject"):
        chosen = override(BY_GATE, "first", verdict=word, contradicts=about.id)
        results.append(score_overrides(BY_GATE, journal(first, about, chosen, after))[chosen.id].result)
    mirror = {"right": "wrong", "wrong": "right", "open": "open"}
    assert results[1] == mirror[results[0]]


def test_an_override_of_a_phase_that_is_gone_is_open() -> None:
    chosen = override(BY_GATE, "gone", choose="repeat")
    assert "no longer has 'gone'" in score_overrides(BY_GATE, journal(chosen))[chosen.id].evidence


# --- lists -----------------------------------------------------------------------------------------


def test_expired_and_revoked_overrides_that_were_followed_are_scored_too() -> None:
    chosen = said(choose="repeat", expires="2026-02-01")
    records = [FIRST, ABOUT, chosen, following(chosen, "repeat", "third"), verdict("third", "fail")]
    expired = override_rows(BY_GATE, journal(*records), "2026-02-01T00:00:00+00:00")
    names = {"program": "small", "phase": "first", "override_id": chosen.id, "by": "ada", "reason": "no"}
    taken_back = Revocation(**names, at="2026-01-03").identified("r")
    revoked = override_rows(BY_GATE, journal(*records, taken_back), "2026-01-04")
    for rows, standing in ((expired, "expired"), (revoked, "revoked")):
        assert [(row["standing"], row["score"]["result"]) for row in rows] == [(standing, "wrong")]
        assert f"({standing}, expires 2026-02-01): a reason" in override_lines(rows[0])[0]
        assert override_lines(rows[0])[1].startswith("  wrong: chosen 'repeat': third fail")


@pytest.mark.parametrize(
    ("now", "standing"),
    [
        ("2026-01-31T23:59:59+00:00", "in force"),
        ("2026-02-01T00:00:00+00:00", "expired"),
        ("2026-02-01T00:00:01+00:00", "expired"),
    ],
)
def test_an_override_expires_at_the_beginning_of_its_day(now: str, standing: str) -> None:
    chosen = said(choose="repeat", expires="2026-02-01")
    assert [row["standing"] for row in override_rows(BY_GATE, journal(chosen), now)] == [standing]


def test_what_contradicts_nothing_is_tallied_apart() -> None:
    agreed = said(choose="turn")
    records = [FIRST, ABOUT, REPEAT, TOOK, verdict("third", "fail"), agreed]
    rows = override_rows(BY_GATE, journal(*records), "2026-01-04")
    assert tally_rows(rows) == {"right": 0, "wrong": 1, "open": 0, "agreed": 1}
    assert "open (it contradicts nothing): no decision has followed it" in override_lines(rows[1])[1]


def test_a_whole_world_scores_what_a_person_chose(tmp_path: Path) -> None:
    world = World(tmp_path, EXPECTS, scores(other=1.0))
    world.advance(every=False)
    chosen = world.say("first", choose="repeat", recommended="turn")

    def now() -> Score:
        return score_overrides(world.program, world.journal.entries("small"))[chosen.id]

    assert (now().result, now().followed) == ("open", False)
    world.advance(every=False)
    assert now().result == "wrong"
    assert "expected higher not met" in now().evidence
    assert now().warning.startswith("contradicts a confirmed verdict: first is fail, confirmed on 3 seeds")
    world.advance()
    assert "recommended 'turn': second pass" in now().evidence
    world.revoke(chosen)
    world.advance()
    assert (now().result, len(now().verdict_ids)) == ("wrong", 2)
