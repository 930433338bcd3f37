"""What people decide: overrides and their revocation, excluded runs, code that is declared equal."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planner.records.base import Identified
from planner.records.decision import Decision
from planner.records.verdict import Verdict


class Override(Identified):
    """A person's change to a decision or verdict, kept beside what it contradicts."""

    program: str
    phase: str
    by: str
    at: str
    reason: Annotated[str, Field(min_length=1)]
    choose: str | None = None
    verdict: Literal["accept", "reject"] | None = None
    done: str | None = None
    contradicts: str | None = None
    recommended: str | None = None
    expires: str | None = None


class Revocation(Identified):
    """A person takes an override back; the override stays on record."""

    program: str
    phase: str
    override_id: str
    by: str
    at: str
    reason: str


class Exclusion(Identified):
    """A run kept out of all evidence, visibly; ``undone`` takes an earlier exclusion back."""

    program: str
    phase: str = ""
    run_id: str
    by: str
    at: str
    reason: Annotated[str, Field(min_length=1)]
    undone: bool = False


class Keep(Identified):
    """A person declares a code change harmless: runs of the old code count for the new."""

    program: str
    phase: str = ""
    old: tuple[str, ...]
    new: str
    by: str
    at: str
    reason: Annotated[str, Field(min_length=1)]


AnyRecord = Verdict | Decision | Override | Revocation | Exclusion | Keep
