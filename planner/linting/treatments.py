"""Treatments that earlier versions had: what a program asks for that is judged by bounds today."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from planner.language.criterion import Measured
from planner.language.finding import Finding, warning
from planner.language.program import Program
from planner.language.types import EarlierTreatment


def treatment_findings(program: Program) -> Iterator[Finding]:
    """One, at the first criterion that names such a treatment."""
    named = [
        (("phases", name, "criteria", key, "treatment"), rule.treatment)
        for name, phase in program.phases.items()
        for key, rule in phase.criteria.items()
        if isinstance(rule, Measured) and rule.treatment in get_args(EarlierTreatment)
    ]
    if named:
        words = " and ".join(sorted({f"'{treatment}'" for _, treatment in named}))
        others = f" (here and in {len(named) - 1} more)" if len(named) > 1 else ""
        what = f"{words} {'are' if ' and ' in words else 'is'} read as 'bounds', the default{others}"
        yield warning(named[0][0], f"{what}: leave it out")
