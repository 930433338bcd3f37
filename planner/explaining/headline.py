"""What is said of a verdict in one line, behind its outcome."""

from __future__ import annotations

from planner.lineage.staleness import Validity
from planner.records.verdict import Verdict


def headline_facts(verdict: Verdict, validity: Validity) -> list[str]:
    """Cause, case or tier, hypothesis and confidence; then what has replaced it or made it stale."""
    facts = [f"cause: {verdict.cause}"] if verdict.cause else []
    facts += [f"Case {verdict.case}"] if verdict.case else []
    facts += [f"Tier {verdict.tier}"] if verdict.tier else []
    facts += [f"hypothesis {verdict.hypothesis}"] if verdict.hypothesis else []
    facts += [verdict.confidence]
    superseding = validity.superseded_by.get(verdict.phase)
    facts += [f"superseded by {superseding}"] if superseding else []
    why = validity.stale.get(verdict.phase)
    return facts + ([f"stale: {why}"] if why else [])
