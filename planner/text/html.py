"""Text that stays text in HTML, and the few shapes in which objects show themselves in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import NewType

from planner.text.terminal import plain

Html = NewType("Html", str)
"""HTML in which everything that is not ours has been escaped: only functions of this module make it."""


def escape(value: object) -> Html:
    """A text of which no tag, attribute, entity or control character comes out."""
    return Html(html.escape(plain(str(value))))


def card(title: object, *parts: Html) -> Html:
    """A heading with what belongs to it; mathematics in dollars is left as it was written."""
    body = "".join(parts)
    return Html(
        f'<div class="tex2jax_ignore mathjax_ignore"><strong>{escape(title)}</strong>{body}</div>',
    )


def paragraph(text: object) -> Html:
    """A paragraph; nothing where there is no text."""
    return Html(f"<p>{escape(text)}</p>" if str(text) else "")


def table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> Html:
    """A table with a heading row; nothing where there is no row."""
    lines = ["".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows]
    if not lines:
        return Html("")
    heading = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return Html(f"<table><thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table>")


def items(heading: object, texts: Iterable[object]) -> Html:
    """A list under a heading; nothing where it is empty."""
    lines = "".join(f"<li>{escape(text)}</li>" for text in texts)
    return Html(f"<p>{escape(heading)}</p><ul>{lines}</ul>" if lines else "")


def preformatted(text: object) -> Html:
    """A text with its line breaks and columns as they are."""
    return Html(f"<pre>{escape(text)}</pre>")
