"""What a worker left of a run that ended: ``result.json`` in the run's folder."""

from __future__ import annotations

import json
from pathlib import Path

from experiments.measuring import RESULT

from planner.records.jobs import Ended


def read_result(folder: Path, job_id: str) -> Ended | None:
    """How a run ended, as its worker wrote it down; None where it wrote nothing that can be read."""
    try:
        result = json.loads((folder / RESULT).read_bytes())
        return Ended(
            job_id=job_id,
            outcome=result["outcome"],
            reason=result["reason"],
            raised_at=result.get("raised_at", ""),
            seconds=round(
                result["seconds"], 3
            ),  # as MLflow keeps it, so that a rebuilt journal says the same
            device=result.get("device"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def forget_result(folder: Path) -> None:
    """Removes what an earlier try of a run left: a planner that dies before the next one begins must not
    take it for that one's.
    """
    (folder / RESULT).unlink(missing_ok=True)
