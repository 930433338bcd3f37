"""Verdicts: what a gate, its criteria, guards and claims say of the evidence of one phase."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from planner.language.types import Treated
from planner.records.base import Identified, Record, Value
from planner.records.caveat_facts import SHORT_OF_BUDGET, phases_passed_over
from planner.records.look import Look
from planner.records.runs import Failure

CriterionOutcome = Literal["met", "not_met", "undecided", "not_applicable", "invalid"]


GateOutcome = Literal["pass", "fail", "inconclusive", "invalid", "blocked"]


Confidence = Literal["confirmed", "provisional"]


ClaimStatus = Literal[
    "proposed",
    "supported",
    "supported_in_direction",
    "refuted",
    "equivalent",
    "not_verified",
    "superseded",
    "stale",
]


class Estimate(Record):
    """A statistic over seeds with its uncertainty.

    Attributes:
        interval: None below two seeds.
        values: seed -> value.
    """

    value: Value
    interval: tuple[Value, Value] | None = None
    n: int
    values: tuple[tuple[int, Value], ...] = ()
    run_ids: tuple[str, ...] = ()


class TableRow(Record):
    """One arm and metric in a memo's table of results.

    Attributes:
        reads: which value of a series it holds, in words; empty for the final one.
    """

    arm: str
    metric: str
    unit: str
    estimate: Estimate
    reads: str = ""


class ArmParams(Record):
    """What the runs of an arm logged of their parameters.

    Attributes:
        logged: name -> the values, each once, in order of seed.
    """

    arm: str
    logged: dict[str, tuple[str, ...]] = {}


class CriterionResult(Record):
    """What one criterion answers.

    Attributes:
        observed: the value that was compared; its unit is the metric's (or a ratio).
        threshold: the bound; two numbers for a range or a margin of equivalence.
        margin: how far inside (positive) or outside (negative) the bound the value lies.
        interval: of ``observed``, at the level that decided.
        flips_at: the observed value at which the outcome changes, the spread over seeds held fixed.
        flips_to: the outcome just beyond that value.
        turns: (observed value, outcome just beyond it) for each other outcome that there is, nearest first.
        cause: why there is no answer: ``missing``, ``few_seeds``, ``undecided``, ``partial``, ``not_finite``,
            ``no_variation``.
        parts: the criteria or pairs of arms that it is made of.
        chosen: the arm that met it, where any of several may.
        chosen_on: by how many seeds it was chosen.
        fresh: on how many seeds that had no part in choosing the arm it was judged.
        needs: with how many seeds it would be decided if all were like those that are there.
        look: by which plan bounds were taken; what is judged later goes on from it.
        by_signs: ``observed`` says on which side of the bound more values lie, not where their mean does.
    """

    id: str
    kind: str
    metric: str | None = None
    unit: str = ""
    says: str = ""
    outcome: CriterionOutcome
    answer: Literal["supported", "refuted", "equivalent", "inconclusive"] | None = None
    treatment: Treated | None = None
    observed: Value | None = None
    threshold: Value | tuple[Value, Value] | None = None
    bound: str = ""
    margin: Value | None = None
    interval: tuple[Value, Value] | None = None
    n: int = 0
    run_ids: tuple[str, ...] = ()
    flips_at: Value | None = None
    flips_to: CriterionOutcome | None = None
    turns: tuple[tuple[Value, CriterionOutcome], ...] = ()
    cause: str | None = None
    reason: str
    parts: tuple[CriterionResult, ...] = ()
    caveats: tuple[str, ...] = ()
    chosen: str | None = None
    chosen_on: int = 0
    fresh: int = 0
    needs: int | None = None
    look: Annotated[Look | None, Field(exclude_if=lambda look: look is None)] = None
    by_signs: Annotated[bool, Field(exclude_if=lambda by_signs: not by_signs)] = False


class GuardResult(Record):
    """What one condition on the evidence itself answers, and what follows when it fails.

    Attributes:
        criteria: those of the phase that it throws doubt on, where it is not about all of them.
    """

    id: str
    outcome: CriterionOutcome
    consequence: Literal["invalid", "blocked", "caveat"]
    observed: Value | str | None = None
    reason: str
    criteria: tuple[str, ...] = ()


class ClaimResult(Record):
    """What a phase says of one claim.

    Attributes:
        reason: what the criteria found that settle it; empty where nothing does.
        log_e: ln E against "it is not so", where the program states a share of false claims.
    """

    id: str
    says: str
    status: ClaimStatus
    rests_on: tuple[str, ...]
    caveats: tuple[str, ...] = ()
    reason: str = ""
    log_e: Annotated[Value | None, Field(exclude_if=lambda log_e: log_e is None)] = None


class DetectableEffect(Record):
    """The smallest effect that a criterion's seeds can show, given the noise that was measured.

    Attributes:
        asked: the smallest effect or the margin that the criterion states.
        sd: of a paired difference, over ``n`` seeds.
        of: what the difference is between.
        seeds: how many are allowed.
        resolves: the smallest effect that so many show at the gate's error rates.
        needs: the seeds that ``asked`` would need; None where none suffice.
        refused: even the smallest noise that the measurement leaves open hides ``asked``.
    """

    criterion: str
    metric: str
    arm: str
    versus: str
    bound: str
    asked: Value
    sd: Value
    n: int
    of: str
    seeds: int
    resolves: Value
    needs: int | None
    refused: bool


class FlipPoint(Record):
    """What a phase would say with one arm's values moved just past a flip point of one criterion.

    Attributes:
        id: the criterion; it says ``flips_to`` there.
        arm, metric: whose values are moved, all seeds alike.
        observed, flips_at: what the criterion observes now, and where its outcome changes.
        outcomes: every criterion, itself included, that says something else there.
        outcome, case, tier, confidence: what the verdict would say.
    """

    id: str
    arm: str = ""
    metric: str = ""
    observed: Value
    flips_at: Value
    flips_to: CriterionOutcome
    unit: str
    outcomes: tuple[tuple[str, CriterionOutcome], ...]
    outcome: GateOutcome
    case: str | None
    tier: str | None
    confidence: Confidence


class Considered(Record):
    """The runs of one arm that a verdict looked at, whether they counted or not.

    Attributes:
        digests: of what each run held then, in the same order.
    """

    arm: str
    run_ids: tuple[str, ...]
    digests: tuple[str, ...]


def _passed_over(written: dict[str, Any]) -> tuple[str, ...]:
    return phases_passed_over(written.get("caveats", ()))


def _short_of_budget(written: dict[str, Any]) -> bool:
    return SHORT_OF_BUDGET in written.get("caveats", ())


class Verdict(Identified):
    """What a phase's gate, tier, case and guards say together.

    Attributes:
        table: final values, by arm and metric.
        readings: the other values of a series that criteria read.
        params: of each arm that has runs: what is declared for it or differs between arms.
        data_digests: of our own runs.
        rules: what the phase's rules were: the content of ``rules_digest``.
        false_pass: the share of the program's error budget at which its gate was judged.
        considered: every run that was looked at, by arm.
        set_aside: runs that do not count because they were judged under other rules before.
        turnings: what it would say with one criterion beyond its flip point.
        passed_over: phases on the way that were not done.
        short_of_budget: the budget was spent before every run that was asked for was made.
        failures: runs that gave nothing, those that failed alike together.
        rules_there: phase -> digest of its rules, of every phase of the program when it was first written
            down; None in records of earlier versions.
        final_look: no more runs could be asked for when it was judged; None in records of earlier versions.

    Example:
        >>> from planner.testing import example_program, example_table
        >>> verdict = example_program().judge(example_table())
        >>> verdict.outcome, verdict.confidence, verdict.seeds
        ('pass', 'provisional', 3)
        >>> round(verdict.criterion("two_points_better").observed, 3)  # in the metric's unit
        0.05
    """

    program: str
    phase: str
    fidelity: str
    outcome: GateOutcome
    confidence: Confidence
    cause: str | None = None
    tier: str | None = None
    case: str | None = None
    means: str = ""
    hypothesis: str | None = None
    post_hoc: bool = False
    caveats: tuple[str, ...] = ()
    guards: tuple[GuardResult, ...] = ()
    criteria: tuple[CriterionResult, ...] = ()
    claims: tuple[ClaimResult, ...] = ()
    table: tuple[TableRow, ...] = ()
    readings: tuple[TableRow, ...] = ()
    params: tuple[ArmParams, ...] = ()
    run_ids: tuple[str, ...] = ()
    seeds: int = 0
    seconds: Value = 0.0
    rules_digest: str
    code_digests: tuple[str, ...] = ()
    data_digests: tuple[str, ...] = ()
    evidence_digest: str
    rests_on: tuple[str, ...] = ()
    rules: dict[str, Any] = {}
    false_pass: Value | None = None
    considered: tuple[Considered, ...] = ()
    set_aside: tuple[str, ...] = ()
    floors: tuple[DetectableEffect, ...] = ()
    turnings: tuple[FlipPoint, ...] = ()
    passed_over: tuple[str, ...] = Field(default_factory=_passed_over, exclude=True)
    short_of_budget: bool = Field(default_factory=_short_of_budget, exclude=True)
    final_look: bool | None = Field(None, exclude=True)
    failures: tuple[Failure, ...] = Field((), exclude=True)
    rules_there: dict[str, str] | None = Field(None, exclude=True)

    def beside_its_name(self) -> dict[str, Any]:
        """How it came about, as far as that was written down with it."""
        facts = {
            "passed_over": list(self.passed_over) or None,
            "short_of_budget": self.short_of_budget or None,
            "final_look": self.final_look,
            "rules_there": self.rules_there,
            "failures": [failure.model_dump(mode="json") for failure in self.failures] or None,
        }
        return {k: v for k, v in facts.items() if v is not None and k in self.model_fields_set}

    @property
    def no_run_worked(self) -> bool:
        """Whether runs were tried and none counts: there is nothing to conclude from."""
        return self.outcome == "blocked" and self.cause == "infrastructure" and not self.run_ids

    def criterion(self, name: str) -> CriterionResult | None:
        """The result of that criterion, or None."""
        return next((c for c in self.criteria if c.id == name), None)
