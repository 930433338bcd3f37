"""A program's sources of evidence: whether they tell its arms apart, and whether filters can be read."""

from __future__ import annotations

from collections.abc import Iterator

from planner.errors import OptionError
from planner.history.filtering import parse_condition
from planner.history.program_arms import setting_of, settings_of_arms
from planner.language.evidence_source import EvidenceSource
from planner.language.finding import Finding, error
from planner.language.program import Program
from planner.language.suggestions import instead


def source_findings(program: Program) -> Iterator[Finding]:
    """Parameters that no arm sets, arms that a source cannot tell apart, and filters that cannot be read."""
    for index, source in enumerate(program.evidence):
        yield from _of_parameters(program, index, source)
        yield from _of_filter(("evidence", index, "where"), source.where)
        yield from _of_arms(program, index, source)
    if program.evidence:
        for name, phase in program.phases.items():
            for arm, condition in phase.select.items():
                yield from _of_filter(("phases", name, "select", arm), condition)


def _of_parameters(program: Program, index: int, source: EvidenceSource) -> Iterator[Finding]:
    settable = {*settings_of_arms(program), *program.with_}
    for name in source.arms_by:
        if name not in settable:
            what = f"no arm sets '{name}'{instead(name, settable)}"
            yield error(("evidence", index, "arms_by"), what)


def _of_filter(path: tuple[str | int, ...], condition: str) -> Iterator[Finding]:
    try:
        parse_condition(condition)
    except OptionError as fault:
        yield error(path, fault.fault)


def _of_arms(program: Program, index: int, source: EvidenceSource) -> Iterator[Finding]:
    """Arms of one phase that have the same values of all that tells arms apart."""
    names = source.arms_by or settings_of_arms(program)
    told_apart: set[frozenset[str]] = set()
    for phase, rules in program.phases.items():
        seen: dict[tuple[str | None, ...], str] = {}
        for arm in rules.arms:
            key = tuple(setting_of(program, phase, arm, names).values())
            other = arm if arm in rules.select else seen.setdefault(key, arm)
            if other != arm and frozenset((arm, other)) not in told_apart:
                told_apart.add(frozenset((arm, other)))
                alike = f"have the same {', '.join(names)}" if names else "set no parameter"
                what = f"'{other}' and '{arm}' {alike}: nothing says which runs are of which arm"
                yield error(("evidence", index, "arms_by"), what)
