"""Knowledge as boxes and arrows: one lane per phase with its claims, its criteria and its verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from planner.knowledge.build import Knowledge, KnownClaim, Link, outcome_of
from planner.records.base import Record
from planner.records.verdict import CriterionResult
from planner.text.numbers import around, bound_text, number, words

TieKind = Literal["names", "judged", "opened", "criterion", "runs", "supersedes"]
COLOURS = {
    "supported": ("#dcfce7", "#16a34a"),
    "supported_in_direction": ("#ecfccb", "#65a30d"),
    "refuted": ("#fee2e2", "#dc2626"),
    "equivalent": ("#dbeafe", "#2563eb"),
    "proposed": ("#ffffff", "#6b7280"),
    "not_verified": ("#f3f4f6", "#9ca3af"),
    "superseded": ("#ede9fe", "#7c3aed"),
    "stale": ("#ffedd5", "#ea580c"),
    "undecided": ("#fef3c7", "#d97706"),
    "invalid": ("#f3d9fa", "#862e9c"),
    "blocked": ("#e7e5e4", "#44403c"),
}
"""Class -> (fill, border)."""
_CLASS = {
    "met": "supported",
    "pass": "supported",
    "not_met": "refuted",
    "fail": "refuted",
    "inconclusive": "undecided",
    "not_applicable": "not_verified",
}


class Box(Record):
    """A claim, a criterion or a phase.

    Attributes:
        key: its name in the chart: kind, phase and id.
        status: a class of :data:`COLOURS`.
        dashed: it no longer stands as it was found, or has not been judged.
    """

    key: str
    kind: Literal["claim", "criterion", "phase"]
    title: str
    lines: tuple[str, ...]
    status: str
    dashed: bool = False


class Tie(Record):
    """An arrow: the box at its foot rests on the one at its head."""

    upper: str
    lower: str
    kind: TieKind


class Lane(Record):
    """One phase."""

    phase: Box
    claims: tuple[Box, ...]
    criteria: tuple[Box, ...]


class Web(Record):
    """The whole chart."""

    program: str
    question: str
    lanes: tuple[Lane, ...]
    ties: tuple[Tie, ...]


def build_web(known: Knowledge) -> Web:
    """The chart of a program's claims; phases that say nothing and on which nothing rests are left out."""
    named = _criteria_named(known)
    lanes = []
    for phase in dict.fromkeys([*known.at.program.phases, *known.at.verdicts]):
        claims = tuple(_claim_box(claim) for claim in known.claims if claim.phase == phase)
        criteria = tuple(_criterion_box(known, p, name) for p, name in named if p == phase)
        if claims or criteria or phase in known.at.verdicts:
            lanes.append(Lane(phase=_phase_box(known, phase), claims=claims, criteria=criteria))
    boxes = {box.key for lane in lanes for box in (lane.phase, *lane.claims, *lane.criteria)}
    ties = tuple(t for t in dict.fromkeys(_ties(known, named)) if {t.upper, t.lower} <= boxes)
    program = known.at.program
    return Web(program=program.program, question=program.question, lanes=tuple(lanes), ties=ties)


def _criteria_named(known: Knowledge) -> list[tuple[str, str]]:
    """(phase, criterion) of all that claims name and other phases use."""
    found = [(link.phase, link.id) for claim in known.claims for link in _named(claim)]
    found += [(ground.on, ground.criterion) for ground in known.grounds if ground.kind == "criterion"]
    return list(dict.fromkeys(found))


def _named(claim: KnownClaim) -> Iterator[Link]:
    return (link for link in claim.rests_on if link.kind == "criterion" and not link.part)


def _ties(known: Knowledge, named: list[tuple[str, str]]) -> Iterator[Tie]:
    for claim in known.claims:
        for link in _named(claim):
            key = f"criterion {link.phase} {link.id}"
            yield Tie(upper=f"claim {claim.phase} {claim.id}", lower=key, kind="names")
    for phase, name in named:
        yield Tie(upper=f"criterion {phase} {name}", lower=f"phase {phase}", kind="judged")
    for ground in known.grounds:
        yield Tie(upper=f"phase {ground.phase}", lower=f"phase {ground.on}", kind=ground.kind)


# --- boxes -------------------------------------------------------------------------------------


def _claim_box(claim: KnownClaim) -> Box:
    was = f", was {words(claim.found)}" if claim.found not in (None, claim.status) else ""
    doubt = claim.verdict is not None and claim.verdict.confidence == "provisional" and not was
    return Box(
        key=f"claim {claim.phase} {claim.id}",
        kind="claim",
        title=claim.id,
        lines=(f"{words(claim.status)}{was}{', provisional' if doubt else ''}", claim.says),
        status=claim.status,
        dashed=bool(claim.because) or claim.found is None,
    )


def _criterion_box(known: Knowledge, phase: str, name: str) -> Box:
    verdict = known.at.verdicts.get(phase)
    result = verdict.criterion(name) if verdict is not None else None
    told = [outcome_of(known.at.verdicts, phase, name)]
    told += _measured(result) if result is not None else []
    return Box(
        key=f"criterion {phase} {name}",
        kind="criterion",
        title=name,
        lines=tuple(told),
        status=_class(result.outcome if result is not None else None),
        dashed=result is None,
    )


def _measured(result: CriterionResult) -> list[str]:
    if result.kind == "combined":
        return ["combines " + ", ".join(f"{part.id} ({words(part.outcome)})" for part in result.parts)]
    if result.observed is None:
        return [result.reason]
    seen = f"{number(result.observed)}{around(result.interval)}, n {result.n}"
    return [f"{seen}; asked {bound_text(result.bound, result.threshold)}"]


def _phase_box(known: Knowledge, phase: str) -> Box:
    verdict, standing = known.at.verdicts.get(phase), known.at.validity
    key = f"phase {phase}"
    if verdict is None:
        return Box(
            key=key, kind="phase", title=phase, lines=("not judged yet",), status="not_verified", dashed=True
        )
    row = f", case {verdict.case}" if verdict.case else f", tier {verdict.tier}" if verdict.tier else ""
    lines = [f"{verdict.outcome}{row}, {verdict.confidence}"]
    winner = standing.superseded_by.get(phase)
    lines += [f"superseded by {winner}"] if winner else []
    lines += ["stale"] if phase in standing.stale else []
    gone = bool(winner) or phase in standing.stale
    return Box(
        key=key, kind="phase", title=phase, lines=tuple(lines), status=_class(verdict.outcome), dashed=gone
    )


def _class(outcome: str | None) -> str:
    return _CLASS.get(outcome or "not_applicable", outcome or "not_verified")
