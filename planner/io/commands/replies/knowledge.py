"""The reply of ``knowledge``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from planner.io.commands.replies.base import (
    MaybeConfidence,
    MaybeOutcome,
    Number,
    Probability,
    Reply,
    Text,
    Whole,
)
from planner.io.commands.replies.error import ErrorReply
from planner.io.commands.replies.person import ListedOverrideJson, ScoreTallyJson
from planner.io.commands.replies.verdict import CriterionJson
from planner.records.base import Record
from planner.records.verdict import ClaimStatus


class BrierJson(Record):
    """The mean score of settled predictions, and what even odds would have scored on them."""

    score: Number | None
    even_odds: Number | None
    settled: Whole
    open: Whole


class KnownProgramJson(Record):
    """A program: how much it claims, and how right its predictions and overrides were."""

    name: Text
    fidelity: Text
    claims: Whole
    score: BrierJson
    overrides_score: ScoreTallyJson


class LinkJson(Record):
    """One thing that a claim rests on, or that rests on it."""

    kind: Literal["claim", "criterion", "phase"]
    phase: Text
    id: Text
    why: Text
    part: bool


class KnownClaimJson(Record):
    """A claim as it stands today, with its status in the verdict itself."""

    program: Text
    id: Text
    says: Text
    status: ClaimStatus
    recorded_status: ClaimStatus | None = Field(alias="found")
    because: str | None
    phase: Text
    verdict_id: str | None
    outcome: MaybeOutcome
    confidence: MaybeConfidence
    fidelity: str | None
    reason: str
    caveats: tuple[str, ...]
    evidence: tuple[CriterionJson, ...]
    rests_on: tuple[LinkJson, ...]
    rested_on_by: tuple[LinkJson, ...]


class ScoredPredictionJson(Record):
    """A registered prediction and its score, null while it is open."""

    program: Text
    phase: Text
    score: Number | None
    verdict_id: str | None
    what: Text
    probability: Probability
    because: str
    came: bool | None
    changed: bool


class KnownRivalJson(Record):
    """One of a program's rival hypotheses."""

    program: Text
    id: Text
    says: Text
    status: Text


class KnowledgeReply(Reply):
    """``knowledge``."""

    schema_: Literal["phasegate.knowledge/1"] = Field("phasegate.knowledge/1", alias="schema")
    programs: tuple[KnownProgramJson, ...]
    claims: tuple[KnownClaimJson, ...]
    predictions: tuple[ScoredPredictionJson, ...]
    score: BrierJson
    hypotheses: tuple[KnownRivalJson, ...]
    overrides: tuple[ListedOverrideJson, ...]
    overrides_score: ScoreTallyJson
    errors: tuple[ErrorReply, ...] = ()
