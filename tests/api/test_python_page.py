"""Every block of ``docs/python.md`` is run, in order, in a home whose program is the page's own."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

import planner
from planner.io.journal.journal import Journal
from planner.paths import Home
from planner.testing import MemoryHome

ROOT = Path(__file__).resolve().parents[2]
PAGE, README = ROOT / "docs" / "python.md", ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
ACCURACY = {"plain": 0.90, "dropout": 0.85, "weak_dropout": 0.95}


def blocks(language: str) -> list[str]:
    """The blocks of the page in a language."""
    return [text for kind, text in BLOCK.findall(PAGE.read_text()) if kind == language]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The current folder: a home in which the page's program is done."""
    home = Home(tmp_path)
    home.programs.mkdir(parents=True)
    home.mlruns.mkdir()
    (text,) = blocks("yaml")
    for path in (home.program("dropout"), tmp_path / "dropout.yaml"):
        path.write_text(text)
    program = planner.load_program(home.program("dropout"))
    walked = MemoryHome(program, lambda run: {"val_accuracy": ACCURACY[run.arm] * (1 + run.seed / 1000)})
    journal = Journal(home.journal)
    for step in walked.advance().steps:
        journal.add(step.verdict, "2026-01-01T00:00:00+00:00")
        journal.add(step.decision, "2026-01-01T00:00:01+00:00")
    monkeypatch.chdir(tmp_path)
    return home


def test_every_block_does_what_it_shows(home: Home) -> None:
    text = "\n".join(blocks("pycon"))
    test = doctest.DocTestParser().get_doctest(text, {}, "python.md", str(PAGE), 0)
    said: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    runner.run(test, out=said.append)
    assert runner.failures == 0, "".join(said)
    assert runner.tries > 40


def test_the_lines_of_the_readme_run_on_a_file_of_runs(home: Home) -> None:
    ((_, text),) = [block for block in BLOCK.findall(README.read_text()) if block[0] == "python"]
    arms = ("plain", "dropout")
    rows = [f"{arm},{seed},{ACCURACY[arm] * (1 + seed / 1000)}" for arm in arms for seed in range(3)]
    (home.root / "runs.csv").write_text("\n".join(["arm,seed,val_accuracy", *rows]))
    names: dict[str, Any] = {}
    exec(text, names)
    assert names["verdict"].outcome == "fail"


def test_the_page_holds_nothing_but_sessions_and_one_program() -> None:
    languages = [language for language, _ in BLOCK.findall(PAGE.read_text())]
    assert set(languages) == {"yaml", "pycon"}
    assert languages.count("yaml") == 1
