"""Text that says something and does nothing: no control characters, no marks that turn the writing round."""

from __future__ import annotations

import re

CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)
"""C0 and C1 controls but for tab and line feed, surrogates, marks that change the direction of writing.

A terminal obeys the first, no file can hold the second, and with the third a text shows one thing and
says another.
"""
_INSTEAD = "\ufffd"
_COLOURS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
"""What a program writes to a terminal to colour, or to go back and write over what stands there."""


def plain(text: str) -> str:
    """The text with each character that steers instead of saying something replaced by U+FFFD."""
    return CONTROL.sub(_INSTEAD, text)


def printed(text: str) -> str:
    """What a program printed, as lines: without colours, and with a line for each state of a progress bar."""
    lines = _COLOURS.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return plain(lines)


def sentence(text: str, most: int = 1000) -> str:
    """The text on one line, plain, its middle left out where it is very long."""
    line = plain(" ".join(text.split()))
    return line if len(line) <= most else f"{line[: most - 300]} [...] {line[-290:]}"
