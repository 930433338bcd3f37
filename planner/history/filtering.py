"""A condition on runs in MLflow's words: ``params.dataset = 'cifar10' and tags.team != 'x'``."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from planner.errors import OptionError
from planner.history.logged_run import LoggedRun

_NAME = (
    r"""(?P<kind>params?|parameters?|tags?|attributes?|run|metrics?)\.(?P<name>"[^"]+"|`[^`]+`|[\w./:\-]+)"""
)
_PLAIN_NAME = r"""(?P<plain>"[^"]+"|`[^`]+`|\w+)"""
_VALUE = r"""'(?P<single>[^']*)'|"(?P<double>[^"]*)"|(?P<number>[+-]?[\d.]+(?:[eE][+-]?\d+)?)"""
_LIST = r"\((?P<list>[^()]*)\)"
_CLAUSE = re.compile(
    rf"\s*(?:{_NAME}|{_PLAIN_NAME})\s*(?P<sign>!=|<=|>=|=|<|>|\bnot\s+in\b|\bin\b|\bi?like\b)\s*(?:{_VALUE}|{_LIST})\s*",
    re.IGNORECASE,
)
_ITEM = re.compile(rf"\s*(?:{_VALUE})\s*(?:,|$)")
_AND = re.compile(r"and\b", re.IGNORECASE)
_FORM = "params.NAME = 'VALUE', joined by 'and'; signs are =, !=, <, <=, >, >=, like, in"


class _Clause(NamedTuple):
    """One comparison: which field of a run, how, and with what."""

    kind: str
    name: str
    sign: str
    values: tuple[str, ...]

    def holds(self, run: LoggedRun) -> bool:
        held = _held(run, self.kind, self.name)
        if held is None:
            return False
        return _SIGNS[self.sign](held, self.values)


def parse_condition(text: str) -> Callable[[LoggedRun], bool]:
    """A test for runs; an empty text is met by all.

    Raises:
        UsageError: the text is no condition; says where it ends to be one.
    """
    clauses: list[_Clause] = []
    position = 0
    while text[position:].strip():
        if clauses:
            joint = _AND.match(text, position)
            position = joint.end() if joint else _refuse(text, position)
        match = _CLAUSE.match(text, position)
        if match is None:
            _refuse(text, position)
        else:
            clauses.append(_clause(text, match))
            position = match.end()
    return lambda run: all(clause.holds(run) for clause in clauses)


def _refuse(text: str, position: int) -> int:
    raise OptionError("where", f"cannot read '{text[position:].strip()}'; write {_FORM}")


def _clause(text: str, match: re.Match[str]) -> _Clause:
    kind = (match["kind"] or "attribute").lower().removesuffix("s").replace("parameter", "param")
    if kind == "metric":
        raise OptionError("where", "runs are not chosen by what they measured, which would choose the answer")
    sign = " ".join(match["sign"].lower().split())
    listed = match["list"]
    if (listed is not None) != (sign in ("in", "not in")):
        _refuse(text, match.start())
    values = _listed(text, match, listed) if listed is not None else (_value(match),)
    return _Clause(kind, (match["name"] or match["plain"]).strip('"`'), sign, values)


def _listed(text: str, clause: re.Match[str], listed: str) -> tuple[str, ...]:
    """The values of a list: quoted or numbers, with commas between them."""
    values, position = [], 0
    while listed[position:].strip():
        match = _ITEM.match(listed, position)
        if match is None:
            _refuse(text, clause.start())
            break
        values.append(_value(match))
        position = match.end()
    return tuple(values)


def _value(match: re.Match[str]) -> str:
    return next((match[form] for form in ("single", "double", "number") if match[form] is not None), "")


def _held(run: LoggedRun, kind: str, name: str) -> str | None:
    if kind == "param":
        return run.params.get(name)
    if kind == "tag":
        return run.tags.get(name)
    attributes = {
        "status": run.status.upper(),
        "run_id": run.id,
        "run_name": run.name,
        "experiment": run.experiment,
        "start_time": None if run.began is None else str(int(run.began * 1000)),
    }
    if name not in attributes:
        raise OptionError(
            "where", f"a run has no '{name}'; there are params.NAME, tags.NAME, {', '.join(attributes)}"
        )
    return attributes[name]


def _ordered(held: str, value: str) -> int:
    """-1, 0 or 1: as numbers where both are."""
    try:
        left, right = float(held), float(value)
    except ValueError:
        return (held > value) - (held < value)
    if left != left or right != right:
        return (held > value) - (held < value)
    return (left > right) - (left < right)


def _like(held: str, pattern: str, flags: int = 0) -> bool:
    parts = re.split(r"([%_])", pattern)
    regex = "".join({"%": ".*", "_": "."}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(regex, held, flags | re.DOTALL) is not None


_SIGNS: dict[str, Callable[[str, tuple[str, ...]], bool]] = {
    "=": lambda held, values: _ordered(held, values[0]) == 0,
    "!=": lambda held, values: _ordered(held, values[0]) != 0,
    "<": lambda held, values: _ordered(held, values[0]) < 0,
    "<=": lambda held, values: _ordered(held, values[0]) <= 0,
    ">": lambda held, values: _ordered(held, values[0]) > 0,
    ">=": lambda held, values: _ordered(held, values[0]) >= 0,
    "in": lambda held, values: any(_ordered(held, value) == 0 for value in values),
    "not in": lambda held, values: all(_ordered(held, value) != 0 for value in values),
    "like": lambda held, values: _like(held, values[0]),
    "ilike": lambda held, values: _like(held, values[0], re.IGNORECASE),
}
