"""Compares a memo with what its runs give, line by line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Literal

from planner.records.base import Record

_WORD = re.compile(r"[^\s\[\](),;|*`]+")


class Discrepancy(Record):
    """One place at which a memo says something else than the runs give.

    Attributes:
        line: of the memo, from 1; 0 where there is no memo.
        section: the heading above it; empty above the first.
        says: what stands there; empty where something is left out.
        gives: what the runs give; empty where nothing belongs there.
    """

    kind: Literal["number", "text", "figure", "missing"]
    line: int
    section: str
    says: str
    gives: str

    def __str__(self) -> str:
        where = f" ({self.section})" if self.section else ""
        if self.kind == "figure":
            return f"{self.line}{where}: the figure {self.says} is not there"
        if self.kind == "missing":
            return f"{self.line}: there is no memo"
        return f"{self.line}{where}: says {self.says or 'nothing'}, the runs give {self.gives or 'nothing'}"


def find_discrepancies(memo: str, rendered: str) -> list[Discrepancy]:
    """Where a memo differs from the one that its runs give; empty where it is the same, byte for byte.

    Words that differ are named one by one where the line is otherwise the same, whole lines elsewhere.
    """
    old, new = memo.split("\n"), rendered.split("\n")
    sections = _sections(old)
    discrepancies: list[Discrepancy] = []
    for tag, i, end, j, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        for k, (says, gives) in enumerate(zip_longest(old[i:end], new[j:stop])):
            line = min(i + k, len(old) - 1)
            discrepancies += _of_line(says, gives, line + 1, sections[line])
    return discrepancies


def count_numbers(memo: str) -> int:
    """How many numbers, and names with a number in them, a memo holds."""
    return sum(any(map(str.isdigit, word)) for word in _WORD.findall(memo))


def _sections(lines: Sequence[str]) -> list[str]:
    """The heading above each line."""
    sections, here = [], ""
    for line in lines:
        here = line.removeprefix("## ") if line.startswith("## ") else here
        sections.append(here)
    return sections


def _of_line(says: str | None, gives: str | None, line: int, section: str) -> Iterator[Discrepancy]:
    """What is wrong in one line; None on the side that has no such line."""
    if says is None or gives is None:
        empty = "an empty line"
        pairs = [("" if says is None else says or empty, "" if gives is None else gives or empty)]
    elif _WORD.split(says) == _WORD.split(gives):
        words = zip(_WORD.findall(says), _WORD.findall(gives), strict=True)
        pairs = [(one, other) for one, other in words if one != other]
    else:
        pairs = [(says, gives)]
    for one, other in pairs:
        kind = "number" if any(map(str.isdigit, one + other)) else "text"
        yield Discrepancy.model_validate(
            {"kind": kind, "line": line, "section": section, "says": one, "gives": other}
        )
