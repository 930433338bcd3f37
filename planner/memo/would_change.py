"""The memo's list of what would change a verdict."""

from __future__ import annotations

from collections.abc import Sequence

from planner.explaining.counterfactual_decisions import Flip, nearest
from planner.records.verdict import Verdict
from planner.text.markdown import escape
from planner.text.numbers import number, words


def would_change(verdict: Verdict, flips: Sequence[Flip]) -> list[str]:
    """One line for each criterion that alone would change the verdict, then what would not."""
    nearest_flips = nearest(flips)
    lines = [_line(verdict, flip) for flip in nearest_flips if flip.changes_verdict or flip.changes_decision]
    idle = [f"`{f.flip_point.id}`" for f in nearest_flips if not (f.changes_verdict or f.changes_decision)]
    lines += [f"Alone these leave outcome, case and tier as they are: {', '.join(idle)}"] if idle else []
    return [*_held(verdict), *lines] or ["No criterion has a value that could flip"]


def _line(verdict: Verdict, flip: Flip) -> str:
    flip_point, flipped = flip.flip_point, flip.verdict
    result = verdict.criterion(flip_point.id)
    now = words(result.outcome) if result is not None else ""
    observed = f"{number(flip_point.observed)} {escape(flip_point.unit)}".strip()
    row = f", Case {flipped.case}" if flipped.case else f", Tier {flipped.tier}" if flipped.tier else ""
    chosen = flip.decision.choice
    ahead = (
        f"; next is {flip.decision.action}" + (f" `{chosen}`" if chosen else "")
        if flip.changes_decision
        else ""
    )
    return (
        f"`{flip_point.id}` is {now} at {observed}; beyond {number(flip_point.flips_at)} it is "
        f"{words(flip_point.flips_to)}, and the verdict {flipped.outcome.upper()}{row}{ahead}"
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
