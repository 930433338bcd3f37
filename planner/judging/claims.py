"""Claims: what a phase's criteria say of a sentence about the world."""

from __future__ import annotations

from collections.abc import Iterable

from planner.judging.caveats import ResultOf
from planner.language.criterion_graph import conditions
from planner.language.program import ClaimRule
from planner.records.verdict import ClaimResult, ClaimStatus, CriterionResult
from planner.text.numbers import words


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
    return ClaimResult(
        id=name,
        says=rule.says,
        status=status,
        rests_on=tuple(conditions(rule)),
        caveats=tuple(dict.fromkeys(caveats)),
        reason=". ".join(dict.fromkeys(_grounds(rule, status, result_of))),
    )


def unsettled(claims: Iterable[ClaimResult], why: str) -> list[ClaimResult]:
    """The claims where the evidence itself does not hold: none is verified."""
    return [
        claim.model_copy(update={"status": "not_verified", "caveats": (why, *claim.caveats), "reason": ""})
        for claim in claims
    ]


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


def _grounds(rule: ClaimRule, status: ClaimStatus, result_of: ResultOf) -> list[str]:
    """The reasons of the criteria that settle a status; what a claim lacks is told in its caveats."""
    listed = {
        "supported": rule.supported,
        "supported_in_direction": rule.supported_in_direction,
        "equivalent": rule.equivalent,
        "refuted": rule.refuted,
    }.get(status, [])
    if status == "refuted" and not listed:
        listed = [name for name in rule.supported if result_of(name).outcome == "not_met"]
    if status == "proposed":
        listed = [name for name in rule.supported if result_of(name).outcome == "undecided"]
    return [reason for name in listed for reason in _measured(result_of(name))]


def _measured(result: CriterionResult) -> list[str]:
    """The reason of a criterion; of a combined one, those of the parts that make it what it is."""
    if result.kind != "combined":
        return [result.reason]
    decisive = [part for part in result.parts if part.outcome == result.outcome]
    return [reason for part in decisive for reason in _measured(part)]


def _all_met(names: Iterable[str], result_of: ResultOf) -> bool:
    listed = list(names)
    return bool(listed) and all(result_of(name).outcome == "met" for name in listed)


def _shortfall(result: CriterionResult) -> str:
    finding = f"{result.says} ({result.reason})" if result.says else result.reason
    return f"{result.id} is {words(result.outcome)}: {finding}"
