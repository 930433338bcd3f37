"""Knowledge as ``knowledge --json`` gives it (schema ``phasegate.knowledge/1``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planner.explaining.in_json import criterion_json
from planner.knowledge.build import Knowledge, KnownClaim
from planner.scoring.override_score import tally_rows
from planner.scoring.predictions import Scored, brier


def as_json(known: Sequence[Knowledge]) -> dict[str, Any]:
    """Claims, predictions, hypotheses and overrides of these programs, each with its program's name."""
    predictions = [told for one in known for told in one.predictions]
    return {
        "schema": "phasegate.knowledge/1",
        "programs": [_program_json(one) for one in known],
        "claims": [_claim_json(claim) for one in known for claim in one.claims],
        "predictions": [_prediction_json(told) for told in predictions],
        "score": brier(predictions).model_dump(mode="json"),
        "hypotheses": [
            {"program": one.at.program.program, **rival.model_dump(mode="json")}
            for one in known
            for rival in one.rivals
        ],
        "overrides": [row for one in known for row in one.overrides],
        "overrides_score": tally_rows(row for one in known for row in one.overrides),
    }


def _program_json(known: Knowledge) -> dict[str, Any]:
    return {
        "name": known.at.program.program,
        "fidelity": known.at.fidelity,
        "claims": len(known.claims),
        "score": brier(known.predictions).model_dump(mode="json"),
        "overrides_score": tally_rows(known.overrides),
    }


def _claim_json(claim: KnownClaim) -> dict[str, Any]:
    verdict = claim.verdict
    return {
        "program": claim.program,
        "id": claim.id,
        "says": claim.says,
        "status": claim.status,
        "found": claim.found,
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


def _prediction_json(told: Scored) -> dict[str, Any]:
    facts = told.model_dump(mode="json", exclude={"foretold"})
    return {**facts, **told.foretold.model_dump(mode="json")}
