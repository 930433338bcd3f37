"""How surely it is known what runs were made of.

A run's code and data were once looked at before it alone, so that a file that changed while it was at work
went unnoticed. Runs of that time stand, and it is said that they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Self


@dataclass(frozen=True)
class Identity:
    """Of so many runs, how many of ours had their code and data not looked at again after them."""

    runs: int = 0
    unchecked: int = 0

    @classmethod
    def of(cls, checks: Mapping[str, bool]) -> Self:
        """Of runs by id, with whether each was looked at again."""
        return cls(len(checks), sum(not checked for checked in checks.values()))

    @property
    def lines(self) -> list[str]:
        """What is to be said of it; nothing where all were looked at."""
        if not self.unchecked:
            return []
        were = f"{self.unchecked} of {self.runs} runs {'was' if self.unchecked == 1 else 'were'}"
        return [f"identity: {were} made before a run's code and data were looked at after it, too"]

    @property
    def unsaid(self) -> Self:
        """The same for who knows nothing of it."""
        return replace(self, unchecked=0)

    @property
    def as_json(self) -> dict[str, int]:
        """The same as ``--json`` gives it."""
        return asdict(self)
