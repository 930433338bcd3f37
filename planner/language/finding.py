"""What the static check says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pydantic
from pydantic import ConfigDict

from planner.errors import dotted


class Finding(pydantic.BaseModel):
    """Something that is wrong (``error``) or likely not meant (``warning``) in a program.

    Attributes:
        where: path of keys in the program's file.

    Example:
        >>> print(error(("phases", "first", "gate", 0), "'fast' is no criterion"))
        error: phases.first.gate[0]: 'fast' is no criterion
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    severity: Literal["error", "warning"]
    where: tuple[str | int, ...]
    what: str

    def __str__(self) -> str:
        return f"{self.severity}: {dotted(self.where)}: {self.what}"


def error(path: Sequence[str | int], what: str) -> Finding:
    """A finding that must be mended."""
    return Finding(severity="error", where=tuple(path), what=what)


def warning(path: Sequence[str | int], what: str) -> Finding:
    """A finding to think about."""
    return Finding(severity="warning", where=tuple(path), what=what)
