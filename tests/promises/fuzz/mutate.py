"""Damage: to bytes, and to data that keeps its form."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from random import Random
from typing import Any

from tests.promises.fuzz import hostile

PIECES = (
    b"",
    b"\n",
    b"{",
    b"}",
    b"[",
    b"]",
    b": ",
    b"- ",
    b"\t",
    b"'",
    b'"',
    b"\x00",
    b"\xff",
    b"&a ",
    b"*a ",
    b"!!x ",
)
Place = tuple[Any, Any]
"""A container and the key or index in it."""


def damaged_bytes(data: bytes, chance: Random) -> bytes:
    """A file with a few bytes flipped, cut out, doubled or put in, or cut short."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        at = chance.randrange(len(changed) + 1)
        end = min(len(changed), at + chance.choice((1, 2, 8, 40, 400)))
        kind = chance.randrange(6)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[at:end]
        elif kind == 2:
            changed[at:at] = changed[at:end] * chance.choice((1, 1, 50))
        elif kind == 3:
            changed[at:end] = chance.choice(PIECES)
        elif kind == 4:
            changed[at:at] = hostile.text(chance).encode("utf-8", "replace")
        elif chance.random() < 0.3:
            del changed[at:]
    return bytes(changed)


def damaged(data: Any, chance: Random) -> Any:
    """A copy of plain data with one to four things changed."""
    changed = copy.deepcopy(data)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        places = list(_places(changed))
        if not places:
            return hostile.value(chance)
        _change(places, chance)
    return changed


def _places(data: Any) -> Iterator[Place]:
    todo = [data]
    while todo:
        one = todo.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            yield one, key
            todo.append(one[key])


def _change(places: list[Place], chance: Random) -> None:
    holds, key = chance.choice(places)
    other, at = chance.choice(places)
    kind = chance.randrange(9)
    if kind == 0:
        del holds[key]
    elif kind == 1:
        holds[key] = copy.deepcopy(other[at])
    elif kind == 2:
        holds[key], other[at] = copy.deepcopy(other[at]), copy.deepcopy(holds[key])
    elif kind == 3:
        holds[key] = hostile.value(chance)
    elif kind == 4:
        holds[key] = chance.choice((str(holds[key])[:2000], [holds[key]], {"x": holds[key]}))
    elif kind == 5 and isinstance(holds, dict):
        holds[_key(chance, places)] = holds.pop(key) if chance.random() < 0.5 else copy.deepcopy(holds[key])
    elif kind == 6 and isinstance(holds, list):
        holds.extend(copy.deepcopy(holds[:50]) * chance.choice((1, 20)))
    elif kind == 7:
        named = [p for p in places if isinstance(p[0][p[1]], str)]  # a name where another name was
        if named:
            (a, i), (b, j) = chance.choice(named), chance.choice(named)
            a[i] = b[j] if chance.random() < 0.7 else str(j)
    else:
        numbers = [p for p in places if isinstance(p[0][p[1]], int | float)]
        if numbers:
            a, i = chance.choice(numbers)
            a[i] = hostile.number(chance)


def _key(chance: Random, places: list[Place]) -> str:
    if chance.random() < 0.5:
        return hostile.text(chance)
    return str(chance.choice(places)[1])
