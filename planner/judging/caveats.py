"""What is to be said against a verdict. Any caveat makes it provisional."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from planner.criteria.judge import lookup
from planner.evidence.evidence import Evidence
from planner.guards.confounding import CONFOUND
from planner.guards.finite_values import FINITE
from planner.language.program import Phase
from planner.records.verdict import ClaimResult, CriterionResult, GuardResult, Verdict
from planner.text.numbers import words

ResultOf = Callable[[str], CriterionResult]


def evidence_caveats(
    rules: Phase,
    evidence: Evidence,
    guards: Sequence[GuardResult],
    results: Mapping[str, CriterionResult],
    result_of: ResultOf,
) -> list[str]:
    """Everything that a phase's own evidence gives reason to say, in the order in which it was judged."""
    of_guards = _of_guards(guards)
    of_finite = {name for guard in guards if guard.id == FINITE for name in guard.criteria}
    named = {name: result for name, result in results.items() if name not in of_guards.keys() | of_finite}
    smoke = ["a smoke run shows that everything works and confirms nothing"]
    return [
        *evidence.caveats,
        *of_guards.values(),
        *_of_criteria(results.values(), named),
        *_of_earlier(rules, results, result_of),
        *_of_arms(rules, evidence),
        *(smoke if evidence.fidelity == "smoke" else []),
    ]


def _of_guards(guards: Iterable[GuardResult]) -> dict[str, str]:
    absent = ("not_applicable", "undecided")
    return {
        g.id: f"{g.id}: {g.reason}"
        for g in guards
        if g.outcome in absent or (g.outcome in ("not_met", "invalid") and g.consequence == "caveat")
    }


def _of_criteria(results: Iterable[CriterionResult], named: Mapping[str, CriterionResult]) -> list[str]:
    """What the results carry with them, and those of ``named`` that have no answer."""
    caveats = [caveat for result in results for caveat in result.caveats]
    for result in named.values():
        if result.kind != "combined" and result.outcome in ("not_applicable", "invalid"):
            caveats.append(f"{result.id} is {words(result.outcome)}: {result.reason}")
    return caveats


def _of_earlier(rules: Phase, own: Mapping[str, CriterionResult], result_of: ResultOf) -> list[str]:
    """What is against the criteria of earlier phases on which the gate or a row rests."""
    rows = [*rules.cases.values(), *rules.tiers]
    named = [*rules.gate, *(n for row in rows for n in (*row.when, *row.unless))]
    borrowed = [result_of(name) for name in dict.fromkeys(named) if name not in own]
    return [c for r in borrowed for c in (r.caveats or ([r.reason] if r.cause == "missing" else []))]


def _of_arms(rules: Phase, evidence: Evidence) -> list[str]:
    """The arms that were to be run, have no run, and are missed by no criterion."""
    judged: set[str] = set()
    for rule in rules.criteria.values():
        judged |= set(rule.arms_read)
    return [f"arm '{arm}' has no usable run" for arm in rules.arms if arm not in judged | evidence.present]


# --- claims ------------------------------------------------------------------------------------


def with_doubts(
    claim: ClaimResult, guards: Sequence[GuardResult], result_of: ResultOf, earlier: Mapping[str, Verdict]
) -> ClaimResult:
    """The claim with what confounds the criteria that it rests on, in this phase or an earlier one."""
    doubts = _doubts(guards)
    for phase, verdict in earlier.items():
        for name, texts in _doubts(verdict.guards).items():
            doubts[f"{phase}.{name}"] = [f"{phase}: {text}" for text in texts]
    basis = [name for ref in claim.rests_on for name in _basis(result_of(ref), "", earlier)]
    raised = [text for name in dict.fromkeys(basis) for text in doubts.get(name, [])]
    return claim.model_copy(update={"caveats": tuple(dict.fromkeys([*claim.caveats, *raised]))})


def _doubts(guards: Iterable[GuardResult]) -> dict[str, list[str]]:
    """Criterion -> what its arms differ in unasked."""
    doubts: dict[str, list[str]] = {}
    for guard in guards:
        if guard.id.startswith(f"{CONFOUND}:"):
            for name in guard.criteria:
                doubts.setdefault(name, []).append(f"{guard.id}: {guard.reason}")
    return doubts


def _basis(result: CriterionResult, prefix: str, earlier: Mapping[str, Verdict]) -> Iterator[str]:
    """The names of a criterion and of all that it combines.

    Args:
        prefix: ``phase.`` where the names in the result are those of an earlier phase.
    """
    phase, _ = lookup(result.id, earlier)
    yield result.id if phase else prefix + result.id
    for part in result.parts:
        yield from _basis(part, f"{phase}." if phase else prefix, earlier)
