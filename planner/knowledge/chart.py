"""The chart of a program's knowledge: one lane per phase with its claims, its criteria and its verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from planner.knowledge.build import Knowledge, KnownClaim, Link, outcome_of
from planner.records.base import Record
from planner.records.verdict import CriterionResult
from planner.text.numbers import around, bound_text, number, words

ArrowKind = Literal["names", "judged", "opened", "criterion", "runs", "supersedes"]
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


class Node(Record):
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


class Arrow(Record):
    """An arrow: the node at its foot rests on the one at its head."""

    upper: str
    lower: str
    kind: ArrowKind


class Lane(Record):
    """One phase."""

    phase: Node
    claims: tuple[Node, ...]
    criteria: tuple[Node, ...]


class Chart(Record):
    """The whole chart."""

    program: str
    question: str
    lanes: tuple[Lane, ...]
    arrows: tuple[Arrow, ...]


def build_chart(knowledge: Knowledge) -> Chart:
    """The chart of a program's claims; phases that say nothing and on which nothing rests are left out."""
    named = _criteria_named(knowledge)
    lanes = []
    for phase in dict.fromkeys([*knowledge.state.program.phases, *knowledge.state.verdicts]):
        claims = tuple(_claim_node(claim) for claim in knowledge.claims if claim.phase == phase)
        criteria = tuple(_criterion_node(knowledge, p, name) for p, name in named if p == phase)
        if claims or criteria or phase in knowledge.state.verdicts:
            lanes.append(Lane(phase=_phase_node(knowledge, phase), claims=claims, criteria=criteria))
    nodes = {node.key for lane in lanes for node in (lane.phase, *lane.claims, *lane.criteria)}
    arrows = tuple(t for t in dict.fromkeys(_arrows(knowledge, named)) if {t.upper, t.lower} <= nodes)
    program = knowledge.state.program
    return Chart(program=program.program, question=program.question, lanes=tuple(lanes), arrows=arrows)


def _criteria_named(knowledge: Knowledge) -> list[tuple[str, str]]:
    """(phase, criterion) of all that claims name and other phases use."""
    named = [(link.phase, link.id) for claim in knowledge.claims for link in _named(claim)]
    named += [
        (dependency.on, dependency.criterion)
        for dependency in knowledge.dependencies
        if dependency.kind == "criterion"
    ]
    return list(dict.fromkeys(named))


def _named(claim: KnownClaim) -> Iterator[Link]:
    return (link for link in claim.rests_on if link.kind == "criterion" and not link.part)


def _arrows(knowledge: Knowledge, named: list[tuple[str, str]]) -> Iterator[Arrow]:
    for claim in knowledge.claims:
        for link in _named(claim):
            key = f"criterion {link.phase} {link.id}"
            yield Arrow(upper=f"claim {claim.phase} {claim.id}", lower=key, kind="names")
    for phase, name in named:
        yield Arrow(upper=f"criterion {phase} {name}", lower=f"phase {phase}", kind="judged")
    for dependency in knowledge.dependencies:
        yield Arrow(upper=f"phase {dependency.phase}", lower=f"phase {dependency.on}", kind=dependency.kind)


# --- nodes -------------------------------------------------------------------------------------


def _claim_node(claim: KnownClaim) -> Node:
    was = f", was {words(claim.judged_status)}" if claim.judged_status not in (None, claim.status) else ""
    doubt = claim.verdict is not None and claim.verdict.confidence == "provisional" and not was
    return Node(
        key=f"claim {claim.phase} {claim.id}",
        kind="claim",
        title=claim.id,
        lines=(f"{words(claim.status)}{was}{', provisional' if doubt else ''}", claim.says),
        status=claim.status,
        dashed=bool(claim.because) or claim.judged_status is None,
    )


def _criterion_node(knowledge: Knowledge, phase: str, name: str) -> Node:
    verdict = knowledge.state.verdicts.get(phase)
    result = verdict.criterion(name) if verdict is not None else None
    lines = [outcome_of(knowledge.state.verdicts, phase, name)]
    lines += _measured(result) if result is not None else []
    return Node(
        key=f"criterion {phase} {name}",
        kind="criterion",
        title=name,
        lines=tuple(lines),
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


def _phase_node(knowledge: Knowledge, phase: str) -> Node:
    verdict, validity = knowledge.state.verdicts.get(phase), knowledge.state.validity
    key = f"phase {phase}"
    if verdict is None:
        return Node(
            key=key, kind="phase", title=phase, lines=("not judged yet",), status="not_verified", dashed=True
        )
    row = f", case {verdict.case}" if verdict.case else f", tier {verdict.tier}" if verdict.tier else ""
    lines = [f"{verdict.outcome}{row}, {verdict.confidence}"]
    superseding = validity.superseded_by.get(phase)
    lines += [f"superseded by {superseding}"] if superseding else []
    lines += ["stale"] if phase in validity.stale else []
    gone = bool(superseding) or phase in validity.stale
    return Node(
        key=key, kind="phase", title=phase, lines=tuple(lines), status=_class(verdict.outcome), dashed=gone
    )


def _class(outcome: str | None) -> str:
    return _CLASS.get(outcome or "not_applicable", outcome or "not_verified")
