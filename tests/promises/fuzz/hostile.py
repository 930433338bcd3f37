"""Values that have broken programs before."""

from __future__ import annotations

from random import Random
from typing import Any

TEXTS = (
    "",
    " ",
    "\n",
    "a\nb",
    "\x00",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b2J",
    "\r overwritten",
    "\u202egnp.exe",
    "\u200f\u2066x",
    "\u2028",
    "\ud800",
    "<script>window.owned=1</script>",
    '<img src=x onerror="window.owned=1">',
    "![x](http://127.0.0.1:9/x.png)",
    "[x](javascript:alert(1))",
    "[x] (http://127.0.0.1:9/)",
    "[x]: http://127.0.0.1:9/",
    "<http://127.0.0.1:9/>",
    "# heading",
    "~~~",
    "```",
    "---",
    "- item",
    "1. item",
    "> quote",
    "a | b | c",
    "`code`",
    "**bold** _it_ ~~no~~",
    "&lt;b&gt;",
    "\\",
    "{{ 7 * 7 }}",
    "{% raw %}",
    "%s%n{0}",
    "$(touch owned)",
    "; touch owned",
    "`touch owned`",
    "' OR '1'='1",
    '"',
    "../../owned",
    "/etc/passwd",
    "..",
    ".",
    "~",
    "con",
    "null",
    "true",
    "nan",
    "inf",
    "-inf",
    "1e3",
    "1e999",
    "--1",
    "-1",
    "0",
    "\u0663",
    "0x10",
    "9" * 30,
    "9" * 5000,
    "x" * 300,
    "y" * 5000,
    "[" * 3000,
    '{"a":' * 3000,
    "\u0440hase",
    "FIRST",
    "2026-13-45",
    "0001-01-01T00:00:00+00:00",
    "9999-12-31T23:59:59-23:59",
    "phase",
    "decision",
    "run",
    "override",
    "exclusion",
    "keep",
    "revocation",
    "stop",
    "triage",
    "wait",
    "back",
    "pass",
    "blocked",
)
NUMBERS: tuple[Any, ...] = (
    0,
    1,
    -1,
    2**31,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    10**18,
    10**40,
    10**400,
    0.0,
    -0.0,
    1e-320,
    1e-9,
    0.5,
    1e9,
    1e154,
    1e299,
    1e300,
    1.797e308,
    -1.797e308,
    float("inf"),
    float("-inf"),
    float("nan"),
)
OTHER: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, {"a": {"a": {"a": []}}})


def text(chance: Random) -> str:
    """A text that means harm."""
    one = chance.choice(TEXTS)
    return one + chance.choice(TEXTS) if chance.random() < 0.1 else one


def number(chance: Random) -> Any:
    """A number that overflows something, or nearly."""
    return chance.choice(NUMBERS)


def value(chance: Random) -> Any:
    """Any value that can be written down."""
    return chance.choice((text, number, lambda c: c.choice(OTHER)))(chance)
