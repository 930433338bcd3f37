"""The score of an override, as a record, as JSON and in lines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from planner.language.program import Program
from planner.records.base import Record
from planner.records.person import Override
from planner.records.verdict import Verdict
from planner.text.numbers import number

Result = Literal["right", "wrong", "open"]


class Score(Record):
    """Whether later evidence bore an override out.

    Attributes:
        evidence: the verdicts that settle it, in words; why it is open where none does.
        verdict_ids: of those verdicts.
        agreed: it contradicts neither a recommendation nor a verdict: a person let the rules have
            their way.
        followed: a decision was made by it.
        warning: the confirmed verdict that it contradicts, in words; empty where there is none.
    """

    result: Result
    evidence: str
    verdict_ids: tuple[str, ...] = ()
    agreed: bool = False
    followed: bool = False
    warning: str = ""


def tally_rows(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How many overrides that contradict something were right, wrong or are open; and how many agreed.

    Args:
        rows: overrides with their ``score``, as :func:`score_facts` gives it.
    """
    scores = [row["score"] for row in rows]
    counted = [score["result"] for score in scores if not score["agreed"]]
    tally = {result: counted.count(result) for result in get_args(Result)}
    return {**tally, "agreed": len(scores) - len(counted)}


def score_facts(score: Score | None) -> dict[str, Any]:
    """A score as JSON has it, beside the keys of its override."""
    if score is None:
        return {"score": None, "warning": None}
    return {"score": score.model_dump(mode="json", exclude={"warning"}), "warning": score.warning or None}


def score_lines(facts: Mapping[str, Any]) -> list[str]:
    """Those facts for a person."""
    score = facts["score"]
    agreed = " (it contradicts nothing)" if score and score["agreed"] else ""
    lines = [f"{score['result']}{agreed}: {score['evidence']}"] if score else []
    return lines + ([str(facts["warning"])] if facts["warning"] else [])


CONTRADICTS = "contradicts a confirmed verdict"


def contradiction(program: Program, override: Override, verdict: Verdict) -> str:
    """Which confirmed verdict an override contradicts, in words; empty where it contradicts none.

    To reject a confirmed verdict does, and so does to choose anything else (``stop`` included) than
    what the rules take after a verdict that is confirmed and decides the way. To accept a verdict, to
    choose what is recommended, and to have done what an option asks for do not.
    """
    if verdict.confidence != "confirmed" or verdict.outcome in ("invalid", "blocked"):
        return ""
    confirmed = f"{CONTRADICTS}: {_confirmed_text(program, verdict)}"
    if override.verdict == "reject":
        return confirmed
    settled = verdict.outcome in ("pass", "fail") and override.recommended not in (None, "wait")
    if override.choose is not None and settled and override.choose != override.recommended:
        return f"{confirmed}, after which the rules take '{override.recommended}'"
    return ""


def _confirmed_text(program: Program, verdict: Verdict) -> str:
    row = f", case {verdict.case}" if verdict.case else f", tier {verdict.tier}" if verdict.tier else ""
    seeds = f"{verdict.seeds} seed{'' if verdict.seeds == 1 else 's'}"
    budget = program.budget
    rates = f"{number(budget.false_pass)} (false pass) and {number(budget.false_fail)} (false fail)"
    return f"{verdict.phase} is {verdict.outcome}{row}, confirmed on {seeds} at error rates of {rates}"
