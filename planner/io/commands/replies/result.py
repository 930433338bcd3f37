"""What a command comes to: a reply for other programs and a text for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.errors import Fault

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply


@dataclass(frozen=True)
class CommandResult:
    """What a command has to say, in both forms; each is made when it is asked for.

    Attributes:
        reply: for other programs.
        text: for a person, with its last newline; empty where there is nothing to say. It may write the
            file that was asked for.
        faults: what kept programs from being in it.
        exit_code: with which the command ends where there are no faults.
    """

    reply: Callable[[], Reply]
    text: Callable[[], str]
    faults: Sequence[Fault] = ()
    exit_code: int = 0


def joined(lines: Iterable[str]) -> str:
    """Lines as one text, each with its newline."""
    return "".join(f"{line}\n" for line in lines)
