"""The runs of a program that are being made now, and how far they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from planner.io.journal.journal import Journal
from planner.io.leases.reaper import run_folder
from planner.io.system.clock import SystemClock
from planner.lineage.program_state import RunAtWork
from planner.paths import Home

_TAIL_BYTES = 4096


def runs_at_work(home: Home, journal: Journal, program: str) -> Iterator[RunAtWork]:
    """The runs that a living planner of a program has begun, in order of their start.

    Side effects: reads the journal, and of each run the end of what it has measured so far.
    """
    now = SystemClock().seconds()
    for work in journal.work(program, unfinished_only=True):
        since = _moment(work.started_at)
        if work.state in ("leased", "started") and since is not None and work.started_at is not None:
            folder, seed = run_folder(home, work), work.planned.get("seed")
            yield RunAtWork(
                phase=str(work.planned.get("phase")),
                arm=str(work.planned.get("arm")),
                seed=seed if isinstance(seed, int) and seed >= 0 else 0,
                run_id=work.mlflow_run,
                since=since,
                seconds=round(max(0.0, now - work.started_at), 1),
                step=_last_step(folder) if folder is not None else None,
                repeats=work.repeats,
            )


def _moment(seconds: float | None) -> str | None:
    """Seconds since the epoch as ISO 8601; None where a journal that was tampered with holds no moment."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None


def _last_step(folder: Path) -> int | None:
    """The step of what was measured last; None where nothing was, or not by steps."""
    try:
        with (folder / "metrics.jsonl").open("rb") as file:
            file.seek(max(0, (folder / "metrics.jsonl").stat().st_size - _TAIL_BYTES))
            lines = file.read().splitlines()
    except OSError:
        return None
    return next((step for line in reversed(lines) if (step := _step_in(line)) is not None), None)


def _step_in(line: bytes) -> int | None:
    try:
        _, step, _ = json.loads(line)
    except (ValueError, TypeError, RecursionError):  # cut off, by its end or by where reading began
        return None
    return step if isinstance(step, int) and step >= 0 else None
