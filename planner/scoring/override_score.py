"""The score of an override: what it holds, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from planner.records.base import Record

Result = Literal["right", "wrong", "open"]


class Score(Record):
    """An override in hindsight.

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
    found = {result: counted.count(result) for result in get_args(Result)}
    return {**found, "agreed": len(scores) - len(counted)}


def score_facts(score: Score | None) -> dict[str, Any]:
    """A score as JSON has it, beside the keys of its override."""
    if score is None:
        return {"score": None, "warning": None}
    return {"score": score.model_dump(mode="json", exclude={"warning"}), "warning": score.warning or None}


def score_lines(facts: Mapping[str, Any]) -> list[str]:
    """Those facts for a person."""
    score = facts["score"]
    agreed = " (it contradicts nothing)" if score and score["agreed"] else ""
    told = [f"{score['result']}{agreed}: {score['evidence']}"] if score else []
    return told + ([str(facts["warning"])] if facts["warning"] else [])
