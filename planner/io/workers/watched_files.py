"""The files of a batch that must stay as they are: what its command is made of, and what its runs read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from experiments.watched import State, state_of

from planner.records.jobs import Description

Watched = dict[str, dict[str, State | None]]
"""``code`` or ``data`` -> file -> its state; what a job carries to its worker."""


@dataclass
class WatchedFiles:
    """Remembers how files were when a batch first looked at them.

    Attributes:
        code: what the program's command is made of -> its state when that was read.
    """

    code: Mapping[str, State | None] = field(default_factory=dict)
    _data: dict[str, State | None] = field(default_factory=dict)

    def of(self, description: Description) -> Watched:
        """The files that a run of this description must find unchanged."""
        for file in description.files:
            if file not in self._data:
                self._data[file] = state_of(Path(file))
        data = {file: self._data[file] for file in description.files}
        return {kind: states for kind, states in (("code", dict(self.code)), ("data", data)) if states}
