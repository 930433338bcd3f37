"""Builds what is known in a program: claims with their evidence, what they rest on and what rests on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from planner.criteria.judge import lookup, result_from
from planner.judging.predictions import Rival, registered_predictions, rivals_of
from planner.language.criterion_graph import conditions
from planner.language.program import Program
from planner.language.references import resolve
from planner.lineage.dependencies import Dependency, build_dependencies
from planner.lineage.program_state import ProgramState
from planner.lineage.staleness import claims_today
from planner.records.base import Record
from planner.records.journal_entry import AnyEntry
from planner.records.verdict import ClaimResult, ClaimStatus, CriterionResult, Verdict
from planner.scoring.override_list import override_rows
from planner.scoring.predictions import ScoredPrediction, score_predictions
from planner.text.numbers import words


class Link(Record):
    """One thing that a claim rests on, or that rests on it.

    Attributes:
        id: of the claim or criterion; for a phase its name.
        why: as seen from the upper end, which rests.
        part: a criterion that is named only by one that combines it.
    """

    kind: Literal["claim", "criterion", "phase"]
    phase: str
    id: str
    why: str
    part: bool = False

    @property
    def name(self) -> str:
        """``phase.id``, or the phase."""
        return self.phase if self.kind == "phase" else f"{self.phase}.{self.id}"


class KnownClaim(Record):
    """A sentence about the world as it stands today.

    Attributes:
        status: today: ``superseded`` or ``stale`` where its verdict is; ``proposed`` before one.
        judged_status: the status in the verdict itself; None before one.
        because: why it is superseded or stale, with the path; empty where it is neither.
        evidence: the criteria that it names, as the verdict recorded them.
    """

    program: str
    phase: str
    id: str
    says: str
    status: ClaimStatus
    judged_status: ClaimStatus | None
    because: str = ""
    caveats: tuple[str, ...] = ()
    reason: str = ""
    verdict: Verdict | None = None
    evidence: tuple[CriterionResult, ...] = ()
    rests_on: tuple[Link, ...] = ()
    rested_on_by: tuple[Link, ...] = ()

    @property
    def own_criteria(self) -> set[str]:
        """The criteria of its own phase that it rests on, parts included."""
        return {link.id for link in self.rests_on if link.kind == "criterion" and link.phase == self.phase}


@dataclass(frozen=True)
class Knowledge:
    """What is known in one program.

    Attributes:
        dependencies: why its phases rest on each other.
        overrides: as ``override --list`` gives them.
    """

    state: ProgramState
    claims: Sequence[KnownClaim]
    dependencies: Sequence[Dependency]
    predictions: Sequence[ScoredPrediction]
    rivals: Sequence[Rival]
    overrides: Sequence[dict[str, Any]]


def build_knowledge(state: ProgramState, entries: Sequence[AnyEntry], now: str) -> Knowledge:
    """Everything that a program's records say is known.

    Args:
        entries: those of a journal, oldest first.
        now: ISO 8601; decides which overrides have expired.
    """
    dependencies = build_dependencies(state.program, state.opened_by, state.validity.superseded_by)
    lower = [_with_links(state, claim, dependencies) for claim in _claims(state)]
    return Knowledge(
        state=state,
        claims=[
            claim.model_copy(update={"rested_on_by": _upper(claim, lower, dependencies)}) for claim in lower
        ],
        dependencies=dependencies,
        predictions=score_predictions(state.program, state.verdicts, registered_predictions(entries)),
        rivals=rivals_of(state.program, state.verdicts),
        overrides=override_rows(state.program, entries, now),
    )


# --- claims ------------------------------------------------------------------------------------


def _claims(state: ProgramState) -> list[KnownClaim]:
    """Every claim of the program, and those of phases that it no longer has, by phase."""
    claims = []
    for phase in dict.fromkeys([*state.program.phases, *state.verdicts]):
        verdict = state.verdicts.get(phase)
        if verdict is not None:
            today = claims_today({phase: verdict}, state.validity)
            pairs = zip(verdict.claims, today, strict=True)
            claims += [_judged(state, verdict, claim, now) for claim, now in pairs]
        claims += _proposed(state, phase, {claim.id for claim in claims if claim.phase == phase})
    return claims


def _judged(state: ProgramState, verdict: Verdict, claim: ClaimResult, today: ClaimResult) -> KnownClaim:
    phase = verdict.phase
    superseding = state.validity.superseded_by.get(phase)
    because = f"superseded by {superseding}" if superseding else state.validity.stale.get(phase, "")
    own = {result.id: result for result in verdict.criteria}
    return KnownClaim(
        program=state.program.program,
        phase=phase,
        id=claim.id,
        says=claim.says,
        status=today.status,
        judged_status=claim.status,
        because=because,
        caveats=today.caveats,
        reason=claim.reason,
        verdict=verdict,
        evidence=tuple(result_from(name, own, state.verdicts) for name in claim.rests_on),
    )


def _proposed(state: ProgramState, phase: str, judged: set[str]) -> list[KnownClaim]:
    """The claims of a phase of which no verdict says anything yet."""
    rules = state.program.phases[phase].claims if phase in state.program.phases else {}
    why = f"{phase} has not been judged" if phase not in state.verdicts else f"{phase} was judged without it"
    return [
        KnownClaim(
            program=state.program.program,
            phase=phase,
            id=name,
            says=rule.says,
            status="proposed",
            judged_status=None,
            caveats=(why,),
        )
        for name, rule in rules.items()
        if name not in judged
    ]


# --- links -------------------------------------------------------------------------------------


def _with_links(state: ProgramState, claim: KnownClaim, dependencies: Sequence[Dependency]) -> KnownClaim:
    """The claim with what it rests on: criteria, its own phase, and what that phase rests on."""
    judged = "judged by it" if claim.verdict is not None else "not judged yet"
    links = [Link(kind="phase", phase=claim.phase, id=claim.phase, why=judged)]
    links += [
        Link(
            kind="phase",
            phase=dependency.on,
            id=dependency.on,
            why=f"{claim.phase} {_dependency_text(dependency)}",
        )
        for dependency in dependencies
        if dependency.phase == claim.phase
    ]
    return claim.model_copy(update={"rests_on": (*_criteria(state, claim), *dict.fromkeys(links))})


def _dependency_text(dependency: Dependency) -> str:
    return "was opened by it" if dependency.kind == "opened" else dependency.why


def _criteria(state: ProgramState, claim: KnownClaim) -> list[Link]:
    """The criteria that a claim names, each followed by those that it combines."""
    todo = [(claim.phase, name, "") for name in _named(state.program, claim)]
    links: dict[tuple[str, str], Link] = {}
    while todo:
        seen_from, name, whole = todo.pop(0)
        phase, criterion = resolve_criterion(state.program, state.verdicts, seen_from, name)
        if (phase, criterion) in links:
            continue
        outcome = outcome_of(state.verdicts, phase, criterion)
        why = f"{outcome}, part of {whole}" if whole else outcome
        part = bool(whole)
        links[phase, criterion] = Link(kind="criterion", phase=phase, id=criterion, why=why, part=part)
        rule = state.program.phases[phase].criteria.get(criterion) if phase in state.program.phases else None
        todo = [(phase, part, criterion) for part in getattr(rule, "parts", [])] + todo
    return list(links.values())


def _named(program: Program, claim: KnownClaim) -> list[str]:
    """The references of a claim: those that its verdict recorded, else those that the program has."""
    if claim.verdict is not None:
        return list(next(c.rests_on for c in claim.verdict.claims if c.id == claim.id))
    return conditions(program.phases[claim.phase].claims[claim.id])


def resolve_criterion(
    program: Program, verdicts: Mapping[str, Verdict], phase: str, ref: str
) -> tuple[str, str]:
    """(phase, criterion) that a reference means, as the program has it now or a verdict recorded it."""
    resolved = resolve(program, phase, ref) if phase in program.phases else None
    if resolved is not None:
        return resolved
    recorded, result = lookup(ref, verdicts)
    return (recorded, result.id) if result is not None else (phase, ref)


def outcome_of(verdicts: Mapping[str, Verdict], phase: str, criterion: str) -> str:
    """What a criterion answered, in words."""
    result = verdicts[phase].criterion(criterion) if phase in verdicts else None
    return words(result.outcome) if result is not None else "not judged"


def _upper(
    claim: KnownClaim, claims: Sequence[KnownClaim], dependencies: Sequence[Dependency]
) -> tuple[Link, ...]:
    """What rests on a claim: claims of other phases that name its criteria, and phases."""
    links = []
    own = claim.own_criteria
    for other in claims:
        shared = [link for link in other.rests_on if link.kind == "criterion" and link.phase == claim.phase]
        if other.phase != claim.phase:
            why = [f"rests on {link.name}" for link in shared if link.id in own]
            links += [Link(kind="claim", phase=other.phase, id=other.id, why=reason) for reason in why]
    for dependency in dependencies:
        if dependency.on == claim.phase and (dependency.kind != "criterion" or dependency.criterion in own):
            links.append(Link(kind="phase", phase=dependency.phase, id=dependency.phase, why=dependency.why))
    return tuple(dict.fromkeys(links))
