"""Parts of the reply of ``explain`` about what did not happen: why not, and what if."""

from __future__ import annotations

from pydantic import Field

from planner.io.commands.replies.base import (
    MaybeConfidence,
    MaybeOutcome,
    Number,
    ProgramStateName,
    Text,
    Threshold,
    Whole,
)
from planner.records.base import Record
from planner.records.decision import Action
from planner.records.verdict import CriterionOutcome


class FailedJson(Record):
    """The first condition of a rule that failed, and by how much."""

    criterion: Text
    of: str
    wanted: CriterionOutcome
    outcome: CriterionOutcome
    observed: Number | None
    threshold: Threshold | None
    flips_at: Number | None
    distance: Number | None
    unit: str
    run_ids: tuple[str, ...]


class RequiredChangeJson(Record):
    """The smallest change of one arm's values that would have chosen it."""

    criterion: Text
    arm: Text
    metric: Text
    observed: Number
    beyond: Number
    unit: str
    outcome: Text
    decision: Text


class WhyNotJson(Record):
    """Why a name was not chosen."""

    name: Text
    phase: Text
    chosen: bool
    reason: str
    chain: tuple[str, ...]
    failed: FailedJson | None
    smallest: RequiredChangeJson | None


class GivenJson(Record):
    """What is supposed of one arm; ``value`` is a text where it is not finite."""

    arm: Text
    metric: Text
    value: Number | str
    observed: Number | None
    seeds: Whole


class SupposedDecisionJson(Record):
    """What would be decided."""

    action: Action
    choice: str | None
    target: str | None
    reason: Text


class SupposedJson(Record):
    """What the phase says, and the way from there on."""

    outcome: MaybeOutcome
    confidence: MaybeConfidence
    tier: str | None
    case: str | None
    cause: str | None
    decision: SupposedDecisionJson
    phases_ahead: tuple[str, ...] = Field(alias="way")
    state: ProgramStateName


class ChangedCriterionJson(Record):
    """A criterion that would say something else, or observe another value."""

    id: Text
    before: CriterionOutcome
    after: CriterionOutcome
    observed: tuple[Number | None, Number | None]
    reason: str


class WhatIfJson(Record):
    """What would follow if arms had measured something else."""

    phase: Text
    given: tuple[GivenJson, ...]
    before: SupposedJson
    after: SupposedJson
    changed_criteria: tuple[ChangedCriterionJson, ...]
