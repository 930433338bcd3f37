"""What people decide: overrides and their revocation, runs excluded or made again, code declared equal."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planner.records.base import Identified
from planner.records.decision import Decision
from planner.records.verdict import Verdict


class Override(Identified):
    """A person's change to a decision or verdict, kept beside what it contradicts.

    Attributes:
        at: when it was written (ISO 8601, UTC).
        choose: the option, phase or ``stop`` that is chosen instead.
        verdict: whether the verdict is accepted as it is or rejected.
        done: the option of which a person has done what it asks for.
        contradicts: id of the decision that it goes against.
        recommended: what the rules recommend.
        expires: the day from whose beginning on it no longer counts.

    Example:
        >>> from planner.testing import MemoryHome, example_program
        >>> home = MemoryHome(example_program(), lambda run: {"val_accuracy": 0.9})
        >>> override = home.override("first_look", verdict="reject", reason="Three seeds are few.", by="ada")
        >>> override.phase, override.verdict, override.by
        ('first_look', 'reject', 'ada')
    """

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


class Retry(Identified):
    """A person has failed runs made again: they no longer count as tries, and their seeds are made anew."""

    program: str
    phase: str = ""
    run_ids: Annotated[tuple[str, ...], Field(min_length=1)]
    by: str
    at: str
    reason: Annotated[str, Field(min_length=1)]


PersonRecord = Override | Revocation | Exclusion | Keep | Retry
AnyRecord = Verdict | Decision | PersonRecord
