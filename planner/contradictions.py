"""Where a person's word goes against a verdict that is confirmed: it is recorded all the same, and said."""

from __future__ import annotations

from planner.language.program import Program
from planner.records.person import Override
from planner.records.verdict import Verdict
from planner.text.numbers import number

CONTRADICTS = "contradicts a confirmed verdict"


def contradiction(program: Program, told: Override, verdict: Verdict) -> str:
    """Which confirmed verdict an override contradicts, in words; empty where it contradicts none.

    To reject a confirmed verdict does, and so does to choose anything else (``stop`` included) than
    what the rules take after a verdict that is confirmed and decides the way. To accept a verdict, to
    choose what is recommended, and to have done what an option asks for do not.
    """
    if verdict.confidence != "confirmed" or verdict.outcome in ("invalid", "blocked"):
        return ""
    if told.verdict == "reject":
        return f"{CONTRADICTS}: {_told(program, verdict)}"
    settled = verdict.outcome in ("pass", "fail") and told.recommended not in (None, "wait")
    if told.choose is not None and settled and told.choose != told.recommended:
        return f"{CONTRADICTS}: {_told(program, verdict)}, after which the rules take '{told.recommended}'"
    return ""


def _told(program: Program, verdict: Verdict) -> str:
    row = f", case {verdict.case}" if verdict.case else f", tier {verdict.tier}" if verdict.tier else ""
    seeds = f"{verdict.seeds} seed{'' if verdict.seeds == 1 else 's'}"
    budget = program.budget
    rates = f"{number(budget.false_pass)} (false pass) and {number(budget.false_fail)} (false fail)"
    return f"{verdict.phase} is {verdict.outcome}{row}, confirmed on {seeds} at error rates of {rates}"
