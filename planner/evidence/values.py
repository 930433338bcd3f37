"""Whether a value can be reasoned with, and parameters as text that compares."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

HUGE = 1e300
"""MLflow's SQLite store gives infinity back as 1.797e308, so a magnitude this large is not finite."""


_EXACT = 2**53
"""Up to here a float holds every whole number."""


_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


_WORDS = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}


def is_finite(value: float) -> bool:
    """Whether a value can be reasoned with: not NaN, not infinite, not MLflow's stand-in for it."""
    return math.isfinite(value) and abs(value) < HUGE


def as_text(value: Any) -> str:
    """A parameter as text, the same for every way in which it may have been logged.

    Numbers count by value: ``0.001`` is ``1e-3``, ``5`` is ``5.0``, ``True`` is ``true``, also in lists.
    """
    return _text_as_text(value) if isinstance(value, str) else _value_as_text(value)


@lru_cache(4096)
def _text_as_text(text: str) -> str:
    """The same few texts are compared run by run."""
    return _value_as_text(text)


def _value_as_text(value: Any) -> str:
    try:
        plain = _plain(_parsed(value) if isinstance(value, str) else value)
        return plain if isinstance(plain, str) else json.dumps(plain, sort_keys=True, default=str)
    except RecursionError:  # nested as no parameter is: a text like any other
        return str(value)


def _parsed(text: str) -> Any:
    """What a text says where it is a number, a word for true, false or none, or a list; else the text."""
    text = text.strip()
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        whole = text.lstrip("+-").isdigit()
        return int(text) if whole and len(text) < 1000 else float(text)
    if text[:1] not in ("[", "{", "("):
        return text
    for read in (json.loads, ast.literal_eval):
        try:
            value = read(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
        return value if isinstance(value, list | tuple | dict) else text
    return text


def _plain(value: Any) -> Any:
    """The value with each number in its shortest form."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= _EXACT:
        return int(value)
    return value


NOT_PARAMETERS = frozenset({"seed", "data_seed_offset"})
