"""Claims: what a phase's criteria say of a sentence about the world."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from planner.program import ClaimRule
from planner.records import ClaimResult, ClaimStatus, CriterionResult

ResultOf = Callable[[str], CriterionResult]


def judge_claim(name: str, rule: ClaimRule, result_of: ResultOf) -> ClaimResult:
    """The status of one claim.

    Supported where all that it rests on is met; then equivalent, refuted, or supported in direction
    where their lists are. Without a ``refuted`` list, one criterion of ``supported`` that is not met
    refutes it. Absent evidence leaves it ``not_verified``, undecided evidence ``proposed``.
    """
    status, missing = _status(rule, result_of)
    caveats = [_shortfall(result_of(n)) for n in rule.caveat_unless if result_of(n).outcome != "met"]
    if status in ("supported_in_direction", "not_verified"):
        caveats += [_shortfall(result_of(n)) for n in missing]
    rests_on = tuple(
        dict.fromkeys(
            [
                *rule.supported,
                *rule.supported_in_direction,
                *rule.equivalent,
                *rule.refuted,
                *rule.caveat_unless,
            ]
        )
    )
    return ClaimResult(
        id=name, says=rule.says, status=status, rests_on=rests_on, caveats=tuple(dict.fromkeys(caveats))
    )


def _status(rule: ClaimRule, result_of: ResultOf) -> tuple[ClaimStatus, list[str]]:
    missing = [n for n in rule.supported if result_of(n).outcome != "met"]
    if not missing:
        return "supported", missing
    if _all_met(rule.equivalent, result_of):
        return "equivalent", missing
    if _all_met(rule.refuted, result_of):
        return "refuted", missing
    if not rule.refuted and any(result_of(n).outcome == "not_met" for n in rule.supported):
        return "refuted", missing
    if _all_met(rule.supported_in_direction, result_of):
        return "supported_in_direction", missing
    if any(result_of(n).outcome == "undecided" and result_of(n).cause != "missing" for n in rule.supported):
        return "proposed", missing
    return "not_verified", missing


def _all_met(names: Iterable[str], result_of: ResultOf) -> bool:
    listed = list(names)
    return bool(listed) and all(result_of(name).outcome == "met" for name in listed)


def _shortfall(result: CriterionResult) -> str:
    return f"{result.id} is {result.outcome.replace('_', ' ')}: {result.reason}"
