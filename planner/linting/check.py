"""The static check of a program: what can be known to be wrong before anything is run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from planner.language.finding import Finding, error
from planner.language.program import Phase, Program
from planner.language.references import faults
from planner.linting.arms import (
    arm_findings,
    compared_findings,
    guard_findings,
    select_findings,
    tuned_findings,
)
from planner.linting.bounds import bound_findings, metric_findings
from planner.linting.budget import seed_findings, spending_findings
from planner.linting.claims import claim_findings, expected_findings, row_findings, twice_findings
from planner.linting.commands import command_findings
from planner.linting.decision_tables import case_findings, combined_findings, gate_findings, tier_findings
from planner.linting.evidence_sources import source_findings
from planner.linting.flags import flag_findings
from planner.linting.monotonicity import grading_findings
from planner.linting.noise import noise_findings
from planner.linting.reachability import path_findings
from planner.linting.secrets import secret_findings
from planner.linting.treatments import treatment_findings
from planner.phase_graph.graph import graph_faults

__all__ = ["Finding", "check"]


def check(program: Program) -> list[Finding]:
    """Every finding about an expanded program: by phase, then what concerns several.

    Tables, graph and arms are looked at only where all names lead somewhere.
    """
    broken = faults(program)
    if broken:
        return [error(path, what) for path, what in broken]
    findings = [
        *command_findings(program),
        *secret_findings(program),
        *treatment_findings(program),
        *metric_findings(program),
        *source_findings(program),
        *(error(path, what) for path, what in graph_faults(program)),
    ]
    for name, phase in program.phases.items():
        own = [finding for part in _PARTS for finding in part(program, name, phase)]
        # What a phase has from another by same_as is wrong there, once.
        inherited = {_said(finding) for finding in findings if finding.where[:2] == ("phases", phase.same_as)}
        findings += [finding for finding in own if _said(finding) not in inherited]
    return [*findings, *path_findings(program), *arm_findings(program), *spending_findings(program)]


def _said(finding: Finding) -> tuple[tuple[str | int, ...], str]:
    return finding.where[2:], finding.what


_PARTS: tuple[Callable[[Program, str, Phase], Iterator[Finding]], ...] = (
    bound_findings,
    flag_findings,
    noise_findings,
    gate_findings,
    combined_findings,
    case_findings,
    tier_findings,
    grading_findings,
    guard_findings,
    compared_findings,
    tuned_findings,
    claim_findings,
    expected_findings,
    row_findings,
    twice_findings,
    seed_findings,
    select_findings,
)
