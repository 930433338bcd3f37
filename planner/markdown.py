"""Text that stays text in markdown."""

from __future__ import annotations

_MARKS = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    ("\\", "\\\\"),
    ("|", "\\|"),
    ("`", "'"),
    ("*", "\\*"),
    ("](", "]\\("),
)


def escape(value: object) -> str:
    """A text of which no HTML, link, table or emphasis comes out."""
    text = " ".join(str(value).split())
    for mark, safe in _MARKS:
        text = text.replace(mark, safe)
    return text
