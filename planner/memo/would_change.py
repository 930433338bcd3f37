"""The memo's account of what would change a verdict."""

from __future__ import annotations

from collections.abc import Mapping

from planner.criteria.wording import number, words
from planner.markdown import escape
from planner.program import Program
from planner.records import Verdict
from planner.turning import Turning, turnings


def would_change(program: Program, verdict: Verdict, earlier: Mapping[str, Verdict]) -> list[str]:
    """One line for each criterion that alone would change the verdict, then what would not.

    Args:
        earlier: verdicts of the phases whose criteria this one's rules name.
    """
    found = turnings(program, verdict, earlier)
    lines = [_line(verdict, turning) for turning in found if turning.changes]
    idle = [f"`{turning.id}`" for turning in found if not turning.changes]
    lines += [f"Alone these leave outcome, case and tier as they are: {', '.join(idle)}"] if idle else []
    return [*_held(verdict), *lines] or ["No criterion has a value that could flip"]


def _line(verdict: Verdict, turning: Turning) -> str:
    result = verdict.criterion(turning.id)
    now = words(result.outcome) if result is not None else ""
    observed = f"{number(turning.observed)} {escape(turning.unit)}".strip()
    row = f", Case {turning.case}" if turning.case else f", Tier {turning.tier}" if turning.tier else ""
    return (
        f"`{turning.id}` is {now} at {observed}; beyond {number(turning.flips_at)} it is "
        f"{words(turning.flips_to)}, and the verdict {turning.outcome.upper()}{row}"
    )


def _held(verdict: Verdict) -> list[str]:
    """The guards that settle a verdict whatever its criteria say."""
    if verdict.outcome not in ("blocked", "invalid"):
        return []
    broken = [g for g in verdict.guards if g.consequence == verdict.outcome and g.outcome != "met"]
    return [
        f"Guard `{escape(g.id)}` keeps it {verdict.outcome} whatever else holds: {escape(g.reason)}"
        for g in broken
    ]
