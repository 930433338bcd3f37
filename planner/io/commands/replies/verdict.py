"""Parts of replies about a verdict: its guards and criteria, and the decision after it."""

from __future__ import annotations

from typing import Literal

from planner.io.commands.replies.base import (
    Interval,
    MaybeConfidence,
    MaybeOutcome,
    Number,
    Text,
    Threshold,
    Whole,
)
from planner.language.types import Treated
from planner.records.base import Record
from planner.records.decision import Action
from planner.records.verdict import CriterionOutcome


class SupersedesJson(Record):
    """The verdict that this one replaces, and the confounds that it removes."""

    phase: Text
    case: str | None
    confounds: dict[str, str]


class VerdictJson(Record):
    """What the gate says; the outcome of a phase that was not judged is null."""

    outcome: MaybeOutcome
    confidence: MaybeConfidence
    tier: str | None
    case: str | None
    cause: str | None
    hypothesis: str | None
    post_hoc: bool
    fidelity: str | None
    means: str | None
    caveats: tuple[str, ...]
    superseded_by: str | None
    stale: str | None
    supersedes: SupersedesJson | None


class GuardJson(Record):
    """A condition on the evidence itself."""

    id: Text
    outcome: CriterionOutcome
    consequence: Literal["invalid", "blocked", "caveat"]
    observed: Number | str | None
    reason: Text
    criteria: tuple[str, ...]


class FlipVerdictJson(Record):
    """What the verdict would be beyond a flip point."""

    outcome: MaybeOutcome
    case: str | None
    tier: str | None
    confidence: MaybeConfidence


class FlipDecisionJson(Record):
    """What the decision would be beyond a flip point."""

    action: Action
    choice: str | None
    target: str | None


class TurnJson(Record):
    """A value beyond which a criterion says something else, and what would follow."""

    flips_at: Number
    flips_to: CriterionOutcome
    arm: Text
    metric: Text
    outcomes: dict[str, CriterionOutcome]
    verdict: FlipVerdictJson
    decision: FlipDecisionJson
    changes_verdict: bool
    changes_decision: bool


class LookJson(Record):
    """By which plan the bounds of a criterion were taken; an infinite one is null."""

    stage: Literal["early", "final", "late"]
    planned: Whole
    alpha: Number
    beta: Number
    lower: Number | None
    upper: Number | None
    pool_df: Whole = 0
    pool_sd: Number = 0.0
    paired: bool = True
    log_e: Number | None = None


class CriterionJson(Record):
    """What one criterion answers, with what it is made of."""

    id: Text
    kind: Text
    metric: str | None
    unit: str
    outcome: CriterionOutcome
    answer: Literal["supported", "refuted", "equivalent", "inconclusive"] | None
    treatment: Treated | None
    observed: Number | None
    bound: str
    threshold: Threshold | None
    margin: Number | None
    interval: Interval | None
    look: LookJson | None
    n: Whole
    run_ids: tuple[str, ...]
    flips_at: Number | None
    flips_to: CriterionOutcome | None
    cause: str | None
    reason: str
    parts: tuple[CriterionJson, ...]


class ExplainedCriterionJson(CriterionJson):
    """A criterion of the phase, with every value beyond which it says something else."""

    needs: int | None
    correlation: Number | None
    turns: tuple[TurnJson, ...]


class RejectedJson(Record):
    """An alternative that was not chosen."""

    choice: Text
    reason: Text
    flips_if: str


class DueJson(Record):
    """A deferred option whose condition is met."""

    holder: Text
    option: Text


class DecisionJson(Record):
    """What happens next, by which rule, and what was not chosen."""

    action: Action
    choice: str | None
    target: str | None
    reason: Text
    rule: Text
    rejected: tuple[RejectedJson, ...]
    needs_person: Literal["to_approve", "to_act", "to_confirm"] | None
    recommended: str | None
    override_id: str | None
    due: tuple[DueJson, ...]
