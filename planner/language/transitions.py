"""Where each answer of a phase leads."""

from __future__ import annotations

from typing import Literal, NamedTuple

import pydantic
from pydantic import ConfigDict

from planner.language.kept_answers import once_for_each_program
from planner.language.program import OUTCOMES, Phase, Program

Kind = Literal["next", "default", "triage", "diagnose"]


class Transition(NamedTuple):
    """One way that leads on from a phase; prints as ``next.pass``.

    Attributes:
        kind: ``next`` where the program says so; for outcomes of which it says nothing, ``back`` where a
            triage opened the phase and ``default`` where it did not; ``triage`` for an option, ``diagnose``,
            and ``exhausted`` where no option is left.
        answer: the outcome, case, tier or option.
    """

    kind: Literal["next", "back", "default", "triage", "diagnose", "exhausted"]
    answer: str = ""

    def __str__(self) -> str:
        return f"{self.kind}.{self.answer}" if self.answer else self.kind


class Edge(pydantic.BaseModel):
    """An arrow of the phase graph as it is drawn.

    Attributes:
        answers: outcomes, cases, tiers or options that lead this way.
        returns: the phase that it leads to may lead back to this triage.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    target: str
    kind: Kind
    answers: tuple[str, ...]
    returns: bool = False


def openers(program: Program, phase: str) -> list[str]:
    """The phases whose triage opens this one, by an option or to diagnose, in the order of the file."""
    return _openers(program).get(phase, [])


def targets(program: Program, phase: str) -> dict[Transition, str]:
    """Where each way on from a phase leads: a phase, ``triage``, ``wait``, ``stop`` or ``back``.

    A case or tier of which ``next`` says nothing leads where the outcome does.
    """
    declared = program.phases[phase]
    by_transition = {Transition("next", answer): target for answer, target in declared.next.items()}
    by_triage = bool(openers(program, phase))
    plainly = _opened_plainly(program, phase) if by_triage else True
    for outcome in OUTCOMES:
        if outcome not in declared.next:
            if by_triage:
                by_transition[Transition("back", outcome)] = "back"
            if plainly:
                by_transition[Transition("default", outcome)] = _default(declared, outcome)
    if declared.triage:
        by_transition |= {
            Transition("triage", option.option): option.opens for option in declared.triage.options
        }
        if declared.triage.diagnose:
            by_transition[Transition("diagnose")] = declared.triage.diagnose
    return by_transition


def edges(program: Program) -> list[Edge]:
    """The arrows worth drawing: what the program says, and defaults where a plain pass or fail takes them."""
    drawn: list[Edge] = []
    for name, phase in program.phases.items():
        rules = targets(program, name)
        answers_to: dict[tuple[str, Kind], list[str]] = {}
        for (kind, answer), target in rules.items():
            if kind == "next" and target not in ("triage", "back"):
                answers_to.setdefault((target, "next"), []).append(answer)
            elif kind == "default" and target == "stop" and answer in left_open(phase):
                answers_to.setdefault(("stop", "default"), []).append(answer)
            elif kind in ("triage", "diagnose"):
                answers_to.setdefault((target, "triage" if kind == "triage" else "diagnose"), []).append(
                    answer
                )
        for (target, drawn_as), answers in answers_to.items():
            back = drawn_as in ("triage", "diagnose") and "back" in targets(program, target).values()
            drawn.append(
                Edge(source=name, target=target, kind=drawn_as, answers=tuple(answers), returns=back)
            )
    return drawn


def left_open(phase: Phase) -> list[str]:
    """Pass and fail, where neither they nor all cases, nor all tiers, say where to go."""
    named = list(phase.cases) or [tier.tier for tier in phase.tiers]
    if named and all(name in phase.next for name in named):
        return []
    return [outcome for outcome in ("pass", "fail") if outcome not in phase.next]


def _default(phase: Phase, outcome: str) -> str:
    if outcome == "invalid":
        return "wait"
    return "triage" if phase.triage and outcome != "pass" else "stop"


def _opened_plainly(program: Program, phase: str) -> bool:
    """The program begins with it, or an answer leads to it without triage; or nothing opens it at all."""
    plain = any(phase in other.next.values() for other in program.phases.values())
    return plain or phase == program.first or not openers(program, phase)


@once_for_each_program
def _openers(program: Program) -> dict[str, list[str]]:
    by_phase: dict[str, list[str]] = {}
    for name, phase in program.phases.items():
        if phase.triage:
            opened = [*(option.opens for option in phase.triage.options), phase.triage.diagnose]
            for other in dict.fromkeys(opened):
                if other is not None:
                    by_phase.setdefault(other, []).append(name)
    return by_phase
