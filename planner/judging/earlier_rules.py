"""Verdicts that the statistics of earlier versions gave: they stand until their evidence or rules change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from planner.evidence.digests import evidence_digest
from planner.evidence.evidence import Evidence
from planner.judging.rules_digest import rules_digest
from planner.language.program import Program
from planner.records.verdict import CriterionResult, Verdict

RecordedEarlier = Mapping[tuple[str, str], Verdict]
"""(phase, fidelity) -> the last verdict recorded there, where earlier rules gave it."""


def by_earlier_rules(verdict: Verdict) -> bool:
    """Whether a test in sequence, or an interval for a mean, decided a criterion of this verdict.

    An interval for a deviation is what still decides one.
    """
    rules = verdict.rules.get("phase", {}).get("criteria", {})
    deviations = {name for name, rule in rules.items() if rule.get("over_seeds")}
    return any(_earlier(result) for result in verdict.criteria if result.id not in deviations)


def _earlier(result: CriterionResult) -> bool:
    if result.kind == "combined":  # its parts stand among the criteria, or in another verdict
        return False
    earlier = result.treatment in ("interval", "sequential", "anytime")
    return earlier or any(map(_earlier, result.parts))


def recorded_earlier(verdicts: Iterable[Verdict]) -> RecordedEarlier:
    """Those of the last verdicts on each phase that earlier rules gave.

    Args:
        verdicts: oldest first.
    """
    last = {(verdict.phase, verdict.fidelity): verdict for verdict in verdicts}
    return {key: verdict for key, verdict in last.items() if by_earlier_rules(verdict)}


def still_stands(
    program: Program, verdict: Verdict, evidence: Evidence, earlier: Mapping[str, Verdict], no_run: bool
) -> bool:
    """Whether a verdict by earlier rules is of this evidence and of today's rules.

    One that was judged on what there was, because no more could be had, stands only while that is so.

    Args:
        earlier: the verdicts of the phases judged before.
    """
    return (
        verdict.rules_digest == rules_digest(program, verdict.phase)
        and verdict.evidence_digest == evidence_digest(program, evidence)
        and all(phase in earlier and by_earlier_rules(earlier[phase]) for phase in verdict.rests_on)
        and (no_run or not verdict.final_look)
    )
