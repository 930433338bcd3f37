"""What ``advance`` tells the person who waits: runs on stderr, steps and the end on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from planner.engine.loop import Recorded
from planner.io.commands.progress import Progress
from planner.paths import Home
from planner.text.terminal import sentence

Told = TypeVar("Told")


def heard_or_not(tell: Callable[[Told], object]) -> Callable[[Told], None]:
    """Tells as long as somebody listens: work does not end because a pipe is closed or a log is full.

    Side effects: what can no longer be written to leads nowhere from then on.
    """

    def told(message: Told) -> None:
        try:
            tell(message)
        except OSError:
            _lead_nowhere()

    return told


def _lead_nowhere() -> None:
    """Gives up those of stdout and stderr that refuse what is written to them."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


class AdvanceReport:
    """Follows the desk's messages.

    Args:
        workers: how many runs go on side by side.
        say: takes one line for stdout.
    """

    def __init__(self, home: Home, workers: int, say: Callable[[str], None]) -> None:
        self._home = home
        self._progress = Progress(workers=workers)
        self._say = say

    def __call__(self, message: Any) -> None:
        """Shows one message: (label, total) as runs begin, (job, event), None as they end, a line, a step."""
        if message is None:
            self._progress.finish()
        elif isinstance(message, str):
            sys.stderr.write(sentence(message) + "\n")
        elif isinstance(message, Recorded):
            for line in step_lines(message, self._home):
                self._say(line)
        elif isinstance(message[0], str):
            self._progress.start(message[1], message[0])
        else:
            self._progress.event(*message)


def step_lines(step: Recorded, home: Home) -> list[str]:
    """A step that has just been written down, and where its memo is."""
    row = f", case {step.case}" if step.case else f", tier {step.tier}" if step.tier else ""
    ran = f"{step.runs_launched} runs, {step.runs_reused} reused"
    return [
        f"{step.phase}: {step.outcome}{row}, {step.confidence} ({ran})",
        f"  memo {_short(Path(step.memo), home)}",
    ]


def end_lines(told: dict[str, Any]) -> list[str]:
    """Where a program stands when ``advance`` ends."""
    lines = []
    if not told["steps"]:
        nothing = f"{told['program']}: nothing to do"
        lines.append(f"stopped: {told['stopped']}" if told["stopped"] else nothing)
    ahead = told["next"]
    lines.append(
        f"{told['program']} is {told['state']}; next: {ahead['action']} {ahead['target'] or ''}".rstrip()
    )
    return [*lines, f"  {ahead['reason']}"]


def _short(path: Path, home: Home) -> str:
    for root in (Path.cwd(), home.root):
        if path.is_relative_to(root):
            return str(path.relative_to(root))
    return str(path)
