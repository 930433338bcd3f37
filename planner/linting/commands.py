"""A program's command: whether it takes what makes one run differ from another."""

from __future__ import annotations

import re
from collections.abc import Iterator

from planner.language.finding import Finding, error, warning
from planner.language.program import Program
from planner.language.suggestions import instead

PLACEHOLDERS = ("params", "flags", "seed", "fidelity", "out")
"""What is replaced in the words of a command (see :mod:`experiments.command`), beside ``params.NAME``."""
_PLACEHOLDER = re.compile(r"(?<!\$)\{([A-Za-z_]\w*(?:\.\w+)?)\}")
"""``{seed}``, and not ``${HOME}``, which is a shell's."""


def command_findings(program: Program) -> Iterator[Finding]:
    """Placeholders that nothing replaces, and commands of which every run would be the same."""
    words = program.command or ()
    named = [(index, name) for index, word in enumerate(words) for name in _PLACEHOLDER.findall(word)]
    for index, name in named:
        fault = _fault(program, words[index], name)
        if fault:
            yield error(("command", index), fault)
    kinds = {name.partition(".")[0] for _, name in named}
    if words and not kinds & {"seed", "params", "flags"}:
        yield error(("command",), "takes neither {seed} nor {params}: every run would be the same")
    elif words and "seed" not in kinds:
        yield warning(("command",), "takes no {seed}: all seeds of an arm would be the same run")


def _fault(program: Program, word: str, name: str) -> str:
    """What is wrong with one placeholder; empty where nothing is."""
    kind, _, parameter = name.partition(".")
    if kind == "params" and parameter:
        holders = (program.with_, *program.arms.values(), *(phase.with_ for phase in program.phases.values()))
        settable = sorted({name for holder in holders for name in holder})
        missing = f"no arm has a parameter '{parameter}'{instead(parameter, settable)}"
        return "" if parameter in settable else missing
    if name not in PLACEHOLDERS:
        offered = ", ".join(f"{{{one}}}" for one in (*PLACEHOLDERS, "params.NAME"))
        return f"'{{{name}}}' is no placeholder; there are {offered}"
    if name == "flags" and word != "{flags}":
        return "{flags} stands for several words: write it as a word of its own"
    return ""
