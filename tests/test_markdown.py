"""Text that stays text in markdown."""

from __future__ import annotations

import pytest

from planner.markdown import escape


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
        (None, "None"),
    ],
)
def test_no_mark_of_markdown_is_left(text: object, safe: str) -> None:
    assert escape(text) == safe
