"""The reply of a command that was refused or failed: what its sentence on stderr says, for other programs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import Field

from planner.errors import Fault, PhasegateError
from planner.io.commands.replies.base import MaybePathText, PathText, Reply, Whole
from planner.io.system.secrets import hidden
from planner.text.terminal import sentence


class ErrorReply(Reply):
    """An error; ``next`` is what mends it, ``file`` and ``line`` where it is, ``code`` the exit code."""

    schema_: Literal["phasegate.error/1"] = Field("phasegate.error/1", alias="schema")
    code: Whole
    message: PathText
    file: MaybePathText = None
    line: Whole | None = None
    next: MaybePathText = None


def error_reply(error: PhasegateError) -> ErrorReply:
    """An error of ours as other programs read it; a line for each fault of a program."""
    return ErrorReply(
        code=error.exit_code,
        message=hidden("\n".join(map(sentence, error.what.splitlines()))),
        file=error.file,
        line=error.line,
        next=sentence(error.mend) or None,
    )


def error_replies(faults: Iterable[Fault]) -> tuple[ErrorReply, ...]:
    """What kept programs from being in a reply."""
    return tuple(map(error_reply, faults))
