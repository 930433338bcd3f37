"""Text that stays text in markdown."""

from __future__ import annotations

import re

_MARKS = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    ("\\", "\\\\"),
    ("|", "\\|"),
    ("`", "'"),
    ("*", "\\*"),
    ("](", "]\\("),
)
_EDGE = re.compile(r"_(?![^\W_])|(?<![^\W_])_")
"""An underscore that does not stand inside a word: only such a one begins or ends emphasis."""


def escape(value: object) -> str:
    """A text of which no HTML, link, table or emphasis comes out."""
    text = " ".join(str(value).split())
    for mark, safe in _MARKS:
        text = text.replace(mark, safe)
    return _EDGE.sub(r"\_", text)
