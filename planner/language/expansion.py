"""From the written form of a program to the full one: families of arms, ``same_as`` and ``swap``."""

from __future__ import annotations

import copy
import itertools
import re
from typing import Any

from planner.errors import ProgramError

_HOLE = re.compile(r"\{([A-Za-z0-9_.\-]+)\}")
_NOT_INHERITED = {"question", "next", "prediction", "claims", "triage", "supersedes", "same_as", "swap"}
_ARM_LISTS = ("arms", "best_first", "each_of", "any_arm", "spread_of")
_MOST_ARMS = 1000
_MOST_VALUES = 200_000
_LONGEST_CHAIN = 20
_TOO_LARGE = "the program is too large once all is spelled out"


def expand(raw: dict[str, Any]) -> dict[str, Any]:
    """A copy of a program in which every arm and every phase is spelled out.

    Raises:
        ProgramError: a family without a list to run over, a ``same_as`` that leads nowhere.
    """
    full = copy.deepcopy(raw)
    families: dict[str, list[str]] = {}
    arms: dict[str, Any] = {}
    left = _MOST_VALUES
    for pattern, params in raw["arms"].items():
        members = _members(pattern, params or {})
        families[pattern] = list(members)
        for name in members:
            if name in arms:
                raise ProgramError([(("arms", pattern), f"arm '{name}' is declared twice")])
        arms.update(members)
        if len(arms) > _MOST_ARMS:
            raise ProgramError([(("arms", pattern), f"more than {_MOST_ARMS} arms")])
        left -= len(members) * _weight(params)
        if left < 0:
            raise ProgramError([(("arms", pattern), _TOO_LARGE)])
    full["arms"] = arms
    if raw.get("deterministic"):
        full["metrics"] = {name: {"deterministic": True, **metric} for name, metric in raw["metrics"].items()}
    full["phases"] = phases = {}
    for name in raw["phases"]:
        phases[name] = _inherit(raw["phases"], name, ())
        left -= _spell_out(phases[name], families) + _weight(phases[name])
        # A few lines of families and same_as can stand for more than a machine holds.
        if left < 0:
            raise ProgramError([(("phases", name), _TOO_LARGE)])
    return full


def _weight(value: Any) -> int:
    """How many values there are in a value."""
    if isinstance(value, dict):
        return 1 + sum(map(_weight, value.values()))
    return 1 + sum(map(_weight, value)) if isinstance(value, list) else 1


def _members(pattern: str, params: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The arms that a pattern stands for: one for each combination of its lists."""
    holes = _HOLE.findall(pattern)
    for hole in holes:
        if not isinstance(params.get(hole), list) or not params[hole]:
            raise ProgramError([(("arms", pattern), f"'{{{hole}}}' needs a list of values under '{hole}'")])
    members: dict[str, dict[str, Any]] = {}
    for values in itertools.islice(itertools.product(*(params[h] for h in holes)), _MOST_ARMS + 1):
        chosen = dict(zip(holes, values, strict=True))
        name = "".join(str(chosen[part]) if i % 2 else part for i, part in enumerate(_HOLE.split(pattern)))
        members[name] = {**params, **chosen}
    return members


def _inherit(phases: dict[str, Any], name: str, seen: tuple[str, ...]) -> dict[str, Any]:
    """A phase with what ``same_as`` gives it; its own keys win."""
    own = copy.deepcopy(phases[name])
    base_name = own.get("same_as")
    if base_name is None:
        return dict(own)
    if base_name not in phases or base_name in (*seen, name) or len(seen) >= _LONGEST_CHAIN:
        what = "is no phase" if base_name not in phases else "leads in a circle"
        if len(seen) >= _LONGEST_CHAIN:
            what = f"is the end of a chain of more than {_LONGEST_CHAIN} phases"
        raise ProgramError([(("phases", name, "same_as"), f"'{base_name}' {what}")])
    base = _inherit(phases, base_name, (*seen, name))
    base = {k: v for k, v in base.items() if k not in _NOT_INHERITED}
    for old in own.get("swap", {}):
        if old not in base.get("arms", []):
            raise ProgramError([(("phases", name, "swap", old), f"'{old}' is no arm of '{base_name}'")])
    return {**_swapped(base, own.get("swap", {})), **own}


def _swapped(base: dict[str, Any], swap: dict[str, str]) -> dict[str, Any]:
    for key in ("arms", "criteria"):
        if key in base:
            base[key] = _replace(base[key], swap, key == "arms")
    if "select" in base:
        base["select"] = {swap.get(arm, arm): query for arm, query in base["select"].items()}
    return base


def _replace(value: Any, swap: dict[str, str], is_arm: bool) -> Any:
    if isinstance(value, list):
        return [_replace(v, swap, is_arm) for v in value]
    if isinstance(value, dict):
        arm_keys = {"arm", "versus", *_ARM_LISTS}
        return {k: _replace(v, swap, k in arm_keys) for k, v in value.items()}
    return swap.get(value, value) if is_arm and isinstance(value, str) else value


def _spell_out(phase: dict[str, Any], families: dict[str, list[str]]) -> int:
    """Replaces a family's pattern by its members wherever arms are listed; how many names that makes."""
    names = 0
    for holder in (phase, *phase.get("criteria", {}).values()):
        for key in (*_ARM_LISTS, *(["versus"] if "blocks" in holder else [])):
            if key in holder:
                listed = holder[key] if isinstance(holder[key], list) else [holder[key]]
                names += sum(len(families.get(item, "-")) for item in listed)
                if names > _MOST_VALUES:
                    return names
                holder[key] = [member for item in listed for member in families.get(item, [item])]
    return names
