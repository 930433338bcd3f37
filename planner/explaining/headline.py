"""What is said of a verdict in one line, behind its outcome."""

from __future__ import annotations

from planner.lineage.staleness import Validity
from planner.records.verdict import Verdict


def standing_facts(verdict: Verdict, standing: Validity) -> list[str]:
    """Cause, case or tier, hypothesis and confidence; then what has replaced it or made it stale."""
    told = [f"cause: {verdict.cause}"] if verdict.cause else []
    told += [f"Case {verdict.case}"] if verdict.case else []
    told += [f"Tier {verdict.tier}"] if verdict.tier else []
    told += [f"hypothesis {verdict.hypothesis}"] if verdict.hypothesis else []
    told += [verdict.confidence]
    winner = standing.superseded_by.get(verdict.phase)
    told += [f"superseded by {winner}"] if winner else []
    why = standing.stale.get(verdict.phase)
    return told + ([f"stale: {why}"] if why else [])
