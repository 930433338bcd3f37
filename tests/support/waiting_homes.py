"""Homes whose runs note that they have begun, and wait; and command lines that go on meanwhile."""

from __future__ import annotations

import time
from pathlib import Path

from planner.io.journal.journal import Journal
from tests.support.small_homes import ROOT, clean_environment
from tests.support.warm import Script

PATIENCE = 600.0
WAITING = """
    import pathlib, time
    with open("made", "a") as file:
        file.write(f"{config.shift} {seed}\\n")
    while not pathlib.Path("go").exists():
        time.sleep(0.02)
"""


def let_runs_wait(home: Path) -> Path:
    """Makes every run of the quick experiment add a line to ``made`` and go on when ``go`` is there.

    The programs of the home make no run twice, so that the lines can be counted.
    """
    for program in (home / "knowledge" / "programs").glob("*.yaml"):
        program.write_text(program.read_text() + "probe: off\n")
    module = home / "experiments" / "quick.py"
    text = module.read_text()
    module.write_text(text.replace("\n    for step in range(4):", f"{WAITING}\n    for step in range(4):"))
    return home


def made(home: Path) -> list[str]:
    """Shift and seed of every run that was ever begun."""
    lines = home / "made"
    return lines.read_text().splitlines() if lines.exists() else []


def start(home: Path, *words: str, **env: str) -> Script:
    """The command line, in a process of its own."""
    return Script([str(ROOT / "cli.py"), "--home", str(home), *words], clean_environment(**env))


def wait_until_made(home: Path, count: int, working: Script) -> None:
    """Returns when so many runs have begun."""
    until = time.monotonic() + PATIENCE
    while len(made(home)) < count:
        assert working.poll() is None, working.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


def wait_until_started(home: Path, count: int, working: Script) -> None:
    """Returns when so many runs of ``quick`` are written down as begun, which workers do not wait for."""
    wait_until_made(home, count, working)
    until = time.monotonic() + PATIENCE
    while sum(work.state == "started" for work in Journal(home / "mlruns/journal.db").work("quick")) < count:
        assert time.monotonic() < until
        time.sleep(0.05)


def wait_until_said(process: Script, text: str) -> None:
    """Returns when that stands on a process's stderr; it must still be at work then."""
    until = time.monotonic() + PATIENCE
    while text not in process.written():
        assert time.monotonic() < until, process.written()
        time.sleep(0.05)
    assert process.poll() is None, process.communicate()


def ends(process: Script) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a process, when it has ended."""
    out, err = process.communicate(timeout=PATIENCE)
    return process.wait(), out, err
