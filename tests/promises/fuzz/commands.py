"""The commands that a damaged home has to bear, run in this process or as one of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.promises.fuzz import hostile
from tests.support.small_homes import ROOT, Reply, clean_environment, cli_here

Words = tuple[str, ...]
READ: tuple[Words, ...] = (
    ("status", "{p}"),
    ("status", "{p}", "--json"),
    ("status", "--json"),
    ("explain", "{p}"),
    ("explain", "{p}", "--full"),
    ("explain", "{p}", "--json"),
    ("explain", "{p}", "--format", "mermaid"),
    ("memo", "{p}"),
    ("memo", "{p}", "--json"),
    ("graph", "{p}"),
    ("graph", "{p}", "--json"),
    ("knowledge", "{p}"),
    ("knowledge", "{p}", "--json"),
    ("knowledge", "--format", "mermaid"),
    ("override", "{p}", "--list"),
    ("check", "{p}"),
    ("check", "{p}", "--json"),
    ("programs",),
)
DEEP: tuple[Words, ...] = (
    ("replay", "{p}"),
    ("replay", "{p}", "--json"),
    ("memo", "{p}", "--verify"),
    ("memo", "{p}", "--verify", "--json"),
    ("advance", "{p}", "--dry-run"),
    ("advance", "{p}", "--dry-run", "--json"),
    ("advance", "{p}", "--no-run", "--all"),
    ("advance", "{p}", "--no-run", "--all", "--json"),
    ("doctor",),
    ("doctor", "--json"),
    ("doctor", "--repair"),
    ("doctor", "--repair", "--json"),
)


def about(program: str, chance: Random, deep: int = 2, read: int = 6) -> list[Words]:
    """Some commands about a program: those that read, those that need MLflow, and reading once more."""
    chosen = [*chance.sample(READ, read), *chance.sample(DEEP, deep), *chance.sample(READ, 2)]
    return [tuple(word.replace("{p}", program) for word in words) for words in chosen]


def asked_badly(program: str, phases: Sequence[str], chance: Random, home: Path) -> list[Words]:
    """Commands whose arguments mean harm."""
    phase = chance.choice(phases)

    def bad() -> str:
        text = hostile.text(chance).replace("\x00", "")  # no process can be given it
        return text.encode("utf-8", "replace").decode()

    places = (
        str(home),
        str(home / "none" / "x"),
        str(home / "out.txt"),
        "/dev/full",
        str(home / bad()[:200]),
    )
    where = chance.choice(places)
    every: tuple[Words, ...] = (
        ("status", bad()),
        ("check", bad()),
        ("check", where),
        ("explain", program, "--phase", bad()),
        ("explain", program, "--decision", bad()),
        ("explain", program, "--why-not", bad()),
        ("explain", program, "--what-if", bad()),
        ("explain", program, "--what-if", f"base.score={bad()}"),
        ("explain", program, "--what-if", f"base.score={hostile.number(chance)}"),
        ("explain", program, "--format", bad()),
        ("memo", program, bad()),
        ("memo", program, bad(), "--verify"),
        ("graph", program, "--out", where),
        ("graph", program, "--format", "svg", "--out", where),
        ("knowledge", program, "--format", "mermaid", "--out", where),
        ("knowledge", program, "--format", "svg", "--out", where),
        ("replay", program, "--rules", where),
        ("replay", program, "--rules", str(home / "knowledge" / "programs" / f"{program}.yaml")),
        ("override", program, phase, "--choose", bad(), "--reason", bad(), "--by", bad()),
        ("override", program, phase, "--verdict", "accept", "--reason", bad(), "--by", bad()),
        ("override", program, phase, "--verdict", "accept", "--reason", "r", "--expires", bad()),
        ("override", program, phase, "--done", bad(), "--reason", bad()),
        ("override", program, "--revoke", bad(), "--reason", bad()),
        ("exclude", bad(), "--reason", bad()),
        ("retry", program, bad(), "--reason", bad()),
        ("keep", program, "--reason", bad(), "--by", bad()),
        ("init", bad()),
        ("advance", program, "--no-run", "--until", bad()),
        ("advance", program, "--no-run", "--fidelity", bad()),
        ("advance", program, "--no-run", "--max-seconds", bad()),
        ("calibrate", program, "--repetitions", "2", "--jobs", "1", "--noise", f"score={bad()}"),
        (
            "calibrate",
            program,
            "--repetitions",
            "2",
            "--jobs",
            "1",
            "--noise",
            f"score={hostile.number(chance)}"[:99],
        ),
        ("calibrate", program, "--repetitions", "2", "--jobs", "1", "--effect", bad()),
        ("calibrate", program, "--repetitions", "2", "--jobs", "1", "--effect", str(hostile.number(chance))),
        ("calibrate", program, "--repetitions", bad(), "--jobs", "1"),
        ("--home", bad(), "status"),
    )
    safe = [words for words in every if words[:2] != ("--home", "")]
    return [
        *chance.sample(safe, 6),
        *(tuple(w.replace("{p}", program) for w in READ[i]) for i in (0, 3, 6, 11)),
    ]


def run_here(words: Words, home: Path) -> Reply:
    """Runs a command in this process."""
    return cli_here(*words, home=None if words[:1] == ("--home",) else home)


def run_apart(words: Words, home: Path, limit: float) -> Reply:
    """Runs a command as a process of its own."""
    given = list(words) if words[:1] == ("--home",) else ["--home", str(home), *words]
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *given],
        capture_output=True,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        timeout=limit,
        cwd=os.getcwd(),
    )
    return Reply(done.returncode, done.stdout.decode(), done.stderr.decode(errors="backslashreplace"))
