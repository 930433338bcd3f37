"""Errors, named by what the caller should do. Each says what is wrong and what mends it."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

Problem = tuple[tuple[str | int, ...], str]
Item = TypeVar("Item")
Result = TypeVar("Result")


class PhasegateError(Exception):
    """Something that the person at the keyboard can mend; ``exit_code`` says of which sort.

    It prints as one sentence: what is wrong, and after a semicolon what mends it.

    Args:
        what: what is wrong.
        mend: what mends it; empty where that follows from what is wrong.
        file: the file in which it is wrong; None where it is in none.
        line: the line there, counted from 1.

    Example:
        >>> import planner
        >>> try:
        ...     planner.open_home("no such folder")
        ... except planner.PhasegateError as error:
        ...     print(error.exit_code, error)
        2 there is no folder 'no such folder'
    """

    exit_code = 1

    def __init__(self, what: str, mend: str = "", file: str | None = None, line: int | None = None) -> None:
        self.what, self.mend = what, mend
        self.file, self.line = file, line
        super().__init__(f"{what}; {mend}" if mend else what)


class UsageError(PhasegateError):
    """A command or function was called wrongly: call it again, corrected.

    Example:
        >>> from planner.testing import example_program
        >>> example_program().judge([{"arm": "plane", "seed": 0, "val_accuracy": 0.9}])
        Traceback (most recent call last):
        planner.errors.UsageError: row 0: dropout has no arm 'plane'; did you mean 'plain'?
    """

    exit_code = 2


class OptionError(UsageError):
    """An option of ``judge``, or the key of an evidence block that means the same, leads nowhere.

    Args:
        option: its name, without dashes before it: ``arms-by``.
        fault: what is wrong with it.
    """

    def __init__(self, option: str, fault: str) -> None:
        self.option, self.fault = option, fault
        super().__init__(f"--{option}: {fault}")


class NoSuchMetric(UsageError):
    """A store holds no value of the metric that is asked for: name another."""


class ProgramError(PhasegateError):
    """A program or record is malformed: mend the file.

    Args:
        problems: (path of keys, what is wrong) for each fault.
        text: says the same with files and lines, a line for each fault, once the file is known.
        file, line: where the first fault is, once the file is known.

    Example:
        >>> import planner
        >>> planner.load_program({"program": "empty", "question": "?", "experiment": "none"})
        Traceback (most recent call last):
        planner.errors.ProgramError: metrics: 'metrics' is missing; arms: 'arms' is missing; \
phases: 'phases' is missing
    """

    exit_code = 65

    def __init__(
        self,
        problems: Sequence[Problem],
        text: str | None = None,
        mend: str = "",
        file: str | None = None,
        line: int | None = None,
    ) -> None:
        self.problems = list(problems)
        text = text or "; ".join(f"{dotted(path)}: {what}" for path, what in self.problems)
        super().__init__(text, mend, file, line)

    @property
    def lines(self) -> list[str]:
        """What it says, line by line: one for each fault, once the file is known."""
        return str(self).splitlines()


class RecordError(ProgramError):
    """A record was altered or is malformed: ``doctor --repair`` mends it or sets it aside."""

    def __init__(self, record_id: str, what: str, mend: str) -> None:
        super().__init__([(("records", record_id), f"{what}; {mend}")], what, mend)


class StoreUnavailable(PhasegateError):
    """MLflow, the journal or their disk cannot be reached, read or written: mend it, then try again.

    Example:
        >>> StoreUnavailable.exit_code
        69
    """

    exit_code = 69


class JournalDamaged(StoreUnavailable):
    """The journal's file is no whole journal any more: ``doctor --repair`` rebuilds it."""


class ProgramBusy(PhasegateError):
    """Another ``advance`` holds the program: try again later."""

    exit_code = 75


Fault = ProgramError | ProgramBusy


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def meaning_of_system_error(error: Exception) -> StoreUnavailable | None:
    """What a full disk or a folder that may not be written means; None for any other error."""
    if not isinstance(error, OSError):
        return None
    where = error.filename if isinstance(error.filename, str) else "a file"
    if error.errno in _FULL:
        return disk_full(where)
    if error.errno in _REFUSED:
        return not_allowed(where)
    return None


def disk_full(where: object) -> StoreUnavailable:
    """There is no room left for a file."""
    return StoreUnavailable(
        f"{where} cannot be written: the disk is full",
        "make room and run the same command again: what is finished is kept, and 'phasegate doctor' says "
        "whether anything is to be mended",
        file=str(where),
    )


def not_allowed(where: object) -> StoreUnavailable:
    """A file or folder refuses to be read or written."""
    return StoreUnavailable(
        f"{where} cannot be used: the system does not allow it",
        "give this user the right to read and write it (chmod, chown, or mount it writable) and run the same "
        "command again",
        file=str(where),
    )


def each_apart(items: Iterable[Item], read: Callable[[Item], Result]) -> tuple[list[Result], list[Fault]]:
    """What comes of each program, and what keeps the others from it: one must not hide the rest."""
    results, faults = [], []
    for item in items:
        try:
            results.append(read(item))
        except (ProgramError, ProgramBusy) as fault:
            faults.append(fault)
    return results, faults


def dotted(path: Sequence[str | int]) -> str:
    """A path of keys as people write it: ``phases.first.gate[0]``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"
