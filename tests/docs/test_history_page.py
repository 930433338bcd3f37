"""The page on histories: every command on it prints what stands below it."""

from __future__ import annotations

import doctest
import re
import shlex
from pathlib import Path

import pytest

from tests.support.small_homes import ROOT, cli_here

PAGE = (ROOT / "docs" / "history.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"```console\n\$ phasegate (.*?)\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_shows_commands() -> None:
    assert len(COMMANDS) >= 3


@pytest.mark.parametrize(("words", "shown"), COMMANDS)
def test_a_command_prints_what_the_page_says(
    words: str, shown: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    reply = cli_here(*shlex.split(words), home=tmp_path)
    assert (reply.code, reply.err) == (0, "")
    assert reply.out == shown


def test_the_lines_of_python_give_what_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    text = "\n".join(re.findall(r"```pycon\n(.*?)```", PAGE, re.DOTALL))
    test = doctest.DocTestParser().get_doctest(text, {}, "history.md", "docs/history.md", 0)
    assert test.examples
    results = doctest.DocTestRunner(verbose=False).run(test)
    assert results.failed == 0
