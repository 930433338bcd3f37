"""The memo's table of what ran: each arm's parameters as its runs logged them, and what is only declared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from planner.evidence.values import as_text
from planner.language.program import Program
from planner.memo.results import seeds_of_arms
from planner.records.base import Record
from planner.records.verdict import Verdict

_FEW = 3
"""So many values of a parameter that differs from seed to seed are listed."""


class ParameterValue(Record):
    """A parameter of one arm.

    Attributes:
        logged: a run logged it; otherwise the program declares it, and nothing more is known.
    """

    text: str
    logged: bool


class ArmRow(Record):
    """One arm of a phase, for the memo's table."""

    arm: str
    params: str
    seeds: str


def what_ran(program: Program, verdict: Verdict) -> tuple[list[ArmRow], str]:
    """(one entry per arm, what all arms have in common)."""
    arms = program.phases[verdict.phase].arms
    by_arm = {arm: _values(program, verdict, arm) for arm in arms}
    ran = {params.arm for params in verdict.params} or set(arms)
    shared = {**program.with_, **program.phases[verdict.phase].with_}
    own = {name for arm in arms for name in program.arms[arm]}
    common = {
        name: texts.pop()
        for name in shared
        if name not in own and len(texts := {by_arm[arm][name] for arm in ran}) == 1
    }
    rows, seeds = [], seeds_of_arms(verdict)
    for arm in arms:
        params = _parameter_text({name: value for name, value in by_arm[arm].items() if name not in common})
        rows.append(ArmRow(arm=arm, params=params, seeds=str(seeds.get(arm, "-"))))
    return rows, _parameter_text(common)


def _values(program: Program, verdict: Verdict, arm: str) -> dict[str, ParameterValue]:
    """The parameters of an arm: its own, then those of all arms, then what it logged beyond."""
    logged = next((p.logged for p in verdict.params if p.arm == arm), {})
    declared = program.params(verdict.phase, arm)
    names = dict.fromkeys([*program.arms[arm], *declared, *logged])
    return {
        name: ParameterValue(text=_several(logged[name]), logged=True)
        if name in logged
        else ParameterValue(text=_plain(as_text(declared[name])), logged=False)
        for name in names
    }


def _parameter_text(values: Mapping[str, ParameterValue]) -> str:
    logged = _listed((name, value.text) for name, value in values.items() if value.logged)
    declared = _listed((name, value.text) for name, value in values.items() if not value.logged)
    return "; ".join([*([logged] if logged else []), *([f"declared: {declared}"] if declared else [])])


def _listed(pairs: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {text}" for name, text in pairs)


def _several(values: tuple[str, ...]) -> str:
    """The values that the seeds of an arm have."""
    if len(values) <= _FEW:
        return " or ".join(map(_plain, values))
    return f"{_plain(values[0])} and {len(values) - 1} other values"


def _plain(text: str) -> str:
    """A parameter, written as ``as_text`` writes it, in words."""
    try:
        return _spoken(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _spoken(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return " and ".join(map(_spoken, value)) or "none"
    return "none" if value is None else str(value)
