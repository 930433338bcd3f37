"""The Brier score of registered predictions."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.judging.predictions import RegisteredPrediction, registered_predictions
from planner.language.program import Program
from planner.records.verdict import Verdict
from planner.scoring.predictions import EVEN_ODDS, ScoredPrediction, brier_score, score_predictions
from tests.support.hand_made import PROGRAM, criterion, make_program, verdict
from tests.support.worlds import World, scores, small


def scored(probability: float, came: bool | None) -> ScoredPrediction:
    prediction = RegisteredPrediction(what="pass", probability=probability, because="", came=came)
    score = None if came is None else (probability - came) ** 2
    return ScoredPrediction(
        program="study", phase="early", prediction=prediction, score=score, verdict_id="v-0"
    )


def foretelling(**of_phase: dict[str, object]) -> Program:
    phases = {
        n: {**p, "prediction": of_phase[n]} if n in of_phase else p for n, p in PROGRAM["phases"].items()
    }
    return make_program(phases=phases)


BOTH = foretelling(
    early={"case": "B", "probability": 0.9},
    late={"outcome": "pass", "probability": 0.3, "because": "a guess"},
)


def test_each_settled_prediction_scores_its_squared_distance() -> None:
    judged = {"early": verdict("early", "fail", case="B"), "late": verdict("late", "pass")}
    early, late = score_predictions(BOTH, judged)
    assert (early.phase, early.verdict_id) == ("early", judged["early"].id)
    assert early.score == pytest.approx(0.01)
    assert late.score == pytest.approx(0.49)
    total = brier_score([early, late])
    assert total.score == pytest.approx(0.25)
    assert (total.even_odds, total.settled, total.open) == (0.25, 2, 0)


def test_open_predictions_are_counted_apart_and_score_nothing() -> None:
    undecided = criterion(outcome="undecided")
    judged = {"early": verdict("early", "inconclusive", case=None, criteria=(undecided,))}
    predictions = score_predictions(BOTH, judged)
    assert [one.score for one in predictions] == [None, None]
    assert [one.verdict_id for one in predictions] == [judged["early"].id, None]
    assert brier_score(predictions).model_dump() == {
        "score": None,
        "even_odds": None,
        "settled": 0,
        "open": 2,
    }
    assert brier_score([*predictions, scored(1.0, True)]).model_dump() == {
        "score": 0.0,
        "even_odds": EVEN_ODDS,
        "settled": 1,
        "open": 2,
    }


def test_a_program_without_predictions_has_no_score() -> None:
    assert score_predictions(make_program(), {}) == []
    assert brier_score([]).score is None


@given(st.lists(st.booleans(), min_size=1))
def test_always_saying_fifty_percent_scores_even_odds_whatever_comes(came: list[bool]) -> None:
    assert brier_score([scored(0.5, one) for one in came]).score == pytest.approx(EVEN_ODDS)


@settings(deadline=None)
@given(st.integers(1, 50), st.integers(0, 50))
def test_the_honest_probability_scores_best(hits: int, misses: int) -> None:
    came = [True] * hits + [False] * misses
    honest = hits / len(came)

    def score(p: float) -> float:
        mean = brier_score([scored(p, one) for one in came]).score
        assert mean is not None
        return mean

    assert all(score(honest) <= score(p / 20) + 1e-12 for p in range(21))


def test_what_was_registered_before_the_runs_counts_and_not_what_the_program_says_by_now(
    tmp_path: Path,
) -> None:
    def predicting(probability: float) -> Program:
        prediction = {"outcome": "fail", "probability": probability}
        return small(prediction=prediction)

    world = World(tmp_path, predicting(0.2), scores(new=0.0))
    world.advance(until="first")
    entries = world.journal.entries("small")
    verdicts = {e.record.phase: e.record for e in entries if isinstance(e.record, Verdict)}
    registered = registered_predictions(entries)
    (kept,) = score_predictions(predicting(0.99), verdicts, registered)
    assert kept.score == pytest.approx(0.8**2)
    assert kept.prediction.changed
    (honest,) = score_predictions(predicting(0.2), verdicts, registered)
    assert (honest.score, honest.prediction.changed) == (pytest.approx(0.8**2), False)


def test_a_prediction_that_was_added_after_the_runs_is_none(tmp_path: Path) -> None:
    world = World(tmp_path, small(), scores(new=0.0))
    world.advance(until="first")
    entries = world.journal.entries("small")
    verdicts = {e.record.phase: e.record for e in entries if isinstance(e.record, Verdict)}
    late = small(prediction={"outcome": "fail", "probability": 0.99})
    assert score_predictions(late, verdicts, registered_predictions(entries)) == []
