"""Guards: conditions on the evidence itself, judged before the gate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations

from planner.criteria.answer import Judging
from planner.evidence import Evidence
from planner.program import Combined, Comparison, Criterion, Level, Order, Phase, Program, Spread
from planner.records import CriterionResult, GuardResult

_NOT_PARAMETERS = frozenset({"seed", "data_seed_offset"})


def judge_guards(
    program: Program,
    phase: str,
    evidence: Evidence,
    judging: Judging,
    results: Mapping[str, CriterionResult],
) -> list[GuardResult]:
    """Every guard of a phase: the built-in ones, the confound check, and the declared criteria."""
    rules = program.phases[phase]
    found = [
        _seeds(rules, evidence, judging),
        _complete(rules, evidence),
        *_confounds(rules, evidence),
    ]
    for name, consequence in rules.guards.items():
        if name not in ("seeds", "complete"):
            found.append(_declared(name, consequence, results.get(name)))
    return found


def _seeds(rules: Phase, evidence: Evidence, judging: Judging) -> GuardResult:
    counts = {arm: len(evidence.of(arm)) for arm in rules.arms if evidence.of(arm)}
    fewest = min(counts.values(), default=0)
    arm = min(counts, key=lambda a: (counts[a], a), default="")
    enough = fewest >= max(rules.seeds, 1)
    asked = f"at least {rules.seeds} asked"
    reason = f"{fewest} seed{'s' if fewest != 1 else ''} per arm (fewest: {arm}), {asked}" if arm else asked
    return GuardResult(
        id="seeds",
        outcome="met" if enough else "not_met",
        consequence=rules.guards.get("seeds", "caveat"),
        observed=float(fewest),
        reason=reason,
    )


def _complete(rules: Phase, evidence: Evidence) -> GuardResult:
    partial = [run for run in evidence.all_runs if run.partial]
    lost = [
        (arm, seed, why) for arm, by in sorted(evidence.failed.items()) for seed, why in sorted(by.items())
    ]
    told = [f"run {r.id} ({r.arm}, seed {r.seed}) ended early: {r.outcome}" for r in partial]
    told += [f"{arm}, seed {seed}: {why}" for arm, seed, why in lost]
    return GuardResult(
        id="complete",
        outcome="not_met" if told else "met",
        consequence=rules.guards.get("complete", "caveat"),
        observed=float(len(told)),
        reason="; ".join(told) or "every run ended by itself",
    )


def _declared(name: str, consequence: str, result: CriterionResult | None) -> GuardResult:
    outcome = result.outcome if result is not None else "not_applicable"
    reason = result.reason if result is not None else f"'{name}' was not judged"
    if result is not None and result.says:
        reason = f"{result.says} ({reason})"
    if outcome in ("not_applicable", "undecided"):
        consequence = "caveat"
    observed = result.observed if result is not None else None
    return GuardResult.model_validate(
        {"id": name, "outcome": outcome, "consequence": consequence, "observed": observed, "reason": reason}
    )


# --- confounds ---------------------------------------------------------------------------------


def _confounds(rules: Phase, evidence: Evidence) -> list[GuardResult]:
    """One result that all is well, or one for every parameter in which compared arms differ unasked."""
    differing: dict[str, str] = {}
    lone: dict[str, str] = {}
    for name, rule in rules.criteria.items():
        factors = set(getattr(rule, "factors", []) or rules.factors) | set(rules.tuned_params)
        for one, other in _compared(rule):
            for parameter, left, right in _differences(evidence, one, other):
                if parameter in factors:
                    continue
                where = lone if left is None or right is None else differing
                text = f"{parameter} is {left} in {one} and {right} in {other} ({name})"
                if left is None or right is None:
                    holder, missing = (one, other) if right is None else (other, one)
                    text = f"{parameter} is set in {holder} and not in {missing} ({name})"
                where.setdefault(parameter, text)
    found = [
        GuardResult(
            id=f"confound:{parameter}",
            outcome="not_met",
            consequence=rules.on_confound,
            observed=parameter,
            reason=f"confound: {text}",
        )
        for parameter, text in sorted(differing.items())
    ]
    found += [
        GuardResult(
            id=f"one_sided:{parameter}",
            outcome="not_met",
            consequence="caveat",
            observed=parameter,
            reason=text,
        )
        for parameter, text in sorted(lone.items())
        if parameter not in differing
    ]
    reason = "compared arms differ in nothing but the declared factor"
    return found or [GuardResult(id="confounds", outcome="met", consequence=rules.on_confound, reason=reason)]


def _compared(rule: Criterion) -> Iterator[tuple[str, str]]:
    """The pairs of arms that a criterion compares."""
    if isinstance(rule, Comparison) and rule.versus is not None:
        yield from ((arm, rule.versus) for arm in rule.subjects if arm != rule.versus)
    elif isinstance(rule, Order | Spread):
        yield from combinations(rule.subjects, 2)
    else:
        assert isinstance(rule, Level | Comparison | Combined)


def _differences(evidence: Evidence, one: str, other: str) -> Iterator[tuple[str, str | None, str | None]]:
    """Parameters and digests in which the runs of two arms differ, on any seed that both have."""
    seen: set[str] = set()
    for seed in sorted(set(evidence.of(one)) & set(evidence.of(other))):
        left, right = _conditions(evidence, one, seed), _conditions(evidence, other, seed)
        for parameter in sorted(left.keys() | right.keys()):
            pair = left.get(parameter), right.get(parameter)
            if pair[0] != pair[1] and parameter not in seen:
                seen.add(parameter)
                yield parameter, *pair


def _conditions(evidence: Evidence, arm: str, seed: int) -> dict[str, str]:
    """Everything that should be equal between compared runs: parameters, data, code, fidelity, device."""
    run = evidence.of(arm)[seed]
    found = {k: v for k, v in evidence.params(arm, seed).items() if k not in _NOT_PARAMETERS}
    extra = {
        "dataset digest": run.data_digest,
        "code digest": run.code_digest,
        "fidelity": run.fidelity,
        "device": run.device,
    }
    found.update({k: v for k, v in extra.items() if v is not None and k not in found})
    return found
