"""Files that have to stay as they are while a run is at work: what it is made of, and what it reads."""

from __future__ import annotations

import os
from collections.abc import Mapping

State = list[int]
"""Size, times of the last change in content and in anything, and number of the file: whoever edits it and
puts it back has changed it too."""
OUTCOMES = {"code": "code_changed", "data": "data_changed"}
"""What a file is to a run -> how the run ends if it changes."""


def state_of(path: str | os.PathLike[str]) -> State | None:
    """The state of a file; None where there is none."""
    try:
        seen = os.stat(path)
    except (OSError, ValueError):
        return None
    return [seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino]


def changed(watched: Mapping[str, Mapping[str, State | None]]) -> tuple[str, str] | None:
    """The outcome and the reason of a run of which a file is not what it was; None where all are.

    Args:
        watched: ``code`` or ``data`` -> file -> its state when the run was planned.
    """
    for kind, states in watched.items():
        for file, state in states.items():
            if state_of(file) != state:
                return OUTCOMES[kind], f"{file} changed while the run was at work"
    return None
