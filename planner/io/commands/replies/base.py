"""What replies are made of: objects whose keys keep their order, and what texts and numbers may be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import SkipValidation, WithJsonSchema

from planner.records.base import Record
from planner.records.verdict import Confidence, GateOutcome

# What is published of a text or a number beyond its type is held by tests and not when a reply is made: a
# record that somebody edited by hand is shown as it is.
_TEXT = WithJsonSchema({"type": "string", "minLength": 1})
_NUMBERS = {"type": "array", "items": {"type": "number"}, "minItems": 2}

Text = Annotated[str, _TEXT]
PathText = Annotated[SkipValidation[str], _TEXT]
"""The name of a file, or a sentence with one in it: it may hold bytes that are no UTF-8."""
MaybePathText = Annotated[SkipValidation[str | None], WithJsonSchema({"type": ["string", "null"]})]
Whole = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0})]
Number = Annotated[int | float, WithJsonSchema({"type": "number"})]
"""A whole number keeps its form: 3 is not written as 3.0."""
Amount = Annotated[int | float, WithJsonSchema({"type": "number", "minimum": 0})]
Probability = Annotated[int | float, WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})]
Interval = Annotated[tuple[Number, Number], WithJsonSchema({**_NUMBERS, "maxItems": 2})]
Threshold = Number | Annotated[tuple[Number, ...], WithJsonSchema(_NUMBERS)]

MaybeOutcome = GateOutcome | None
MaybeConfidence = Confidence | None
ProgramStateName = Literal["ready", "running", "waiting", "blocked", "done"]
PhaseStateName = Literal["locked", "ready", "running", "judged", "waiting", "blocked"]


class Reply(Record):
    """What a command prints with ``--json``; its ``schema`` names the command and the version."""

    def as_json(self) -> dict[str, Any]:
        """The reply as JSON has it, keys in the order of the fields."""
        return self.model_dump(mode="json", by_alias=True)
