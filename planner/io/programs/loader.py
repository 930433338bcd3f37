"""Finds and loads the programs in ``knowledge/programs/``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from planner.errors import Problem, ProgramError, UsageError, dotted
from planner.io.programs.yaml_reader import MOST_PROBLEMS, Document, read_yaml
from planner.language.program import Program, build
from planner.language.references import faults
from planner.language.suggestions import closest

MOST_BYTES = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,79}")
_GOT = re.compile(r" \(got .*\)$", re.DOTALL)
# What a schema error's path holds beside the keys of the file: which form of a value was tried.
_FORM = re.compile(
    r"constrained-.*|int|float|bool|str|none|nullable|level|comparison|order|spread|combined|.*[\[\]()].*"
)


def program_names(home: Path) -> list[str]:
    """The programs that a home has, in order of their names.

    Side effects: lists a folder.
    """
    folder = _folder(home)
    if not folder.is_dir():
        return []
    return sorted(
        p.stem for p in folder.glob("*.yaml") if p.stem.isprintable() and not p.stem.startswith(".")
    )


def find_program(home: Path, name: str) -> Path:
    """The file of a program.

    Raises:
        UsageError: no such program; the known ones are named.

    Side effects: lists a folder.
    """
    names = program_names(home)
    if not _NAME.fullmatch(name) or ".." in name:
        raise UsageError(f"{name!r} is no name of a program: letters, digits, '_', '-' and '.'")
    if name in names:
        return _folder(home) / f"{name}.yaml"
    if not names:
        raise UsageError(f"no program '{name}'; there is none yet: 'phasegate init NAME' writes one")
    meant = closest(name, names)
    hint = f"did you mean '{meant}'? " if meant else ""
    raise UsageError(f"no program '{name}'; {hint}known: {', '.join(names)}")


def load_program(path: Path, any_name: bool = False) -> Program:
    """The program in a file, checked: its form, and that every name in it leads somewhere.

    Args:
        any_name: the file may be called otherwise than the program.

    Raises:
        ProgramError: every fault in one line, ``FILE:LINE: path.of.keys: what is wrong``.

    Side effects: reads the file.
    """
    document = read_yaml(_bytes_of(path))
    faults: list[tuple[Problem, int]] = [((t.path, t.what), t.line) for t in document.troubles]
    program: Program | None = None
    if document.complete:
        program, problems = _build(document.value, None if any_name else path.stem)
        # A value that was refused is absent from the data: what follows from that is no fault of its own.
        refused = {path for t in document.troubles if t.path for path in (t.path, t.path[:-1])}
        kept = [p for p in _in_file(problems, document) if p[0] not in refused]
        faults += [(p, document.line_of(p[0])) for p in kept]
    if program is None or faults:
        raise _error(path, faults)
    return program


def _build(value: object, stem: str | None) -> tuple[Program | None, list[Problem]]:
    if not isinstance(value, dict) or not value:
        what = "the file is empty" if not value else "a program is a mapping of keys"
        return None, [((), what + "; 'phasegate init NAME' writes one to begin with")]
    try:
        program = build(value)
    except ProgramError as error:
        return None, error.problems
    problems = faults(program)
    if stem is not None and program.program != stem:
        what = f"the program is called '{program.program}' and its file '{stem}.yaml': give both one name"
        problems.insert(0, (("program",), what))
    return program, problems


def _in_file(problems: Sequence[Problem], document: Document) -> list[Problem]:
    """The problems with paths as the file has them; what was said of several forms of one value is joined."""
    joined: dict[tuple[str | int, ...], list[str]] = {}
    for path, what in problems:
        said = joined.setdefault(_real(path, document), [])
        if what not in said:
            said.append(what)
    return [(path, _said(said)) for path, said in joined.items()]


def _real(path: Sequence[str | int], document: Document) -> tuple[str | int, ...]:
    real: tuple[str | int, ...] = ()
    for part in path:
        if (*real, part) in document.lines or not (isinstance(part, str) and _FORM.fullmatch(part)):
            real = (*real, part)
    return real


def _said(complaints: list[str]) -> str:
    """One sentence for what was said of each form that a value may take."""
    got = _GOT.search(complaints[-1])
    wanted = [_GOT.sub("", c).partition(", unable to parse")[0] for c in complaints]
    if all(w.startswith("Input should be ") for w in wanted):
        joined = " or ".join(w.removeprefix("Input should be ") for w in wanted)
        return f"should be {joined}{got[0] if got else ''}"
    return "; ".join(complaints)


def _error(path: Path, faults: list[tuple[Problem, int]]) -> ProgramError:
    faults = sorted(faults, key=lambda f: f[1])
    lines = [f"{path}:{line}: {dotted(keys)}: {what}" for (keys, what), line in faults[:MOST_PROBLEMS]]
    if len(faults) > MOST_PROBLEMS:
        lines.append(f"{path}: and {len(faults) - MOST_PROBLEMS} more")
    first = faults[0][1]
    return ProgramError([problem for problem, _ in faults], "\n".join(lines), file=str(path), line=first)


def _bytes_of(path: Path) -> bytes:
    what = ""
    try:
        if path.is_file():
            with path.open("rb") as file:
                data = file.read(MOST_BYTES + 1)
            if len(data) <= MOST_BYTES:
                return data
            what = f"the file is larger than {MOST_BYTES // 1_000_000} MB: a program is a few pages"
        else:
            what = "is no file" if path.exists() else "there is no such file"
    except (OSError, ValueError) as error:
        what = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    raise ProgramError([((), what)], f"{path}:1: {dotted(())}: {what}", file=str(path), line=1)


def _folder(home: Path) -> Path:
    return home / "knowledge" / "programs"
