"""What a run left, without secrets: how it ended, what it printed, its files."""

from __future__ import annotations

from pathlib import Path

from planner.io.system.secrets import hidden, hide_in_files
from planner.records.jobs import Ended, Job


def without_secrets(ended: Ended, job: Job) -> Ended:
    """How a run ended, with the secrets of the environment, its command and its parameters masked.

    Side effects: masks them in the run's text files too.
    """
    hide_in_files(Path(job.folder) / "artifacts", job.command, job.params)
    masked = {key: hidden(getattr(ended, key), job.command, job.params) for key in ("reason", "output")}
    return ended.model_copy(update=masked)
