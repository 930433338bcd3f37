"""``claims_fdr``: of all claims of a program that are called supported, few are false, however many."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from planner.judging.caveats import ResultOf
from planner.language.program import ClaimRule, Program
from planner.records.verdict import ClaimResult, CriterionResult, Verdict
from planner.statistics.discoveries import discoveries
from planner.text.numbers import number

_SURE = 700.0
"""ln E of what was not judged by chance: a value that is stated to be deterministic."""


def among_all(
    program: Program,
    phase: str,
    claims: Sequence[ClaimResult],
    result_of: ResultOf,
    earlier: Mapping[str, Verdict],
) -> list[ClaimResult]:
    """The claims of a phase, those alone supported that stand among all claims of the program.

    All of them where the program states no share of false ones. Claims of phases that were not judged count
    as claims for which nothing speaks yet.

    Args:
        earlier: the verdicts of other phases.
    """
    rate = program.budget.claims_fdr
    if rate is None or not claims:
        return list(claims)
    rules = program.phases[phase].claims
    weighed = [_weighed(claim, rules[claim.id], result_of) for claim in claims]
    others = [claim for name, verdict in earlier.items() if name != phase for claim in verdict.claims]
    count = sum(len(of_phase.claims) for of_phase in program.phases.values())
    weights = [-math.inf if claim.log_e is None else claim.log_e for claim in (*weighed, *others)]
    weights += [-math.inf] * max(count - len(weights), 0)
    standing = discoveries(weights, rate)
    return [claim if i in standing else _not_yet(claim, count, rate) for i, claim in enumerate(weighed)]


def _weighed(claim: ClaimResult, rule: ClaimRule, result_of: ResultOf) -> ClaimResult:
    """The claim with ln E against "it is not so", at any number of seeds."""
    if claim.status != "supported":
        return claim
    return claim.model_copy(update={"log_e": _log_e_of_all(map(result_of, rule.supported))})


def _not_yet(claim: ClaimResult, count: int, rate: float) -> ClaimResult:
    if claim.status != "supported":
        return claim
    weight = "nothing" if claim.log_e is None else f"E = {number(math.exp(min(claim.log_e, _SURE)))}"
    few = f"of {count} claims, at most {number(rate)} of those supported may be false"
    doubt = f"{few}: {weight} speaks for this one, which is not enough"
    return claim.model_copy(update={"status": "proposed", "caveats": (doubt, *claim.caveats)})


def _log_e_of_all(results: Iterable[CriterionResult]) -> float | None:
    """ln E that all are met: that of the least sure; None where nothing is known of one."""
    weights = [_log_e(result) for result in results]
    least = min(weights, default=-math.inf)
    return least if math.isfinite(least) else None


def _log_e(result: CriterionResult) -> float:
    if result.look is not None and result.look.log_e is not None and not result.parts:
        return result.look.log_e
    if result.treatment == "deterministic":
        return _SURE if result.outcome == "met" else -math.inf
    weights = [_log_e(part) for part in result.parts]
    if not weights:
        return -math.inf
    return _mean_of(weights) if _any_suffices(result) else min(weights)


def _any_suffices(result: CriterionResult) -> bool:
    """Whether one part that is met was enough."""
    return any(part.outcome != "met" for part in result.parts)


def _mean_of(log_es: Sequence[float]) -> float:
    """ln of the mean of several E, which is one, too: a mixture over which of them it was."""
    largest = max(log_es)
    if not math.isfinite(largest):
        return -math.inf
    return largest + math.log(math.fsum(math.exp(log_e - largest) for log_e in log_es) / len(log_es))
