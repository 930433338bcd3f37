"""The page on published claims: its programs run, and what it says of them is what their memos say."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.support.small_homes import ROOT, cli_here

PAGE = (ROOT / "docs" / "published-claims.md").read_text(encoding="utf-8")
VERDICTS = re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+) \|$", PAGE, re.MULTILINE)
NUMBERS = re.findall(r"`([+-]?[\d.]+ \[[^\]]+\])`", PAGE)


@pytest.fixture(scope="module")
def memos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """``program/phase`` -> its memo, from a copy in which nothing was judged before."""
    home = tmp_path_factory.mktemp("published") / "home"
    shutil.copytree(ROOT / "docs" / "published", home, ignore=shutil.ignore_patterns("mlruns", "memos"))
    reply = cli_here("advance", "--all", home=home)
    assert reply.code == 0, reply.err
    folder = home / "knowledge" / "memos"
    return {f"{path.parent.name}/{path.stem}": path.read_text() for path in folder.glob("*/*.md")}


def headline(memo: str) -> list[str]:
    match = re.search(r"\*\*Verdict: (.*?)\*\*", memo)
    assert match is not None
    return [part.lower() for part in match[1].split(", ") if not part.startswith("cause")]


@pytest.mark.slow
def test_every_verdict_of_the_page_is_one_of_its_programs(memos: dict[str, str]) -> None:
    assert {f"{program}/{phase}" for program, phase, _ in VERDICTS} == set(memos)
    for program, phase, verdict in VERDICTS:
        assert sorted(headline(memos[f"{program}/{phase}"])) == sorted(verdict.lower().split(", "))


@pytest.mark.slow
def test_every_number_of_the_page_stands_in_a_memo(memos: dict[str, str]) -> None:
    assert len(NUMBERS) >= 8
    text = "\n".join(memos.values())
    for number in NUMBERS:
        assert number in text


@pytest.mark.slow
def test_a_changed_setting_is_named_beside_the_answer(memos: dict[str, str]) -> None:
    assert "learning_rate is doubled in method_2" in memos["rl_lr_adaptation/doubled_learning_rate"]


@pytest.mark.parametrize("path", sorted(Path(ROOT / "docs/published/knowledge/programs").glob("*.yaml")))
def test_check_finds_nothing_wrong_but_the_confound(path: Path) -> None:
    reply = cli_here("check", path.stem, home=ROOT / "docs" / "published")
    assert reply.code == 0
    assert "error" not in reply.out
    assert ("confound" in reply.out) == (path.stem == "rl_lr_adaptation")
