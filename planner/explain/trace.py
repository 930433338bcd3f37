"""What one explanation speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from planner.program import Program
from planner.records import ClaimResult, Decision, Override, Verdict
from planner.supersede import Standing


@dataclass(frozen=True)
class Trace:
    """Everything that one explanation speaks of.

    Attributes:
        verdict: None where the phase has not been judged.
        decision: the one that followed, or led to runs; None where there is none.
        claims: of the whole program, as they stand today.
        overrides: of the phase, revoked ones left out.
        decided_at: when the decision was recorded.
    """

    program: Program
    phase: str
    verdict: Verdict | None
    decision: Decision | None
    claims: Sequence[ClaimResult]
    overrides: Sequence[Override]
    standing: Standing
    decided_at: str = ""
