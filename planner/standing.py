"""How records stand together: overrides in force, who opened what, and the trace of one phase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from planner.explain import Trace
from planner.policy import Step
from planner.program import Program
from planner.records import Decision, Override, Revocation, Verdict
from planner.supersede import Standing, build_standing, claims_today


def overrides_today(entries: Iterable[Any], now: str) -> list[Override]:
    """The overrides that stand: neither revoked nor expired, oldest first.

    Args:
        entries: journal entries (anything with a ``record``).
        now: ISO 8601; an override that expires on or before this moment no longer stands.
    """
    records = [entry.record for entry in entries]
    revoked = {r.override_id for r in records if isinstance(r, Revocation)}
    return [
        r
        for r in records
        if isinstance(r, Override) and r.id not in revoked and (r.expires is None or r.expires > now)
    ]


def opened_by(steps: Sequence[Step]) -> dict[str, str]:
    """Phase -> the phase whose decision opened it."""
    return {s.decision.target: s.verdict.phase for s in steps if s.decision.target is not None}


def position_standing(
    program: Program,
    verdicts: Mapping[str, Verdict],
    openers: Mapping[str, str],
    code: str | None = None,
    accepted: frozenset[str] = frozenset(),
) -> Standing:
    """What is superseded and stale among these verdicts."""
    return build_standing(program, verdicts, code, accepted, openers)


def trace_of(
    program: Program,
    phase: str,
    verdict: Verdict | None,
    decision: Decision | None,
    verdicts: Mapping[str, Verdict],
    overrides: Sequence[Override],
    standing: Standing,
    at: str = "",
) -> Trace:
    """Everything that an explanation of one phase speaks of."""
    return Trace(
        program=program,
        phase=phase,
        verdict=verdict,
        decision=decision,
        claims=claims_today(verdicts, standing),
        overrides=[o for o in overrides if o.phase == phase],
        standing=standing,
        decided_at=at,
    )
