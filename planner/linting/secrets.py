"""Keys, tokens and passwords that stand in a program file."""

from __future__ import annotations

from collections.abc import Iterator

from planner.language.finding import Finding, warning
from planner.language.program import Program
from planner.text.secrets import secret_values

_WHY = (
    "looks like a secret, and a program file and its records can be read by many; pass it as a variable of "
    "the environment"
)


def secret_findings(program: Program) -> Iterator[Finding]:
    """Parameters and options that are named like a secret and hold a text."""
    holders = [("with", program.with_), *((f"arms.{name}", params) for name, params in program.arms.items())]
    for where, params in holders:
        for name, value in params.items():
            if secret_values({}, params={name: value}):
                yield warning((*where.split(".", 1), name), _WHY)
    for index, word in enumerate(program.command or ()):
        if any(secret in word for secret in secret_values({}, program.command or ())):
            yield warning(("command", index), _WHY)
