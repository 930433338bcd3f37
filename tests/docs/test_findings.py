"""The findings page says what the memos of the gallery say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SECTIONS = dict(
    part.split("\n", 1) for part in (DOCS / "findings.md").read_text(encoding="utf-8").split("\n## ")[1:]
)
FIGURE = re.compile(r"(?<![\w.-])-?\d*\.\d{3,}(?:e-?\d+)?")


def figures(text: str) -> set[str]:
    """The figures with three decimals or more, without their sign."""
    return {figure.lstrip("-+") for figure in FIGURE.findall(text)}


@pytest.mark.parametrize("program", SECTIONS)
def test_every_figure_stands_in_a_memo_of_the_program(program: str) -> None:
    memos = "".join(memo.read_text(encoding="utf-8") for memo in (DOCS / "gallery" / program).glob("*.md"))
    assert figures(SECTIONS[program])
    assert sorted(f for f in figures(SECTIONS[program]) if f not in memos) == []


@pytest.mark.parametrize("program", SECTIONS)
def test_every_memo_that_is_named_is_there(program: str) -> None:
    links = re.findall(r"\]\(([^)]+\.md)\)", SECTIONS[program])
    assert links
    assert [link for link in links if not (DOCS / link).is_file()] == []
