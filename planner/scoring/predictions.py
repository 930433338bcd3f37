"""Scores registered predictions: the Brier score of those that are settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.judging.predictions import RegisteredPrediction, prediction_of
from planner.language.prediction import Prediction
from planner.language.program import Program
from planner.records.base import Record
from planner.records.verdict import Verdict

EVEN_ODDS = 0.25
"""The score of somebody who always says 50%, whatever comes."""


class ScoredPrediction(Record):
    """A registered prediction with what it scores.

    Attributes:
        score: squared distance of the probability from what came (0 or 1); None while it is open.
        verdict_id: of the verdict against which it is held; None before one.
    """

    program: str
    phase: str
    prediction: RegisteredPrediction
    score: float | None
    verdict_id: str | None


class BrierScore(Record):
    """The mean score of settled predictions.

    Attributes:
        score: between 0 (sure and right) and 1 (sure and wrong); None where nothing is settled.
        even_odds: what always saying 50% scores on the same predictions; None where nothing is settled.
    """

    score: float | None
    even_odds: float | None
    settled: int
    open: int


def score_predictions(
    program: Program,
    verdicts: Mapping[str, Verdict],
    registered: Mapping[str, Prediction | None] | None = None,
) -> list[ScoredPrediction]:
    """Every prediction of a program, in the order of its phases.

    Args:
        verdicts: phase -> the verdict that stands; a phase without one leaves its prediction open.
        registered: phase -> what was predicted before its runs, where that is on record.
    """
    scored = []
    for phase in program.phases:
        verdict = verdicts.get(phase)
        prediction = prediction_of(program, phase, verdict, verdicts, registered)
        if prediction is not None:
            score = None if prediction.came is None else (prediction.probability - prediction.came) ** 2
            scored.append(
                ScoredPrediction(
                    program=program.program,
                    phase=phase,
                    prediction=prediction,
                    score=score,
                    verdict_id=verdict.id if verdict is not None else None,
                )
            )
    return scored


def brier_score(predictions: Sequence[ScoredPrediction]) -> BrierScore:
    """The Brier score (brier1950) of the predictions that are settled; open ones count neither way."""
    scores = [one.score for one in predictions if one.score is not None]
    if not scores:
        return BrierScore(score=None, even_odds=None, settled=0, open=len(predictions))
    mean, still_open = sum(scores) / len(scores), len(predictions) - len(scores)
    return BrierScore(score=mean, even_odds=EVEN_ODDS, settled=len(scores), open=still_open)
