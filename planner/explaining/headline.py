"""What is said of a verdict in one line, behind its outcome."""

from __future__ import annotations

from collections.abc import Sequence

from planner.judging.earlier_rules import by_earlier_rules
from planner.lineage.in_force import rejection_of
from planner.lineage.staleness import Validity
from planner.records.person import Override
from planner.records.verdict import Verdict


def headline_facts(verdict: Verdict, validity: Validity, overrides: Sequence[Override] = ()) -> list[str]:
    """Cause, case or tier, hypothesis and confidence; whether earlier rules gave it, and what is against it.

    Against it are whoever rejects it, what superseded it or made it stale.

    Args:
        overrides: those that stand.
    """
    facts = [f"cause: {verdict.cause}"] if verdict.cause else []
    facts += [f"Case {verdict.case}"] if verdict.case else []
    facts += [f"Tier {verdict.tier}"] if verdict.tier else []
    facts += [f"hypothesis {verdict.hypothesis}"] if verdict.hypothesis else []
    facts += [verdict.confidence]
    facts += ["by earlier rules"] if by_earlier_rules(verdict) else []
    rejection = rejection_of(overrides, verdict.phase)
    facts += [f"rejected by {rejection.by}"] if rejection is not None else []
    superseding = validity.superseded_by.get(verdict.phase)
    facts += [f"superseded by {superseding}"] if superseding else []
    why = validity.stale.get(verdict.phase)
    return facts + ([f"stale: {why}"] if why else [])
