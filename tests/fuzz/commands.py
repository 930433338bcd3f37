"""The commands that a damaged home has to bear, run in this process or as one of their own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.fuzz import hostile
from tests.small_homes import ROOT, Reply, clean_environment

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
        told = hostile.text(chance).replace("\x00", "")  # no process can be given it
        return told.encode("utf-8", "replace").decode()

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
    """Runs a command in this process: as ``main`` would, output and exit code included."""
    import cli

    given = list(words) if words[:1] == ("--home",) else ["--home", str(home), *words]
    out, err = io.BytesIO(), io.BytesIO()
    strict = io.TextIOWrapper(out, encoding="utf-8", errors="strict", write_through=True)
    lenient = io.TextIOWrapper(err, encoding="utf-8", errors="backslashreplace", write_through=True)
    code = 0
    with contextlib.redirect_stdout(strict), contextlib.redirect_stderr(lenient):
        try:
            cli.app(args=cli._hoisted(given), prog_name="cli.py")
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1 if end.code else 0
    return Reply(code, out.getvalue().decode(), err.getvalue().decode())


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
