"""What a program's command logs with MLflow by itself, in the run that the planner made for it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from experiments.recording import read_metrics

from planner.io.mlflow import tags
from planner.io.mlflow.client import Client, param_entity
from planner.io.mlflow.run_reader import param_text
from planner.io.system.secrets import hidden_param
from planner.records.jobs import Ended

NOTHING_LOGGED = (
    "the command logged no metric: not with MLflow, nor as metrics.json or metrics.jsonl in {out}"
)
_GIVEN = "params.json"


def is_of_command(folder: Path) -> bool:
    """Whether a command ran in this folder: its parameters lie there."""
    return (folder / _GIVEN).is_file()


def looked_at(raw: Any, folder: Path, ended: Ended) -> Ended:
    """How a command's run ended, with what it logged by itself.

    Args:
        raw: its run, as MLflow holds it.
    """
    if ended.outcome != "ok":
        return ended
    logged = raw.data.metrics
    if not logged and not any(True for _ in read_metrics(folder)):
        return ended.model_copy(update={"outcome": "code_error", "reason": NOTHING_LOGGED})
    strange = sorted(name for name, value in logged.items() if not math.isfinite(value))
    if strange:
        reason = f"not finite: {', '.join(strange)}"
        return ended.model_copy(update={"outcome": "bad_metric", "reason": reason})
    return ended


def log_params_beside(client: Client, raw: Any, folder: Path) -> None:
    """Logs the parameters of a command's run that it did not log itself: MLflow takes each name once.

    Side effects: writes to MLflow.
    """
    given: Mapping[str, Any] = {}
    with suppress(OSError, ValueError):
        given = json.loads((folder / _GIVEN).read_text(encoding="utf-8"))
    texts = {name: hidden_param(name, param_text(value)) for name, value in given.items()}
    texts["seed"] = raw.data.tags.get(tags.SEED, "")
    absent = sorted(texts.keys() - raw.data.params.keys())
    if absent:
        client.log_batch(str(raw.info.run_id), params=[param_entity(name, texts[name]) for name in absent])
