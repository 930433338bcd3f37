"""The memo in brief: its headline, the answer to the phase's question, and what comes next."""

from __future__ import annotations

import re
from collections.abc import Sequence

from planner.deciding.next_command import commands_after
from planner.explaining.headline import headline_facts
from planner.language.program import Program
from planner.lineage.staleness import Validity
from planner.records.decision import Decision
from planner.records.person import Override
from planner.records.verdict import Verdict
from planner.text.markdown import escape

_OPEN_QUESTION = re.compile(r"(^|[,;:] )(which|what|how|why|when|where|who|whose)\b|\bor\b", re.IGNORECASE)
"""Questions that yes or no does not answer."""


def headline(verdict: Verdict, validity: Validity, overrides: Sequence[Override] = ()) -> str:
    """``PASS, Case D, confirmed``; who rejects it, what has replaced it or made it stale comes behind."""
    safe = [o.model_copy(update={"by": escape(o.by)}) for o in overrides]
    return ", ".join([verdict.outcome.upper(), *headline_facts(verdict, validity, safe)])


def answer_line(program: Program, verdict: Verdict) -> str:
    """The answer to the phase's question, and what the row of the table means."""
    meaning = f"{verdict.means[:1].upper()}{verdict.means[1:]}." if verdict.means else ""
    answer = _answer(program.phases[verdict.phase].question, verdict, bool(meaning))
    return f"{answer} {meaning}".strip()


def _answer(question: str, verdict: Verdict, explained: bool) -> str:
    equivalent = verdict.outcome == "fail" and verdict.cause == "equivalent"
    if equivalent:
        return "No difference worth having was found: what was compared is equivalent."
    if verdict.outcome in ("pass", "fail"):
        if not _OPEN_QUESTION.search(question):
            return "Yes." if verdict.outcome == "pass" else "No."
        passed = (
            "Every criterion of the gate is met." if verdict.outcome == "pass" else "The gate is not met."
        )
        return "" if explained else passed
    return {
        "inconclusive": "Not decided.",
        "invalid": "Cannot be told: the evidence is invalid.",
        "blocked": "Not yet: the phase is blocked.",
    }[verdict.outcome]


def next_step(program: Program, decision: Decision | None, verdict: Verdict | None = None) -> str:
    """What happens next, in a sentence; where a person is waited for, what to type.

    Args:
        verdict: that the decision follows.
    """
    if decision is None:
        return "Nothing has been decided yet."
    if decision.action == "stop":
        due = ", ".join(f"`{due.option}`" for due in decision.due)
        return "Nothing: the program ends here." + (f" Deferred, and due by now: {due}." if due else "")
    question = escape(program.phases[decision.target].question) if decision.target in program.phases else ""
    if decision.action == "wait":
        opens = f" It opens `{decision.target}`: {question}" if question else ""
        return f"{_awaited(decision)}: {_commands_text(program, decision, verdict)}.{opens}"
    return f"`{decision.choice}`: {question}" if question else f"`{decision.choice}`"


def _awaited(decision: Decision) -> str:
    if decision.choice is None:
        return "A person looks at the verdict and decides what follows"
    waits = {"to_approve": "approves", "to_act": "acts on", "to_confirm": "decides on"}
    return f"A person {waits.get(decision.needs_person or '', 'looks at')} `{decision.choice}`"


def _commands_text(program: Program, decision: Decision, verdict: Verdict | None) -> str:
    return " or ".join(f"`{command}`" for command in commands_after(program, decision, verdict))
