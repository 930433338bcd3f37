"""Programs from files and mappings, and what is wrong with them before any run."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from planner.errors import ProgramError, UsageError
from planner.io.programs import loader
from planner.language.finding import Finding
from planner.language.program import Program, build
from planner.language.references import faults
from planner.linting import check as linting_check

Source = str | PathLike[str] | Mapping[str, Any]
"""A program's file, or what such a file holds."""


def load_program(source: Source, /) -> Program:
    """A program, checked: its form, and that every name in it leads somewhere.

    Args:
        source: the path of a YAML file, named after the program; or a mapping with the keys of such a file.

    Returns:
        The frozen program, with families of arms and ``same_as`` written out.

    Raises:
        ProgramError: every fault in one line, ``FILE:LINE: path.of.keys: what is wrong``; of a mapping
            without file and line.
        UsageError: ``source`` is neither a path nor a mapping.

    Side effects: reads the file.

    Example:
        >>> import planner
        >>> planner.load_program("no_such_file.yaml")
        Traceback (most recent call last):
        planner.errors.ProgramError: no_such_file.yaml:1: the file: there is no such file
    """
    if isinstance(source, Mapping):
        return _checked(build(dict(source)))
    if not isinstance(source, str | PathLike):
        raise UsageError(
            f"load_program takes a file or a mapping of a program's keys, not {type(source).__name__}"
        )
    return loader.load_program(Path(fspath(source)))


def _checked(program: Program) -> Program:
    problems = faults(program)
    if problems:
        raise ProgramError(problems)
    return program


def check(program: Program | Source, /) -> list[Finding]:
    """What can be known to be wrong with a program before anything is run.

    Args:
        program: a program, its file, or a mapping with the keys of one.

    Returns:
        Errors, which must be mended, and warnings, which deserve a thought; each has ``severity``,
        ``where`` (a path of keys) and ``what`` (a sentence), and reads as one line. Empty where all is well.

    Raises:
        ProgramError: it is malformed, so that there is no program to check.

    Side effects: reads the file, where one is given.

    Example:
        >>> import planner
        >>> from planner.testing import example_program
        >>> planner.check(example_program())
        []
    """
    return linting_check.check(program if isinstance(program, Program) else load_program(program))
