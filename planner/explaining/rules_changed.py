"""No moved goalposts: the rules under which a phase's evidence was seen before, beside today's."""

from __future__ import annotations

from typing import Any

from planner.explaining.rules_diff import Change, changes
from planner.explaining.trace import Trace


def rules_changed(trace: Trace) -> list[Change]:
    """What differs in the rules since evidence was seen; nothing where the verdict does not rest on that."""
    verdict, before = trace.verdict, trace.before
    if verdict is None or before is None or not (verdict.post_hoc or verdict.set_aside):
        return []
    return changes(before.rules, verdict.rules) if before.rules and verdict.rules else []


def rules_changed_json(trace: Trace) -> list[dict[str, Any]]:
    """Key ``rule_changes`` of ``explain --json``."""
    return [{**c.model_dump(mode="json"), "since": trace.rules_since or None} for c in rules_changed(trace)]


def rules_changed_lines(trace: Trace) -> list[str]:
    """The same for a person."""
    found = rules_changed(trace)
    if not found:
        return []
    since = f" (since {trace.rules_since})" if trace.rules_since else ""
    return [f"rules changed after evidence was seen{since}", *(f"  {change}" for change in found)]
