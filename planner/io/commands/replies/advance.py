"""Replies of ``advance``, for one program and for several, and of ``advance --dry-run``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from planner.evidence.made_again import Difference
from planner.io.commands.replies.base import (
    Amount,
    MaybeConfidence,
    MaybeOutcome,
    PathText,
    ProgramStateName,
    Reply,
    Text,
    Whole,
)
from planner.io.commands.replies.error import ErrorReply
from planner.io.commands.replies.reading import NextJson
from planner.records.base import Record
from planner.records.decision import Action


class StepJson(Record):
    """A phase that was judged, and the decision after it."""

    phase: Text
    action: Action
    outcome: MaybeOutcome
    confidence: MaybeConfidence
    tier: str | None
    case: str | None
    memo: PathText
    decision_id: Text
    runs_launched: Whole
    runs_reused: Whole


class AdvanceReply(Reply):
    """``advance`` of one program."""

    schema_: Literal["phasegate.advance/1"] = Field("phasegate.advance/1", alias="schema")
    program: Text
    steps: tuple[StepJson, ...]
    state: ProgramStateName
    next: NextJson
    stopped: str | None
    passed_over: tuple[str, ...]


class AdvanceAllReply(Reply):
    """``advance --all`` of every program: ``steps`` are those of all of them."""

    schema_: Literal["phasegate.advance/1"] = Field("phasegate.advance/1", alias="schema")
    program: None = None
    steps: tuple[StepJson, ...]
    state: ProgramStateName
    next: None = None
    programs: tuple[AdvanceReply, ...]
    errors: tuple[ErrorReply, ...] = ()


class CandidateJson(Record):
    """Something that may be done next; ``action`` is null for what was not chosen."""

    choice: str | None
    action: Action | None
    reason: Text
    chosen: bool


class PlannedStepJson(Record):
    """What ``advance`` would do now."""

    action: Action
    target: str | None
    reason: Text


class ArmRunsJson(Record):
    """How many runs of an arm are missing."""

    phase: Text
    arm: Text
    runs: Whole


class MadeAgainJson(Record):
    """Runs that are there and do not count, because they were made of something else."""

    runs: Whole
    why: Difference
    files: tuple[str, ...]


class EstimateJson(Record):
    """What the missing runs would take.

    Attributes:
        seconds: null where no run was timed.
        probe: one of them is made a second time, which is none of ``runs``.
    """

    runs: Whole
    seconds: Amount | None
    probe: bool


class DryRunReply(Reply):
    """``advance --dry-run`` of one program."""

    schema_: Literal["phasegate.advance/1"] = Field("phasegate.advance/1", alias="schema")
    dry_run: Literal[True] = True
    program: Text
    steps: Annotated[tuple[StepJson, ...], Field(max_length=0)] = ()
    state: ProgramStateName
    next: PlannedStepJson | None
    candidates: tuple[CandidateJson, ...]
    runs: tuple[ArmRunsJson, ...]
    again: tuple[MadeAgainJson, ...]
    estimate: EstimateJson
    stopped: Text | None


class DryRunAllReply(Reply):
    """``advance --all --dry-run`` of every program."""

    schema_: Literal["phasegate.advance/1"] = Field("phasegate.advance/1", alias="schema")
    dry_run: Literal[True] = True
    program: None = None
    programs: tuple[DryRunReply, ...]
    errors: tuple[ErrorReply, ...] = ()
