"""Writes a first program and its experiment into a home."""

from __future__ import annotations

import json
import keyword
import re
import shlex
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from planner.errors import UsageError
from planner.paths import Home

_NAME = re.compile(r"[a-z][a-z0-9_]{0,79}")
_TAKEN = frozenset({"command", "contract", "loading", "measuring", "parts", "recording", "worker"})
"""Modules of ``experiments`` that every experiment rests on; one of the home's own would hide them."""


def start_program(home: Home, name: str) -> tuple[Path, Path]:
    """Writes ``knowledge/programs/NAME.yaml`` and ``experiments/NAME.py``; gives their paths.

    Raises:
        UsageError: the name cannot be that of a program and of a module, or a file of it is there
            already; nothing is written. Call it with another name.

    Side effects: makes both folders where they are not there, and the two files in them.
    """
    _check(name)
    program, experiment = home.program(name), home.experiments / f"{name}.py"
    for path in (program, experiment):
        _refuse_overwriting(path)
    for path, template in ((experiment, "experiment.py.txt"), (program, "program.yaml.txt")):
        _write_new(path, starter_text(template, name))
    return program, experiment


def start_command(home: Home, name: str, command: str, metric: str, better: str) -> Path:
    """Writes ``knowledge/programs/NAME.yaml`` for a command of one's own; gives its path.

    Args:
        command: its words, as a shell takes them apart.
        metric: as the command logs it.

    Raises:
        UsageError: the name cannot be that of a program, its file is there already, or the command has no
            words or an open quote.

    Side effects: makes the folder where it is not there, and the file in it.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--command: {error}: {command}") from None
    if not words:
        raise UsageError("--command names no program: python train.py {flags} --seed {seed}")
    bound = "above" if better == "higher" else "below"
    filled = {"command": json.dumps(words), "metric": json.dumps(metric), "better": better, "bound": bound}
    return _write_program(home, name, starter_text("command.yaml.txt", name, **filled))


def write_program(home: Home, name: str, program: Mapping[str, Any]) -> Path:
    """Writes a program as ``knowledge/programs/NAME.yaml``; gives its path.

    Raises:
        UsageError: the name cannot be that of a program, its file is there already, or it cannot be written.

    Side effects: makes the folder where it is not there, and the file in it.
    """
    import yaml

    text = yaml.safe_dump(dict(program), sort_keys=False, allow_unicode=True, width=110)
    return _write_program(home, name, text)


def _write_program(home: Home, name: str, text: str) -> Path:
    """Writes a program's file where there is none; gives its path."""
    _check(name)
    path = home.program(name)
    _refuse_overwriting(path)
    _write_new(path, text)
    return path


def _refuse_overwriting(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise UsageError(f"{path} is there already, and nothing is overwritten; choose another name")


def _write_new(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{error.filename or path} cannot be written: {error.strerror}") from None


def starter_text(template: str, name: str, **filled: str) -> str:
    """A file of ``planner/starter`` with the program's name, and what else it asks for, filled in.

    Side effects: reads the file.
    """
    text = resources.files("planner.io.programs.starter").joinpath(template).read_text(encoding="utf-8")
    return Template(text).substitute(name=name, **filled)


def _check(name: str) -> None:
    if not _NAME.fullmatch(name):
        shown = name if len(name) <= 80 and name.isprintable() else f"{name[:40]!r}"
        raise UsageError(
            f"'{shown}' cannot name a program and a Python module: "
            "up to 80 lower-case letters, digits and '_', a letter first"
        )
    if keyword.iskeyword(name):
        raise UsageError(f"'{name}' is a word of Python and cannot name a module; choose another name")
    if name in _TAKEN:
        raise UsageError(f"experiments/{name}.py would hide a module of phasegate; choose another name")
