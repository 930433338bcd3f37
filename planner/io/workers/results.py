"""What a worker left of a run that ended: ``result.json`` in the run's folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.measuring import RESULT
from experiments.workers.output import read_output

from planner.io.system.secrets import hidden
from planner.records.jobs import Ended


def read_result(folder: Path, job_id: str) -> Ended | None:
    """How a run ended and what it printed; None where its worker wrote down nothing that can be read."""
    ended = read_ending(folder, job_id)
    return ended and ended.model_copy(update={"output": output_of(folder)})


def read_ending(folder: Path, job_id: str) -> Ended | None:
    """``read_result`` without what the run printed."""
    try:
        return ended_with(job_id, json.loads((folder / RESULT).read_bytes()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def output_of(folder: Path) -> str:
    """What the run of a folder has printed so far, with secrets masked."""
    return hidden(read_output(folder))


def ended_with(job_id: str, result: Mapping[str, Any]) -> Ended:
    """How a run ended, from what its worker says of it.

    Raises:
        ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError: that is no result.
    """
    seconds = round(result["seconds"], 3)  # as MLflow keeps it, so that a rebuilt journal says the same
    return Ended(
        job_id=job_id,
        outcome=result["outcome"],
        reason=hidden(result["reason"]),
        raised_at=result.get("raised_at", ""),
        seconds=seconds,
        device=result.get("device"),
        versions=result.get("versions", {}),
        imported_late=result.get("imported_late", ()),
    )


def forget_result(folder: Path) -> None:
    """Removes what an earlier try of a run left: a planner that dies before the next one begins must not
    take it for that one's.
    """
    (folder / RESULT).unlink(missing_ok=True)
