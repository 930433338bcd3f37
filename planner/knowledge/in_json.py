"""Knowledge as ``knowledge --json`` gives it (schema ``phasegate.knowledge/1``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planner.explaining.in_json import criterion_json
from planner.knowledge.build import Knowledge, KnownClaim
from planner.scoring.override_score import tally_rows
from planner.scoring.predictions import ScoredPrediction, brier_score


def as_json(knowledge: Sequence[Knowledge]) -> dict[str, Any]:
    """Claims, predictions, hypotheses and overrides of these programs, each with its program's name."""
    predictions = [prediction for one in knowledge for prediction in one.predictions]
    return {
        "schema": "phasegate.knowledge/1",
        "programs": [_program_json(one) for one in knowledge],
        "claims": [_claim_json(claim) for one in knowledge for claim in one.claims],
        "predictions": [_prediction_json(prediction) for prediction in predictions],
        "score": brier_score(predictions).model_dump(mode="json"),
        "hypotheses": [
            {"program": one.state.program.program, **rival.model_dump(mode="json")}
            for one in knowledge
            for rival in one.rivals
        ],
        "overrides": [row for one in knowledge for row in one.overrides],
        "overrides_score": tally_rows(row for one in knowledge for row in one.overrides),
    }


def _program_json(knowledge: Knowledge) -> dict[str, Any]:
    return {
        "name": knowledge.state.program.program,
        "fidelity": knowledge.state.fidelity,
        "claims": len(knowledge.claims),
        "score": brier_score(knowledge.predictions).model_dump(mode="json"),
        "overrides_score": tally_rows(knowledge.overrides),
    }


def _claim_json(claim: KnownClaim) -> dict[str, Any]:
    verdict = claim.verdict
    return {
        "program": claim.program,
        "id": claim.id,
        "says": claim.says,
        "status": claim.status,
        "found": claim.judged_status,
        "because": claim.because or None,
        "phase": claim.phase,
        "verdict_id": verdict.id if verdict else None,
        "outcome": verdict.outcome if verdict else None,
        "confidence": verdict.confidence if verdict else None,
        "fidelity": verdict.fidelity if verdict else None,
        "reason": claim.reason,
        "caveats": list(claim.caveats),
        "evidence": [criterion_json(result) for result in claim.evidence],
        "rests_on": [link.model_dump(mode="json") for link in claim.rests_on],
        "rested_on_by": [link.model_dump(mode="json") for link in claim.rested_on_by],
    }


def _prediction_json(scored: ScoredPrediction) -> dict[str, Any]:
    facts = scored.model_dump(mode="json", exclude={"prediction"})
    return {**facts, **scored.prediction.model_dump(mode="json")}
