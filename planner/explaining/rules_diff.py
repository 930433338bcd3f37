"""What differs between two versions of a phase's rules, key by key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from planner.errors import dotted
from planner.explaining.trace import Trace
from planner.records.base import Record, canonical


class RuleChange(Record):
    """One key whose value differs.

    Attributes:
        path: the keys that lead there, as ``phase.criteria.higher.better_by``.
        old: its value before; None where it was not there, or was null.
        new: its value now; None where it is no longer there, or is null.
    """

    path: str
    old: Any = None
    new: Any = None

    def __str__(self) -> str:
        return f"{self.path}: {_value_text(self.old)} -> {_value_text(self.new)}"


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[RuleChange]:
    """The keys whose values differ, in alphabetical order; both sides are compared as JSON.

    A list whose length changed is one change; otherwise its items are compared one by one. A key with
    null is as good as none.

    Args:
        old: rules as ``gates.phase_rules`` gives them, or as a verdict's ``rules`` keeps them.
        new: the same of another version.
    """
    return list(_changes((), _plain(old), _plain(new)))


def _plain(rules: Mapping[str, Any]) -> Any:
    """The rules as JSON gives them back, so that a tuple is a list."""
    return json.loads(canonical(dict(rules)))


def _changes(path: tuple[str | int, ...], old: Any, new: Any) -> Iterator[RuleChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}):
            yield from _changes((*path, key), old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for i, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _changes((*path, i), one, other)
    elif canonical(old) != canonical(new):
        yield RuleChange(path=dotted(path), old=old, new=new)


def _value_text(value: Any) -> str:
    return "nothing" if value is None else value if isinstance(value, str) else canonical(value)


def rules_changed(trace: Trace) -> list[RuleChange]:
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
    changed = rules_changed(trace)
    if not changed:
        return []
    since = f" (since {trace.rules_since})" if trace.rules_since else ""
    return [f"rules changed after evidence was seen{since}", *(f"  {change}" for change in changed)]
