"""Futility: gates that no allowed number of seeds can decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from planner.criteria.test_design import TestDesign
from planner.errors import ProgramError
from planner.evidence.evidence import Evidence
from planner.judging.noise_floor import build_detectable_effects, detectable_effect_text
from planner.judging.verdict import build_test_design
from planner.language.finding import Finding, error
from planner.language.program import Program
from planner.records.verdict import DetectableEffect, Verdict


def noise_findings(program: Program, evidence_of: Callable[[str, str], Evidence]) -> list[Finding]:
    """A finding for every gate whose threshold lies under the measured noise floor."""
    findings = []
    for phase, rules in program.phases.items():
        for effect in undetectable_effects(program, evidence_of(phase, rules.fidelity)):
            path = ("phases", phase, "criteria", effect.criterion)
            findings.append(error(path, detectable_effect_text(effect)))
    return findings


def undetectable_effects(program: Program, evidence: Evidence) -> list[DetectableEffect]:
    """The effects that a gate states and no allowed number of seeds can detect; none at fidelity smoke."""
    design = build_test_design(program, evidence.phase, evidence.fidelity, final=False)
    if evidence.fidelity == "smoke":
        return []
    return [effect for effect in build_detectable_effects(program, evidence, design) if effect.refused]


def is_futile(verdict: Verdict, design: TestDesign) -> bool:
    """Whether more of the allowed seeds can be expected to decide nothing that noise hides so far.

    Beside a threshold that is refused, what was observed must need more seeds than there may be: an effect
    many times the smallest one that matters is seen through much noise.
    """
    hidden = {effect.criterion for effect in verdict.floors if effect.refused}
    waiting = [c for c in verdict.criteria if c.id in hidden and c.outcome == "undecided"]
    return bool(waiting) and all(c.needs is None or c.needs > design.most_seeds for c in waiting)


def futility_error(phase: str, effects: Sequence[DetectableEffect]) -> ProgramError:
    """The error with which ``advance`` refuses a phase."""
    where = [("phases", phase, "criteria", effect.criterion) for effect in effects]
    texts = [detectable_effect_text(effect) for effect in effects]
    return ProgramError(list(zip(where, texts, strict=True)))
