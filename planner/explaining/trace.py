"""Everything that one explanation needs: the verdict, its decision, and what they rest on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from planner.explaining.counterfactual_decisions import DecisionContext, Flip, decision_context_of, flips_of
from planner.language.program import Phase, Program, Supersedes
from planner.lineage.identity import Identity
from planner.lineage.staleness import Validity, claims_today
from planner.records.decision import Decision
from planner.records.person import Override
from planner.records.repeats import Repeat
from planner.records.verdict import ClaimResult, Verdict
from planner.scoring.override_score import Score


@dataclass(frozen=True)
class Trace:
    """Everything that one explanation speaks of.

    Attributes:
        verdict: None where the phase has not been judged.
        decision: the one that followed, or led to runs; None where there is none.
        claims: of the whole program, as they stand today.
        overrides: of the phase, revoked ones left out.
        decided_at: when the decision was recorded.
        verdicts: phase -> its verdict, of all that are judged.
        scores: override id -> whether later evidence bore it out.
        decisions: phase -> the decision after it, of those that are known.
        before: the last verdict on the phase under other rules; None where there is none.
        rules_since: when today's rules were first judged by.
        identity: how surely it is known what the verdict's runs were made of.
        of_other_homes: ids of those of its records that other homes wrote to a store that this one uses too.
        repeats: what came of making a run of the verdict's code and fidelity twice.
    """

    program: Program
    phase: str
    verdict: Verdict | None
    decision: Decision | None
    claims: Sequence[ClaimResult]
    overrides: Sequence[Override]
    validity: Validity
    decided_at: str = ""
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    scores: Mapping[str, Score] = field(default_factory=dict)
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    before: Verdict | None = None
    rules_since: str = ""
    identity: Identity = Identity()
    of_other_homes: tuple[str, ...] = ()
    repeats: tuple[Repeat, ...] = ()

    @cached_property
    def flips(self) -> list[Flip]:
        """Each criterion beyond its flip points, and what would follow there."""
        return flips_of(self.decision_context, self.verdict) if self.verdict is not None else []

    @property
    def decision_context(self) -> DecisionContext:
        """What the decision rests on besides the verdict, which must be there."""
        assert self.verdict is not None
        return decision_context_of(self.program, self.verdict, self.decision, self.verdicts, self.overrides)

    @property
    def rules(self) -> Phase | None:
        """The phase as the program has it now; None where it no longer does."""
        return self.program.phases.get(self.phase)

    @property
    def supersession(self) -> Supersedes | None:
        """What the phase's verdict replaces today; None where it replaces nothing."""
        rule = self.rules.supersedes if self.rules else None
        active = rule is not None and self.validity.superseded_by.get(rule.phase) == self.phase
        return rule if active else None


def trace_of(
    *,
    program: Program,
    phase: str,
    verdict: Verdict | None,
    decision: Decision | None,
    verdicts: Mapping[str, Verdict],
    overrides: Sequence[Override],
    validity: Validity,
    decided_at: str = "",
    scores: Mapping[str, Score] | None = None,
    decisions: Mapping[str, Decision] | None = None,
    before: tuple[Verdict, str] | None = None,
    checks: Mapping[str, bool] | None = None,
    of_other_homes: Collection[str] = (),
    repeats: Sequence[Repeat] = (),
) -> Trace:
    """Everything that an explanation of one phase speaks of.

    Args:
        before: see :func:`rules_before`.
        checks: id of each of our runs -> whether its code and data were looked at after it.
        of_other_homes: ids of records that other homes wrote.
        repeats: those of the program.
    """
    of_phase = [override for override in overrides if override.phase == phase]
    shown = [record.id for record in (verdict, decision, *of_phase) if record is not None]
    return Trace(
        program=program,
        phase=phase,
        verdict=verdict,
        decision=decision,
        claims=claims_today(verdicts, validity),
        overrides=of_phase,
        validity=validity,
        decided_at=decided_at,
        verdicts=verdicts,
        scores=scores or {},
        decisions=decisions or {},
        before=before[0] if before else None,
        rules_since=before[1] if before else "",
        identity=_identity_of(verdict, checks or {}),
        of_other_homes=tuple(record for record in shown if record in of_other_homes),
        repeats=_repeats_of(verdict, repeats),
    )


def _repeats_of(verdict: Verdict | None, repeats: Sequence[Repeat]) -> tuple[Repeat, ...]:
    """Those that are about the code and the fidelity of a verdict's runs."""
    if verdict is None:
        return ()
    return tuple(
        repeat
        for repeat in repeats
        if repeat.code_digest in verdict.code_digests and repeat.fidelity == verdict.fidelity
    )


def _identity_of(verdict: Verdict | None, checks: Mapping[str, bool]) -> Identity:
    """What is known of the runs that a verdict rests on; of those of others nothing is to be said."""
    runs = verdict.run_ids if verdict is not None else ()
    return Identity.of({run: checks.get(run, True) for run in runs})
