"""When a batch begins no more runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """When no more runs are begun.

    Attributes:
        stop_at: seconds since the epoch (``--max-seconds``).
        seconds_left: what the budget still pays for, in seconds of runs.
        timeout: seconds that one run may take.
    """

    stop_at: float | None = None
    seconds_left: float | None = None
    timeout: float | None = None
