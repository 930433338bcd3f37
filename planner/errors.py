"""Errors, named by what the caller should do. Each is one sentence that a person can act on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Problem = tuple[tuple[str | int, ...], str]
Item = TypeVar("Item")
Found = TypeVar("Found")


class PhasegateError(Exception):
    """Something that the person at the keyboard can mend; ``exit_code`` says of which sort."""

    exit_code = 1


class UsageError(PhasegateError):
    """The command was called wrongly: call it again, corrected."""

    exit_code = 2


class ProgramError(PhasegateError):
    """A program or record is malformed: mend the file.

    Args:
        problems: (path of keys, what is wrong) for each fault.
        where: path of keys -> ``file:line``, once the file is known.
    """

    exit_code = 65

    def __init__(self, problems: Sequence[Problem], text: str | None = None) -> None:
        self.problems = list(problems)
        super().__init__(text or "; ".join(f"{dotted(path)}: {what}" for path, what in self.problems))


class StoreUnavailable(PhasegateError):
    """MLflow cannot be reached or read: mend the store, then try again."""

    exit_code = 69


class ProgramBusy(PhasegateError):
    """Another ``advance`` holds the program: try again later."""

    exit_code = 75


Fault = ProgramError | ProgramBusy


def each_apart(items: Iterable[Item], read: Callable[[Item], Found]) -> tuple[list[Found], list[Fault]]:
    """What comes of each program, and what keeps the others from it: one must not hide the rest."""
    found, faults = [], []
    for item in items:
        try:
            found.append(read(item))
        except (ProgramError, ProgramBusy) as fault:
            faults.append(fault)
    return found, faults


def dotted(path: Sequence[str | int]) -> str:
    """A path of keys as people write it: ``phases.first.gate[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"
