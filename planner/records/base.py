"""Frozen records: what was judged, decided and overridden; the base of runs (``runs.py``) too.

A record's ``id`` is a digest of its content; the time at which it was made is no part of it, so that
the same evidence and rules give the same record on any machine.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Self

import pydantic
from pydantic import ConfigDict, Field

SCHEMA_VERSION = 1

Value = Annotated[float, Field(allow_inf_nan=False)]


class Record(pydantic.BaseModel):
    """Anything that is written down: frozen, unknown keys refused."""

    # Built when first used: a command that only reads needs few of them, and building takes its time.
    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def canonical(value: Any) -> str:
    """One JSON text for one value: sorted keys, no spaces, NaN refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Any) -> str:
    """A short digest of a JSON value."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]


class Identified(Record):
    """A record that is named by its content.

    Fields that pydantic leaves out (``exclude=True``) say how it came about: they are written down with it
    and are no part of what names it, so that the same evidence under the same rules has the same id however
    it was come by.
    """

    id: str = ""
    schema_version: int = SCHEMA_VERSION

    def identified(self, prefix: str) -> Self:
        """The same record with its id filled in."""
        body = self.model_dump(mode="json", exclude={"id"})
        return self.model_copy(update={"id": f"{prefix}-{digest_of(body)}"})

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from planner.records.html import record_html

        return record_html(self)

    def beside_its_name(self) -> dict[str, Any]:
        """What is written down with it and is no part of what names it, as JSON has it."""
        return {}

    @classmethod
    def what_names_it(cls, written: Mapping[str, Any]) -> dict[str, Any]:
        """The part of a written record of which its id is the digest."""
        beside = {name for name, field in cls.model_fields.items() if field.exclude}
        return {key: value for key, value in written.items() if key != "id" and key not in beside}
