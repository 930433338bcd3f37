"""Text that stays text in markdown."""

from __future__ import annotations

import re

from planner.text.terminal import plain

_MARKS = (
    ("&", "&amp;"),
    ("<", "&lt;"),
    ("\\", "\\\\"),
    ("|", "\\|"),
    ("`", "'"),
    ("*", "\\*"),
    ("~", "\\~"),
)
_EDGE = re.compile(r"_(?![^\W_])|(?<![^\W_])_")
"""An underscore that does not stand inside a word: only such a one begins or ends emphasis."""
_LINK = re.compile(r"\]([ \t]*)\(")
"""The middle of a link or picture; MLflow's renderer lets blanks stand in it."""
_OPENS = re.compile(r"(?:#{1,6}(?:\s|$)|-\s|\+(?:\s|$)|-{3,}$|>|\[[^\]]*\]:)|([0-9]{1,9})[.)](?:\s|$)")
"""What opens a block at the beginning of a text; of a numbered list, its number.

A lone dash is left as it is: it says that there is nothing."""


def escape(value: object) -> str:
    """A text of which no HTML, link, picture, table, emphasis, heading or list comes out.

    An address stays readable as it is: a page may make a link of it, which shows where it leads.
    """
    text = plain(" ".join(str(value).split()))
    for mark, safe in _MARKS:
        text = text.replace(mark, safe)
    return _EDGE.sub(r"\_", _as_paragraph(_LINK.sub(r"]\1\\(", text)))


def _as_paragraph(text: str) -> str:
    """The text so that its beginning opens no block: no heading, list, quotation or link's definition."""
    opening = _OPENS.match(text)
    if opening is None:
        return text
    index = opening.end(1) if opening[1] else 0
    return f"{text[:index]}\\{text[index:]}"
