"""The memo's account of what would change a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from planner.explaining.counterfactual_decisions import Flip, nearest
from planner.records.verdict import Verdict
from planner.text.markdown import escape
from planner.text.numbers import number, words


def would_change(verdict: Verdict, flips: Sequence[Flip]) -> list[str]:
    """One line for each criterion that alone would change the verdict, then what would not."""
    found = nearest(flips)
    lines = [_line(verdict, flip) for flip in found if flip.changes_verdict or flip.changes_decision]
    idle = [
        f"`{flip.flip_point.id}`" for flip in found if not (flip.changes_verdict or flip.changes_decision)
    ]
    lines += [f"Alone these leave outcome, case and tier as they are: {', '.join(idle)}"] if idle else []
    return [*_held(verdict), *lines] or ["No criterion has a value that could flip"]


def _line(verdict: Verdict, flip: Flip) -> str:
    turning, there = flip.flip_point, flip.verdict
    result = verdict.criterion(turning.id)
    now = words(result.outcome) if result is not None else ""
    observed = f"{number(turning.observed)} {escape(turning.unit)}".strip()
    row = f", Case {there.case}" if there.case else f", Tier {there.tier}" if there.tier else ""
    chosen = flip.decision.choice
    ahead = (
        f"; next is {flip.decision.action}" + (f" `{chosen}`" if chosen else "")
        if flip.changes_decision
        else ""
    )
    return (
        f"`{turning.id}` is {now} at {observed}; beyond {number(turning.flips_at)} it is "
        f"{words(turning.flips_to)}, and the verdict {there.outcome.upper()}{row}{ahead}"
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
