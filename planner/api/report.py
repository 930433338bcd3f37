"""What a reading function gives back: text for a person, data for a program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from planner.text.html import preformatted
from planner.text.terminal import plain


@dataclass(frozen=True, repr=False)
class Report:
    """An answer that a notebook shows as text, and of which ``data`` holds every part.

    Attributes:
        text: as the command of the same name prints it.
        data: as the command of the same name gives it with ``--json``: plain values, no NaN.

    Example:
        >>> report = Report("dropout: done", {"state": "done"})
        >>> report
        dropout: done
        >>> report["state"]
        'done'
    """

    text: str
    data: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __str__(self) -> str:
        return plain(self.text)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return preformatted(self.text)


def report_of(lines: Iterable[str], data: Mapping[str, Any]) -> Report:
    """A report from lines of text."""
    return Report("\n".join(lines), data)
