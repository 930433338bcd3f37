"""The time, and a twin that stands still."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock."""

    def now(self) -> str:
        """ISO 8601 in UTC, to the second."""
        return datetime.now(UTC).isoformat(timespec="seconds")

    def seconds(self) -> float:
        """Seconds since the epoch."""
        return time.time()


@dataclass
class FixedClock:
    """A clock that tells the time it was given."""

    at: str = "2026-01-01T00:00:00+00:00"

    def now(self) -> str:
        """The time it was given."""
        return self.at

    def seconds(self) -> float:
        """The same in seconds since the epoch."""
        return datetime.fromisoformat(self.at).timestamp()
