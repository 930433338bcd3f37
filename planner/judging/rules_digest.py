"""The rules of a phase as its verdict depends on them, and their digest."""

from __future__ import annotations

from typing import Any

from planner.judging.error_budget import borrowed_rates, build_alpha_shares
from planner.language.program import Program
from planner.language.readings import phase_metrics
from planner.records.base import digest_of


def rules_digest(program: Program, phase: str) -> str:
    """A digest of everything that this phase's verdict depends on in the program."""
    return digest_of(phase_rules(program, phase))


def rules_of_every_phase(program: Program) -> dict[str, str]:
    """Phase -> digest of its rules."""
    return {phase: rules_digest(program, phase) for phase in program.phases}


def phase_rules(program: Program, phase: str) -> dict[str, Any]:
    """Everything that this phase's verdict depends on in the program.

    What follows from a verdict (``next``, ``triage``) is no part of it.
    """
    rules = program.phases[phase]
    body = rules.model_dump(
        mode="json", exclude={"question", "next", "triage", "prediction", "asks_for", "runs_of"}
    )
    budget = program.budget.model_dump(mode="json", include={"seeds_per_arm", "false_fail"})
    budget["false_pass"] = build_alpha_shares(program)[phase].rate
    if program.budget.claims_fdr is not None and rules.claims:
        budget["claims_fdr"] = program.budget.claims_fdr
        budget["claims"] = sum(len(other.claims) for other in program.phases.values())
    borrowed = borrowed_rates(program, phase)
    if borrowed:
        budget["borrowed"] = borrowed
    named = [name for name in sorted(phase_metrics(program, phase)) if name in program.metrics]
    used = {name: program.metrics[name].model_dump(mode="json", exclude={"machine"}) for name in named}
    params = {arm: program.params(phase, arm) for arm in sorted(rules.arms)}
    return {"phase": body, "budget": budget, "metrics": used, "params": params}
