"""Which rule of a program led to a decision: a value in memory, one text in a record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Part = Literal[
    "next",
    "default",
    "triage",
    "diagnose",
    "exhausted",
    "override",
    "arms",
    "seeds",
    "budget",
    "unknown",
]
_DEFAULTS = {
    "back": "back to the triage that opened it",
    "wait": "wait",
    "triage": "triage",
    "stop": "stop",
}


@dataclass(frozen=True)
class RuleRef:
    """The rule that decided; prints as the place in the program, for example ``samebatch.next.D``.

    Attributes:
        phase: the phase that has the rule; for an option, the one whose triage offers it.
        part: ``next`` (an answer that the phase names), ``default`` (where an answer leads that it does not
            name), ``triage`` (an option), ``diagnose``, ``exhausted`` (no option is left), ``override``
            (a person's choice of a phase, or to stop), ``arms`` and ``seeds`` (why runs are made),
            ``budget``, or ``unknown`` (the text of a record that names none of these).
        key: the answer, option or default; of an unknown rule its text.
    """

    phase: str
    part: Part
    key: str = ""

    def __str__(self) -> str:
        if self.part == "default":
            return f"{self.phase}.next (default: {_DEFAULTS.get(self.key, self.key)})"
        whole = {
            "diagnose": f"{self.phase}.triage.diagnose",
            "exhausted": f"{self.phase}.triage",
            "budget": "budget",
            "unknown": self.key,
        }
        return whole.get(self.part) or ".".join(filter(None, (self.phase, self.part, self.key)))

    @property
    def holder(self) -> str | None:
        """The phase whose triage decided; None where none did."""
        return self.phase if self.part in ("triage", "diagnose", "exhausted") else None

    @property
    def answer(self) -> str | None:
        """The answer in ``next`` that led on; None where none did."""
        return self.key if self.part == "next" else None


def read_rule(text: str, phase: str, action: str, choice: str | None) -> RuleRef:
    """The rule of a decision on record.

    Names may hold dots and words like ``triage``, so that a text may mean several rules. What the decision
    says besides tells them apart: only a triage takes an option or runs a diagnosis, and an option is the
    decision's choice. Where both an answer of its own phase and another's triage fit, it is the former.

    Args:
        phase: whose verdict the decision follows.
    """
    for rule in _candidates(text, phase, action, choice or ""):
        if str(rule) == text:
            return rule
    return RuleRef("", "unknown", text)


def _candidates(text: str, phase: str, action: str, choice: str) -> Iterator[RuleRef]:
    if action == "run_diagnostic":
        yield RuleRef(text.removesuffix(".triage.diagnose"), "diagnose")
    of_choice = RuleRef(text.removesuffix(f".triage.{choice}"), "triage", choice)
    if action == "take_option":
        yield of_choice
    yield from (RuleRef(phase, part) for part in ("budget", "override", "arms", "seeds"))
    yield from (RuleRef(phase, "default", key) for key in _DEFAULTS)
    if text.startswith(f"{phase}.next."):
        yield RuleRef(phase, "next", text.removeprefix(f"{phase}.next."))
    yield of_choice
    yield RuleRef(text.removesuffix(".triage"), "exhausted")
