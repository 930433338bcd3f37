"""What criteria come down to, and which of them gates, rows and claims ask about."""

from __future__ import annotations

from collections.abc import Iterable

from planner.language.criterion import Combined
from planner.language.program import ClaimRule, Program
from planner.language.references import resolve

Key = tuple[str, str]


def basics_under(program: Program, phase: str, refs: Iterable[str]) -> list[Key]:
    """The measured criteria that references of a phase come down to."""
    roots = [key for key in (resolve(program, phase, ref) for ref in refs) if key]
    return [key for key, below in criterion_parts(program, roots).items() if not below]


def criterion_parts(program: Program, roots: list[Key]) -> dict[Key, list[Key]]:
    """Each criterion that the roots come down to -> its parts (none for a measured one)."""
    parts_of: dict[Key, list[Key]] = {}
    waiting = roots[::-1]
    while waiting:
        key = waiting.pop()
        if key not in parts_of:
            criterion = program.phases[key[0]].criteria[key[1]]
            refs = criterion.parts if isinstance(criterion, Combined) else []
            parts_of[key] = [part for part in (resolve(program, key[0], ref) for ref in refs) if part]
            waiting += parts_of[key][::-1]
    return parts_of


def criteria_consulted(program: Program, phase: str) -> list[str]:
    """Every reference to a criterion that a phase's verdict depends on, each once."""
    rules = program.phases[phase]
    refs = [*rules.gate, *rules.guards]
    refs += [name for row in rules.rows for name in row.conditions]
    refs += [name for claim in rules.claims.values() for name in conditions(claim)]
    refs += [part for rule in rules.criteria.values() for part in getattr(rule, "parts", [])]
    return list(dict.fromkeys(refs))


def conditions(rule: ClaimRule) -> list[str]:
    """Every criterion that a claim speaks of, each once."""
    lists = (rule.supported, rule.supported_in_direction, rule.equivalent, rule.refuted, rule.caveat_unless)
    return list(dict.fromkeys(name for listed in lists for name in listed))
