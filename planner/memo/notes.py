"""What is to be said below a memo's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from planner.language.program import Program
from planner.memo.results import seeds_of_arms
from planner.records.verdict import Verdict


def build_notes(program: Program, verdict: Verdict, criteria: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Which remarks the tables call for, as the template names them."""
    counts = seeds_of_arms(verdict)
    several = max(counts.values(), default=0) > 1
    return {
        "single": not several,
        "intervals": any(row.estimate.interval for row in (*verdict.table, *verdict.readings)),
        "looked": any(" of " in c["n"] for c in criteria),
        "uneven": len(set(counts.values())) > 1,
        "ratios": several and any(c.unit == "ratio" for c in verdict.criteria),
        "logarithms": _judged_by_logarithm(program, verdict),
    }


def _judged_by_logarithm(program: Program, verdict: Verdict) -> str:
    """The metrics whose geometric means criteria are about."""
    used = dict.fromkeys(c.metric for c in verdict.criteria if c.metric in program.metrics)
    return " and ".join(name for name in used if name and program.metrics[name].transform)
