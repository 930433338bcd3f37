"""What ``advance`` says to the person who waits: runs on stderr, steps and the end on stdout; its replies."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from planner.deciding.situation import Plan
from planner.engine.loop import LoopResult, Recorded
from planner.errors import Fault
from planner.io.commands.progress import Progress
from planner.io.commands.replies.advance import AdvanceAllReply, AdvanceReply
from planner.io.commands.replies.base import ProgramStateName
from planner.io.commands.replies.error import error_replies
from planner.lineage.program_state import ProgramState
from planner.lineage.status import command_lines, next_step, program_state
from planner.paths import Home
from planner.text.terminal import sentence

Message = TypeVar("Message")
_WORST_FIRST: tuple[ProgramStateName, ...] = ("ready", "blocked", "waiting")


def heard_or_not(say: Callable[[Message], object]) -> Callable[[Message], None]:
    """Speaks as long as somebody listens: work does not end because a pipe is closed or a log is full.

    Side effects: what can no longer be written to leads nowhere from then on.
    """

    def try_to_say(message: Message) -> None:
        try:
            say(message)
        except OSError:
            _lead_nowhere()

    return try_to_say


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
            self._progress.say(sentence(message))
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


def advance_reply(state: ProgramState, result: LoopResult, stopped: str | None) -> AdvanceReply:
    """The reply for one program, as it stands at the end.

    Args:
        stopped: why no more was done; None where all was.
    """
    steps = [{k: v for k, v in asdict(step).items() if k != "judged"} for step in result.steps]
    return AdvanceReply.model_validate(
        {
            "program": state.program.program,
            "steps": steps,
            "state": program_state(state),
            "next": next_step(state),
            "stopped": stopped,
            "passed_over": result.plan.passed_over,
        }
    )


def failing_alike(plan: Plan, name: str) -> str | None:
    """Why no more runs are begun where two arms failed in the same way; None where they are."""
    if plan.failure is None:
        return None
    text = f"{plan.failure.text_with_log}; no more runs of {plan.phase} are begun"
    return f"{text}. Mend it and advance again, or go on with: phasegate advance {name} --keep-going"


def reply_for_all(replies: Sequence[AdvanceReply], faults: Sequence[Fault]) -> AdvanceAllReply:
    """The reply for several programs."""
    states = {reply.state for reply in replies}
    return AdvanceAllReply(
        steps=tuple(step for reply in replies for step in reply.steps),
        state=next((state for state in _WORST_FIRST if state in states), "done"),
        programs=tuple(replies),
        errors=error_replies(faults),
    )


def end_lines(reply: AdvanceReply) -> list[str]:
    """Where a program stands when ``advance`` ends."""
    lines = []
    if reply.stopped:
        lines.append(f"stopped: {reply.stopped}")
    elif not reply.steps:
        lines.append(f"{reply.program}: nothing to do")
    ahead = reply.next
    lines.append(f"{reply.program} is {reply.state}; next: {ahead.action} {ahead.target or ''}".rstrip())
    lines.append(f"  {ahead.reason}")
    return [*lines, *(f"  {line}" for line in command_lines(ahead.model_dump()))]


def exit_code_of(reply: AdvanceReply | AdvanceAllReply) -> int:
    """The code with which ``--exit-code`` lets the verdict speak."""
    if reply.state in ("waiting", "blocked"):
        return 12 if reply.state == "waiting" else 15
    if not reply.steps:
        return 13
    codes = {"fail": 10, "inconclusive": 11, "invalid": 14, "blocked": 15}
    return codes.get(reply.steps[-1].outcome or "", 0)


def _short(path: Path, home: Home) -> str:
    for root in (Path.cwd(), home.root):
        if path.is_relative_to(root):
            return str(path.relative_to(root))
    return str(path)
