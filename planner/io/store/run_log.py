"""What a run printed, as an artifact of its MLflow run."""

from __future__ import annotations

import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from planner.io.mlflow.client import Client

LOG = "log.txt"
_OTHERWISE = "stderr.txt"
"""Where an experiment keeps a ``log.txt`` of its own; earlier versions kept no other."""


def keep_log(client: Client, run_id: str, text: str, artifacts: Collection[str]) -> None:
    """Keeps what a run printed, beside the artifacts of its own; nothing where it printed nothing.

    Side effects: an artifact.
    """
    if text:
        client.log_text(run_id, text, LOG if LOG not in artifacts else _OTHERWISE)


def read_log(client: Client, run_id: str) -> str | None:
    """What a run printed; None where nothing of it was kept.

    Side effects: reads the store.
    """
    kept = {file.path for file in client.list_artifacts(run_id)}
    name = next((name for name in (_OTHERWISE, LOG) if name in kept), None)
    if name is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(client.download_artifacts(run_id, name, folder))
        return path.read_text(encoding="utf-8", errors="replace")
