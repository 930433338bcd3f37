"""The reply of ``explain``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from planner.io.commands.replies.base import Amount, Number, Probability, Reply, Text, Whole
from planner.io.commands.replies.person import ScoreJson
from planner.io.commands.replies.reading import IdentityJson
from planner.io.commands.replies.verdict import (
    DecisionJson,
    ExplainedCriterionJson,
    GuardJson,
    VerdictJson,
)
from planner.io.commands.replies.what_if import FailedJson, WhatIfJson, WhyNotJson
from planner.records.base import Record
from planner.records.repeats import Repeat
from planner.records.runs import Failure
from planner.records.verdict import ClaimStatus, DetectableEffect


class PredictionJson(Record):
    """A registered prediction; ``came`` is null while it may still come true."""

    what: Text
    probability: Probability
    because: str
    came: bool | None
    changed: bool


class RivalJson(Record):
    """One of the hypotheses between which a phase decides."""

    id: Text
    says: Text
    status: Literal["open", "holds", "does not hold"]


class ClaimJson(Record):
    """A claim as it stands today."""

    id: Text
    status: ClaimStatus
    caveats: tuple[str, ...]
    says: str
    reason: str


class ExplainedOverrideJson(Record):
    """An override in force, with its score."""

    id: Text
    by: Text
    at: Text
    reason: Text
    contradicts: str | None
    expires: str | None
    choose: str | None
    verdict: str | None
    done: str | None
    recommended: str | None
    score: ScoreJson | None
    warning: str | None


class RuleJson(Record):
    """A rule that could have fired; ``reason`` says why it did not."""

    rule: Text
    kind: Literal["gate", "case", "tier", "next", "option"]
    fired: bool
    failed: FailedJson | None
    reason: str


class ExperimentJson(Record):
    """Something that could be run next to give another verdict."""

    kind: Literal["seeds", "option", "supersedes", "fidelity"]
    what: Text
    phase: Text
    criterion: str | None
    arms: tuple[str, ...]
    to_seeds: int | None
    runs: Whole
    seconds: Amount | None
    at_least: bool


class CheapestFlipJson(Record):
    """The cheapest experiment that could give another verdict, and why more seeds cannot."""

    experiment: ExperimentJson | None
    others: tuple[ExperimentJson, ...]
    reason: str


class RuleChangeJson(Record):
    """A key of the rules that was changed after evidence was seen."""

    path: Text
    old: JsonValue
    new: JsonValue
    since: str | None


class AlphaShareJson(Record):
    """What one gate may spend of the error budget."""

    phase: Text
    rate: Number
    after: str | None
    beyond: bool


class ErrorBudgetJson(Record):
    """The program's error budget; ``share`` is that of the phase that is explained."""

    budget: Number
    planned: Number
    spent: Number
    shares: tuple[AlphaShareJson, ...]
    share: Number | None


class ExplainReply(Reply):
    """``explain``; ``why_not`` and ``what_if`` are null where they are not asked for."""

    schema_: Literal["phasegate.explain/1"] = Field("phasegate.explain/1", alias="schema")
    program: Text
    phase: Text
    decision_id: str | None
    verdict: VerdictJson
    failures: tuple[Failure, ...]
    guards: tuple[GuardJson, ...]
    criteria: tuple[ExplainedCriterionJson, ...]
    decision: DecisionJson | None
    prediction: PredictionJson | None
    hypotheses: tuple[RivalJson, ...]
    claims: tuple[ClaimJson, ...]
    overrides: tuple[ExplainedOverrideJson, ...]
    rules: tuple[RuleJson, ...]
    cheapest_flip: CheapestFlipJson
    rule_changes: tuple[RuleChangeJson, ...]
    error_budget: ErrorBudgetJson
    noise: tuple[DetectableEffect, ...]
    identity: IdentityJson
    of_other_homes: tuple[str, ...]
    repeats: tuple[Repeat, ...]
    why_not: WhyNotJson | None = None
    what_if: WhatIfJson | None = None
