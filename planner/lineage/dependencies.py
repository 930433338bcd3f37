"""What a phase rests on: the phase that opened it, criteria and runs of others, what it supersedes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from planner.language.criterion_graph import criteria_consulted
from planner.language.program import Program
from planner.language.references import resolve
from planner.records.base import Record

Kind = Literal["opened", "criterion", "runs", "supersedes"]


class Dependency(Record):
    """One reason why a phase rests on another.

    Attributes:
        on: the phase that it rests on.
        criterion: of that phase, where the kind is ``criterion``.
    """

    phase: str
    on: str
    kind: Kind
    criterion: str = ""

    @property
    def why(self) -> str:
        """As seen from the phase that rests: ``opened by it``."""
        whys = {"opened": "opened by it", "runs": "uses its runs", "supersedes": "supersedes it"}
        return whys.get(self.kind) or f"uses its criterion {self.criterion}"


def build_dependencies(
    program: Program, opened_by: Mapping[str, str], superseded_by: Mapping[str, str]
) -> list[Dependency]:
    """Why each phase of a program rests on others today.

    What an option expects or waits for moves the choice among options, not a verdict: it is no ground.

    Args:
        opened_by: phase -> the phase whose decision opened it.
        superseded_by: phase -> the phase whose verdict replaced its own.
    """
    dependencies: list[Dependency] = []
    for phase, rules in program.phases.items():
        if phase in opened_by:
            dependencies.append(Dependency(phase=phase, on=opened_by[phase], kind="opened"))
        for ref in criteria_consulted(program, phase):
            key = resolve(program, phase, ref)
            if key is not None:
                dependencies.append(Dependency(phase=phase, on=key[0], kind="criterion", criterion=key[1]))
        if rules.runs_of:
            dependencies.append(Dependency(phase=phase, on=rules.runs_of, kind="runs"))
        dependencies += [
            Dependency(phase=phase, on=loser, kind="supersedes")
            for loser, winner in superseded_by.items()
            if winner == phase
        ]
    return [one for one in dependencies if one.on != one.phase]
