"""Predictions and rival hypotheses against what came."""

from __future__ import annotations

from typing import Any

import pytest

from planner.explaining.in_json import as_json
from planner.explaining.in_text import as_text
from planner.judging.predictions import prediction_of, rivals_of
from planner.language.program import Program
from planner.memo.render import render_memo
from tests.support.hand_made import PROGRAM, criterion, decision, make_program, trace, verdict

RIVALS = {"decided_by": "early", "rivals": {"A": "It is the score.", "B": "It is the clamp."}}

UNDECIDED = criterion(outcome="undecided")


def predicting(**prediction: Any) -> Program:
    """The program made by hand, with a prediction on its first phase and two rivals."""
    fields = {"probability": 0.9, "because": "it always does", **prediction}
    early = {**PROGRAM["phases"]["early"], "prediction": fields}
    return make_program(phases={**PROGRAM["phases"], "early": early}, hypotheses=RIVALS)


@pytest.mark.parametrize(
    ("prediction", "outcome", "row", "came"),
    [
        ({"case": "B"}, "fail", {"case": "B"}, True),
        ({"case": "B"}, "pass", {"case": "A"}, False),
        ({"case": "B"}, "inconclusive", {"case": None, "criteria": (UNDECIDED,)}, None),
        ({"case": "B"}, "invalid", {"case": None}, None),
        ({"case": "B"}, "fail", {"case": None}, False),
        ({"case": "B"}, "fail", {"case": None, "criteria": (UNDECIDED,)}, None),
        ({"case": "B"}, "blocked", {"case": "B"}, None),
        ({"case": "B"}, "inconclusive", {"case": "B"}, True),
        ({"case": "B"}, "inconclusive", {"case": "A"}, False),
        ({"outcome": "pass"}, "pass", {}, True),
        ({"outcome": "pass"}, "fail", {}, False),
        ({"outcome": "pass"}, "blocked", {}, None),
    ],
)
def test_a_prediction_is_held_against_the_verdict(
    prediction: dict[str, str], outcome: str, row: dict[str, Any], came: bool | None
) -> None:
    registered = prediction_of(predicting(**prediction), "early", verdict("early", outcome, **row))
    assert registered is not None
    assert (registered.came, registered.probability, registered.because) == (came, 0.9, "it always does")


@pytest.mark.parametrize(
    ("both", "helps", "tier", "came"),
    [
        ("not_met", "undecided", "2", False),
        ("not_met", "undecided", "1.5", None),
        ("not_met", "undecided", "0", None),
        ("undecided", "met", "1.5", None),
        ("undecided", "met", "0", False),
    ],
)
def test_a_predicted_row_is_open_only_while_it_may_hold(
    both: str, helps: str, tier: str, came: bool | None
) -> None:
    late = {**PROGRAM["phases"]["late"], "prediction": {"tier": tier, "probability": 0.9}}
    program = make_program(phases={**PROGRAM["phases"], "late": late})
    criteria = (criterion("both", outcome=both), criterion("helps", outcome=helps))
    registered = prediction_of(program, "late", verdict("late", "fail", criteria=criteria))
    assert registered is not None
    assert registered.came is came


def test_a_row_that_reads_another_phase_is_settled_by_its_verdict() -> None:
    cases = {"A": {"means": "as before", "when": ["early.helps"]}}
    late = {**PROGRAM["phases"]["late"], "tiers": [], "cases": cases}
    late["prediction"] = {"case": "A", "probability": 0.9}
    program = make_program(phases={**PROGRAM["phases"], "late": late})
    early = {"early": verdict("early", criteria=(criterion(outcome="not_met"),))}
    registered = prediction_of(program, "late", verdict("late", "fail"), early)
    assert registered is not None
    assert registered.came is False


def test_before_the_runs_a_prediction_is_open_and_a_phase_without_one_has_none() -> None:
    program = predicting(case="B")
    registered = prediction_of(program, "early", None)
    assert registered is not None
    assert (registered.what, registered.came) == ("case B", None)
    assert prediction_of(program, "late", verdict("late")) is None


def test_rivals_are_open_until_their_phase_names_one() -> None:
    program = predicting(case="B")

    def statuses(hypothesis: str | None) -> list[str]:
        judged = {"early": verdict("early", "fail", case=hypothesis, hypothesis=hypothesis)}
        return [rival.status for rival in rivals_of(program, judged)]

    assert [rival.status for rival in rivals_of(program, {})] == ["open", "open"]
    assert statuses(None) == ["open", "open"]
    assert statuses("B") == ["does not hold", "holds"]
    assert rivals_of(make_program(), {}) == []


def test_memo_and_explanation_hold_both() -> None:
    judged = verdict("early", "fail", case="B", hypothesis="B")
    explained = trace(judged, decision("early"), program=predicting(case="B"), verdicts={"early": judged})
    memo, text, reply = render_memo(explained), as_text(explained), as_json(explained)
    assert (
        "Registered before the runs: **case B**, probability 0.9, because it always does. It came true."
        in memo
    )
    assert "- **B** holds: It is the clamp." in memo
    assert "predicted: case B (0.9) because it always does; it came true" in text
    assert "  A: does not hold · It is the score." in text
    assert reply["prediction"]["came"] is True
    assert [h["status"] for h in reply["hypotheses"]] == ["does not hold", "holds"]


def test_a_memo_written_before_the_decision_says_who_decides() -> None:
    late = verdict("late")
    explained = trace(late, decision("late"), program=predicting(case="B"), verdicts={"late": late})
    memo = render_memo(explained)
    assert "- **A** open: It is the score." in memo
    assert "`early` decides between them." in memo
    assert "## Prediction" not in memo
