"""Looking is cheap: the reading commands import none of the heavy libraries, and are quick because of it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.small_homes import ROOT, clean_environment

READING = (
    ["status", "--json"],
    ["explain", "quick", "--json"],
    ["explain", "quick", "--format", "mermaid"],
    ["explain", "quick", "--full"],
    ["explain", "quick", "--phase", "first", "--why-not", "stop"],
    ["graph", "quick"],
    ["graph", "quick", "--format", "mermaid"],
    ["memo", "quick"],
    ["knowledge"],
    ["knowledge", "quick", "--json"],
    ["knowledge", "quick", "--format", "mermaid"],
    ["override", "quick", "--list"],
)
HEAVY = ("mlflow", "torch", "langgraph", "scipy", "sklearn", "numpy", "pandas", "matplotlib")
ROUNDS = 10
"""So often may something else that the machine does come between."""


def run_as_main(words: Sequence[str], home: Path) -> list[str]:
    """The heavy libraries that a command has imported by its end."""
    code = (
        "import runpy, sys\n"
        f"sys.argv = {['cli.py', '--home', str(home), *words]!r}\n"
        f"try:\n    runpy.run_path({str(ROOT / 'cli.py')!r}, run_name='__main__')\n"
        f"finally:\n    sys.stderr.write(' '.join(n for n in {HEAVY!r} if n in sys.modules))\n"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, capture_output=True, text=True, cwd=ROOT, env=clean_environment(), check=True
    )
    assert done.stdout.strip()
    return done.stderr.split()


def cpu_seconds(words: Sequence[str]) -> float:
    """User and system time of a Python process that keeps what it compiles, its start included."""
    environment = clean_environment()
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # pip compiles MLflow, nobody compiles the planner
    with open(os.devnull, "wb") as nothing:
        process = subprocess.Popen([sys.executable, *words], stdout=nothing, cwd=ROOT, env=environment)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_reading_command_imports_nothing_heavy(judged_home: Path, words: list[str]) -> None:
    assert run_as_main(words, judged_home) == []


@pytest.mark.slow
def test_a_reading_command_takes_at_most_three_tenths_of_importing_mlflow(judged_home: Path) -> None:
    commands = {" ".join(w): [str(ROOT / "cli.py"), "--home", str(judged_home), *w] for w in READING}
    commands["import mlflow"] = ["-c", "import mlflow"]
    for words in commands.values():
        cpu_seconds(words)  # once, so that every file has been read and compiled
    imported = commands.pop("import mlflow")
    over, said = set(commands), {}
    for _ in range(ROUNDS):  # each beside an import, because what else the machine does slows both down
        budget = 0.3 * cpu_seconds(imported)
        seconds = {name: cpu_seconds(commands[name]) for name in over}
        over = {name for name, taken in seconds.items() if taken > budget}
        said = {name: (seconds[name], budget) for name in over}
    assert said == {}
