"""What the code of an experiment raises, and where in its home it does."""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

_HARNESS = frozenset(
    f"experiments.{name}" for name in ("measuring", "recording", "contract", "loading", "command")
)
"""Modules that run an experiment: an error is not theirs."""


def whatever_code_raises() -> tuple[type[BaseException], ...]:
    """The exceptions that are an experiment's own.

    A worker ignores SIGINT, so that there a ``KeyboardInterrupt`` comes from the code, as anything else
    does. Elsewhere it comes from a person, and what is no ``Exception`` is meant for whoever started this.
    """
    in_worker = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    return (BaseException,) if in_worker else (Exception, SystemExit)


def raised_at(error: BaseException, home: Path) -> str:
    """``experiments/evil.py:24``: the innermost line of the home's own code; empty where there is none.

    Args:
        home: names of files are relative to it.
    """
    cause = error.__cause__ if error.__cause__ is not None else error
    lines = [*_frames(cause)]
    if isinstance(cause, SyntaxError) and cause.filename:
        lines.append((cause.filename, cause.lineno or 0))
    own = [(Path(file).resolve(), line) for file, line in lines if _lies_in(Path(file).resolve(), home)]
    return f"{own[-1][0].relative_to(home).as_posix()}:{own[-1][1]}" if own else ""


def _frames(error: BaseException) -> Iterator[tuple[str, int]]:
    for frame, line in traceback.walk_tb(error.__traceback__):
        made_up = frame.f_code.co_filename.startswith("<")  # such as <string>: no file
        if frame.f_globals.get("__name__") not in _HARNESS and not made_up:
            yield frame.f_code.co_filename, line


def _lies_in(file: Path, home: Path) -> bool:
    """Whether a file is of a home's own code, and of no package that is installed in it."""
    return (
        file.is_relative_to(home)
        and not file.is_relative_to(sys.prefix)
        and "site-packages" not in file.parts
    )
