"""Text that stays text in markdown."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from planner.text.markdown import escape
from planner.text.terminal import CONTROL, plain, sentence
from tests.promises.fuzz.hostile import TEXTS

MARKS = st.text(st.sampled_from("ab1 .)(]![|`*_~#<>&\\-+=:/\"'$\n\t"), max_size=30)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("a\n b", "a b"),
        ("<b>&", "&lt;b>&amp;"),
        ("a|b", "a\\|b"),
        ("`code`", "'code'"),
        ("*loud*", "\\*loud\\*"),
        ("__loud__ and _soft_", "\\_\\_loud\\_\\_ and \\_soft\\_"),
        ("not_met", "not_met"),
        ("[a](b)", "[a]\\(b)"),
        ("![a] (b)", "![a] \\(b)"),  # MLflow's renderer makes a picture of it
        ("~~gone~~", "\\~\\~gone\\~\\~"),
        ("# loud", "\\# loud"),
        ("2. second", "2\\. second"),
        ("- first", "\\- first"),
        ("[a]: b", "\\[a]: b"),
        ("-", "-"),
        ("-0.5", "-0.5"),
        ("[0.1, 0.2]", "[0.1, 0.2]"),
        ("\x1b[31mred\u202e", "\ufffd[31mred\ufffd"),
        (None, "None"),
    ],
)
def test_no_mark_of_markdown_is_left(text: object, safe: str) -> None:
    assert escape(text) == safe


def shown(markdown: str) -> str:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown)


def stays_text(text: str) -> None:
    """Alone and in a cell of a table, the words come out as they went in, and nothing else does."""
    words = plain(" ".join(text.split())).replace("`", "'")
    alone = shown(escape(text))
    assert set(re.findall(r"<[^>]*>", alone)) <= {"<p>", "</p>"}
    assert html.unescape(re.sub(r"</?p>", "", alone)).strip() == words
    cell = shown(f"| a | b |\n|:--|:--|\n| x | {escape(text)} |\n")
    assert set(re.findall(r"<(\w+)", cell)) <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert cell.count("<td") == 2


@pytest.mark.parametrize("text", [t for t in TEXTS if len(t) < 500])
def test_hostile_text_stays_text(text: str) -> None:
    stays_text(text)


@given(MARKS.filter(lambda text: text.strip() != "-"))
def test_any_text_stays_text(text: str) -> None:
    stays_text(text)


@given(st.text(st.characters(), max_size=50))
def test_plain_text_steers_nothing_and_can_be_written(text: str) -> None:
    safe = plain(text)
    assert not CONTROL.search(safe)
    assert len(safe) == len(text)
    safe.encode("utf-8")
    assert plain(safe) == safe


@given(st.text(max_size=2000))
def test_a_sentence_is_one_short_line(text: str) -> None:
    line = sentence(text, most=500)
    assert len(line.splitlines()) <= 1
    assert len(line) <= 500
    assert text.split()[:1] == [] or line
