"""What to say about names that lead nowhere, or that people would mix up."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

from planner.errors import Problem

Node = TypeVar("Node", bound=Hashable)

_MOST_LISTED = 8


def instead(name: str, choices: Iterable[str]) -> str:
    """What may be meant by a name that is not known: ``; did you mean 'x'?`` or ``; known: a, b``."""
    names = list(choices)
    meant = closest(name, names)
    if meant is not None:
        return f"; did you mean '{meant}'?"
    shown = ", ".join(names[:_MOST_LISTED]) + (", ..." if len(names) > _MOST_LISTED else "")
    return f"; known: {shown}" if names else "; there is none"


def closest(name: str, choices: Iterable[str]) -> str | None:
    """The known name that someone may have mistyped."""
    import difflib  # only where there is something wrong: every command loads a program

    matches = difflib.get_close_matches(name[:160], list(choices), n=1)
    return matches[0] if matches else None


def alike(names: Iterable[str], path: tuple[str | int, ...], sort: str) -> Iterator[Problem]:
    """Names that differ in nothing but case: on some file systems, and to some readers, they are one."""
    seen: dict[str, str] = {}
    for name in names:
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            yield (*path, name), f"{sort} '{name}' and '{other}' differ only in case: choose clearer names"


def repeated(names: Iterable[str], path: tuple[str | int, ...], sort: str) -> Iterator[Problem]:
    """Names that a list holds twice."""
    seen: set[str] = set()
    reported: set[str] = set()
    for name in names:
        if name in seen and name not in reported:
            reported.add(name)
            yield path, f"{sort} '{name}' is listed twice"
        seen.add(name)


def circles(leads_to: dict[Node, list[Node]]) -> Iterator[list[Node]]:
    """Circles in what leads to what, each once, first name first and last."""
    import graphlib

    left = dict(leads_to)
    while True:
        try:
            graphlib.TopologicalSorter({k: [v for v in vs if v in left] for k, vs in left.items()}).prepare()
        except graphlib.CycleError as error:
            circle: list[Node] = error.args[1][::-1]
            yield circle
            left = {k: v for k, v in left.items() if k not in circle}
        else:
            return
