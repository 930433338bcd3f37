"""Gates that are refused because no number of seeds that is allowed can decide them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from planner.criteria.decision_rule import TestDesign
from planner.errors import ProgramError
from planner.evidence.evidence import Evidence
from planner.judging.noise_floor import build_detectable_effects, floor_text
from planner.judging.verdict import build_test_design
from planner.language.finding import Finding, error
from planner.language.program import Program
from planner.records.verdict import DetectableEffect, Verdict


def noise_findings(program: Program, evidence_of: Callable[[str, str], Evidence]) -> list[Finding]:
    """A finding for every gate whose threshold lies under the measured noise floor."""
    found = []
    for phase, rules in program.phases.items():
        for floor in refused(program, evidence_of(phase, rules.fidelity)):
            path = ("phases", phase, "criteria", floor.criterion)
            found.append(error(path, floor_text(floor)))
    return found


def refused(program: Program, evidence: Evidence) -> list[DetectableEffect]:
    """The floors that refuse a gate at the fidelity of this evidence; a smoke run decides nothing."""
    design = build_test_design(program, evidence.phase, evidence.fidelity, final=False)
    if evidence.fidelity == "smoke":
        return []
    return [floor for floor in build_detectable_effects(program, evidence, design) if floor.refused]


def is_futile(verdict: Verdict, design: TestDesign) -> bool:
    """Whether more of the allowed seeds can be expected to decide nothing that noise hides so far.

    Beside a threshold that is refused, what was observed must need more seeds than there may be: an effect
    many times the smallest one that matters is seen through much noise.
    """
    hidden = {floor.criterion for floor in verdict.floors if floor.refused}
    waiting = [c for c in verdict.criteria if c.id in hidden and c.outcome == "undecided"]
    return bool(waiting) and all(c.needs is None or c.needs > design.most_seeds for c in waiting)


def refusal(phase: str, floors: Sequence[DetectableEffect]) -> ProgramError:
    """The error with which ``advance`` refuses a phase."""
    where = [("phases", phase, "criteria", floor.criterion) for floor in floors]
    told = [floor_text(floor) for floor in floors]
    return ProgramError(list(zip(where, told, strict=True)))
