"""Explanations as text, JSON and mermaid, from records made by hand."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from planner.explaining import in_json
from planner.explaining.in_mermaid import as_mermaid
from planner.explaining.in_text import as_text
from planner.explaining.trace import Trace
from planner.io.commands.replies.explain import ExplainReply
from planner.lineage.staleness import Validity
from planner.memo.render import render_memo
from planner.records.verdict import ClaimResult
from planner.scoring.override_score import Score
from tests.support.cli_schemas import assert_fits
from tests.support.hand_made import OUTCOMES, criterion, decision, guard, override, trace, verdict

pytestmark = pytest.mark.in_turn

HOSTILE = '"]; click a "javascript:alert(1)" <script> #quot; {{x}} | end\nsubgraph'
_NODE = r'[a-z]+\d*(\[|\{\{|\(\()?("[^"<>]*(<br/>[^"<>]*)*"|start)?(\]|\}\}|\)\))?(:::[a-z_]+)?'
_LINE = re.compile(
    rf"flowchart LR|  classDef [a-z_]+ [a-z:#0-9,]+|  {_NODE}( (-->|==>|-\.->|-\.-x) {_NODE})?"
)


def as_json(trace: Trace) -> dict[str, Any]:
    """The reply of ``explain`` with this trace."""
    return ExplainReply.model_validate(in_json.as_json(trace)).as_json()


def assert_is_safe_mermaid(text: str) -> None:
    """Each line is one of the few forms that are meant, and no label can end early."""
    for line in text.splitlines():
        assert _LINE.fullmatch(line), line


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("phase", ["early", "late"])
def test_every_outcome_can_be_rendered_in_every_form(outcome: str, phase: str) -> None:
    for given in ({}, {"criteria": (), "guards": (), "table": ()}, {"tier": "1.5", "cause": "budget"}):
        explained = trace(verdict(phase, outcome, **given), decision(phase))
        assert_fits(json.loads(json.dumps(as_json(explained), allow_nan=False)), "explain")
        assert outcome in as_text(explained, full=True)
        assert_is_safe_mermaid(as_mermaid(explained))


def test_a_phase_that_was_not_judged_says_so() -> None:
    explained = trace(None)
    assert as_text(explained) == "study / late: not judged yet"
    assert as_json(explained)["verdict"]["outcome"] is None
    assert_fits(as_json(explained), "explain")
    assert_is_safe_mermaid(as_mermaid(explained))


def test_a_decision_before_any_verdict_is_rendered() -> None:
    explained = trace(None, decision("early", "run_phase", choice="early"), phase="early")
    assert "run_phase early" in as_text(explained)
    assert_is_safe_mermaid(as_mermaid(explained))


def test_text_is_short_by_default_and_full_says_everything() -> None:
    many = tuple(criterion(f"aside_{i}") for i in range(20))
    caveats = tuple(f"caveat {i}" for i in range(9))
    judged = verdict(criteria=(*verdict().criteria, *many), caveats=caveats, guards=(guard(), guard("g2")))
    explained = trace(judged, decision())
    short, full = as_text(explained), as_text(explained, full=True)
    assert len(short.splitlines()) < 24
    assert "aside_3" not in short
    assert "and 6 more (--full)" in short
    assert "r0000005abc" not in short
    for word in (
        *(c.id for c in judged.criteria),
        *caveats,
        "r0000005abc",
        "g2",
        "it_helps",
        "flips at 0.321",
    ):
        assert word in full


def test_the_criteria_of_the_gate_are_in_the_short_text_with_their_numbers() -> None:
    text = as_text(trace(verdict("early"), decision("early")))
    for word in (
        "helps: met",
        "margin +0.734",
        "interval [1.111, 1.357]",
        "n 3, bounds",
        "flips at 0.321",
    ):
        assert word in text


def test_the_json_tells_where_a_criterion_flips_and_which_options_are_due() -> None:
    reply = as_json(trace(verdict("early"), decision("early", due=({"holder": "late", "option": "retry"},))))
    assert [(c["flips_at"], c["flips_to"]) for c in reply["criteria"]] == [(0.321, "not_met")]
    assert reply["decision"]["due"] == [{"holder": "late", "option": "retry"}]
    assert_fits(reply, "explain")


def test_the_headline_is_that_of_the_memo() -> None:
    judged = verdict("early", "fail", case="B", hypothesis="B", cause="equivalent")
    explained = trace(judged, decision("early"))
    line = "fail, cause: equivalent, Case B, hypothesis B, confirmed"
    assert as_text(explained).splitlines()[0] == f"study / early: {line}"
    assert f"**Verdict: {line.replace('fail', 'FAIL')}**" in render_memo(explained)


def test_a_guard_that_fails_is_in_the_short_text() -> None:
    judged = verdict(guards=(guard(), guard("confounds", "not_met", "lr differs")))
    text = as_text(trace(judged, decision()))
    assert "- confounds -> caveat: lr differs" in text
    assert "seeds ->" not in text


def test_an_override_stands_beside_the_recommendation() -> None:
    chosen_override = override("The surrogate is fine.", expires="2027-01-01")
    chosen = decision(
        action="take_option",
        choice="drop",
        recommended="retry",
        override_id=chosen_override.id,
        rejected=[{"choice": "retry", "reason": "recommended by the rules, overridden"}],
    )
    explained = trace(verdict(), chosen, [chosen_override])
    text, reply = as_text(explained), as_json(explained)
    assert f"the rules recommend retry; override {chosen_override.id} stands" in text
    assert "retry: recommended by the rules, overridden" in text
    assert "chose drop over retry (The surrogate is fine.)" in text
    assert (reply["decision"]["choice"], reply["decision"]["recommended"]) == ("drop", "retry")
    assert reply["overrides"][0]["id"] == chosen_override.id
    assert (reply["overrides"][0]["score"], reply["overrides"][0]["warning"]) == (None, None)
    assert_fits(reply, "explain")


def test_an_override_is_rendered_with_its_score_and_with_what_it_contradicts() -> None:
    scored_override = override()
    said = "contradicts a confirmed verdict: late is pass"
    score = Score(result="wrong", evidence="chosen 'drop': early fail", followed=True, warning=said)
    explained = replace(trace(verdict(), decision(), [scored_override]), scores={scored_override.id: score})
    text, reply, memo = as_text(explained), as_json(explained), render_memo(explained)
    assert f"  wrong: chosen 'drop': early fail\n  {said}" in text
    assert (reply["overrides"][0]["score"]["result"], reply["overrides"][0]["warning"]) == ("wrong", said)
    assert_fits(reply, "explain")
    assert f"`{scored_override.id}` It {said}." in memo


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"choose": None, "verdict": "reject"}, "verdict rejected"),
        ({"choose": None, "verdict": "accept"}, "verdict accepted"),
        ({"choose": None, "done": "retry"}, "done: retry"),
    ],
)
def test_every_sort_of_override_is_rendered(changes: dict, text: str) -> None:
    assert text in as_text(trace(verdict(), decision(), [override(**changes)]))


def test_a_verdict_that_a_person_rejects_says_so_in_its_first_line() -> None:
    rejected = trace(verdict(), decision(), [override(choose=None, verdict="reject", by="*ada*")])
    accepted = trace(verdict(), decision(), [override(choose=None, verdict="accept", by="*ada*")])
    assert "rejected by *ada*" in as_text(rejected).splitlines()[0]
    assert "rejected" not in as_text(accepted).splitlines()[0]
    (headline,) = (line for line in render_memo(rejected).splitlines() if line.startswith("**Verdict: "))
    assert r"rejected by \*ada\*" in headline


def test_supersession_is_rendered_from_both_sides() -> None:
    validity = Validity({"early": "late"}, {"other": "x"})
    superseding = trace(verdict(), decision(), validity=validity)
    superseded = trace(verdict("early", "fail", case="B"), decision("early"), validity=validity)
    assert "supersedes early's case B" in as_text(superseding)
    assert "clamping: gradients were clamped" in as_text(superseding)
    assert "superseded by late" in as_text(superseded).splitlines()[0]
    assert as_json(superseding)["verdict"]["supersedes"]["confounds"] == {
        "clamping": "gradients were clamped"
    }
    assert as_json(superseded)["verdict"]["superseded_by"] == "late"


@pytest.mark.parametrize("validity", [Validity(), Validity({"early": "another"})])
def test_a_supersession_that_is_not_active_is_not_rendered(validity: Validity) -> None:
    explained = trace(verdict(), decision(), validity=validity)
    assert explained.supersession is None
    assert "supersedes" not in as_text(explained)
    assert as_json(explained)["verdict"]["supersedes"] is None


def test_a_phase_that_is_no_longer_in_the_program_is_rendered_from_its_records() -> None:
    explained = trace(verdict("gone"), decision("gone"))
    assert "study / gone: pass, confirmed" in as_text(explained, full=True)
    assert as_json(explained)["verdict"]["outcome"] == "pass"
    assert_is_safe_mermaid(as_mermaid(explained))


def test_a_stale_verdict_says_why() -> None:
    explained = trace(verdict(), decision(), validity=Validity({}, {"late": "the code has changed"}))
    assert "stale: the code has changed" in as_text(explained).splitlines()[0]
    assert as_json(explained)["verdict"]["stale"] == "the code has changed"


def test_claims_are_rendered_with_status_and_caveats() -> None:
    claim = ClaimResult(
        id="it_helps", says="It helps.", status="not_verified", rests_on=("helps",), caveats=("few seeds",)
    )
    explained = trace(verdict(claims=(claim,)), decision())
    assert "it_helps: not verified (few seeds)" in as_text(explained, full=True)
    assert as_json(explained)["claims"][0]["status"] == "not_verified"


def test_no_text_of_a_record_breaks_out_of_a_mermaid_label() -> None:
    judged = verdict(
        means=HOSTILE,
        guards=(guard(HOSTILE, reason=HOSTILE),),
        criteria=(criterion(HOSTILE, threshold=None, bound=HOSTILE, reason=HOSTILE),),
    )
    chosen = decision(
        action="take_option",
        choice=HOSTILE,
        reason=HOSTILE,
        rejected=[{"choice": HOSTILE, "reason": HOSTILE}],
    )
    assert_is_safe_mermaid(as_mermaid(trace(judged, chosen)))


def test_every_value_that_is_not_there_is_null() -> None:
    unknown = criterion(
        observed=None, threshold=None, margin=None, interval=None, flips_at=None, cause="missing"
    )
    reply = as_json(trace(verdict("early", criteria=(unknown,)), decision("early")))
    row = reply["criteria"][0]
    for name in ("observed", "threshold", "margin", "interval", "flips_at"):
        assert row[name] is None
    assert_fits(reply, "explain")
