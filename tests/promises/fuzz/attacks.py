"""The kinds of damage: each takes a home and chance, and says which program to ask about."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from tests.promises.fuzz import hostile
from tests.promises.fuzz.leftovers import leave_work
from tests.promises.fuzz.mutate import damaged, damaged_bytes
from tests.promises.fuzz.stores import damage_journal, damage_runs

LARGE = 10_000_000


@dataclass(frozen=True)
class Attack:
    """What is damaged, in which template.

    Attributes:
        strike: damages the home; returns the program that was hit.
    """

    kind: str
    home: str
    strike: Callable[[Path, random.Random], str]


def _program_file(home: Path, chance: random.Random) -> Path:
    return chance.choice(sorted((home / "knowledge" / "programs").glob("*.yaml")))


def damage_program(home: Path, chance: random.Random) -> str:
    """Changes a program as a tree or as bytes, or puts something else in its place."""
    path = _program_file(home, chance)
    data = path.read_bytes()
    kind = chance.random()
    if kind < 0.7:
        tree = damaged(yaml.safe_load(data), chance)
        try:
            text = yaml.safe_dump(tree, sort_keys=False, allow_unicode=chance.random() < 0.5, width=100)
        except (yaml.YAMLError, RecursionError, ValueError):
            text = repr(tree)
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
    elif kind < 0.95:
        path.write_bytes(damaged_bytes(data, chance))
    else:
        _replace_file(path, data, chance)
    return path.stem


def _replace_file(path: Path, data: bytes, chance: random.Random) -> None:
    path.unlink()
    kind = chance.randrange(8)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        path.mkdir()
    elif kind == 2:
        path.symlink_to("/dev/zero")
    elif kind == 3:
        path.symlink_to(path)
    elif kind == 4:
        path.symlink_to("/etc/passwd")
    elif kind == 5:
        path.write_bytes(data + b"# " + b"x" * LARGE)
    elif kind == 6:
        path.write_bytes(b"a: &a [x,x]\n" + b"".join(b"b%d: &b%d [*a,*a]\n" % (i, i) for i in range(99)))
    else:
        path.write_bytes(b"[" * 100_000 if chance.random() < 0.5 else b"{a: " * 50_000)


def damage_command_lines(home: Path, chance: random.Random) -> str:
    """Leaves the home as it is: the commands themselves mean harm."""
    return _program_file(home, chance).stem


def damage_experiment(home: Path, chance: random.Random) -> str:
    """Damages the module that measures, which is read for its digest and never run here."""
    path = home / "experiments" / "quick.py"
    path.write_bytes(damaged_bytes(path.read_bytes(), chance))
    return "quick"


def damage_memo(home: Path, chance: random.Random) -> str:
    """Edits a memo behind the planner's back."""
    files = sorted((home / "knowledge" / "memos").rglob("*.md"))
    path = chance.choice(files)
    if chance.random() < 0.5:
        path.write_bytes(damaged_bytes(path.read_bytes(), chance))
    else:
        words = path.read_text().split(" ")
        words[chance.randrange(len(words))] = hostile.text(chance)
        path.write_text(" ".join(words), errors="replace")
    return path.parent.name


ATTACKS = (
    Attack("program", "quick", damage_program),
    Attack("program", "shipped", damage_program),
    Attack("journal", "quick", damage_journal),
    Attack("journal", "shipped", damage_journal),
    Attack("runs", "quick", damage_runs),
    Attack("runs", "shipped", damage_runs),
    Attack("results", "quick", leave_work),
    Attack("results", "quick", leave_work),
    Attack("words", "quick", damage_command_lines),
    Attack("experiment", "quick", damage_experiment),
    Attack("memo", "quick", damage_memo),
)
KINDS = tuple(dict.fromkeys(attack.kind for attack in ATTACKS))
