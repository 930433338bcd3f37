"""Guards: conditions on the evidence itself, judged before the gate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations

from planner.criteria.answer import Judging
from planner.criterion import Combined, Comparison, Criterion, Level, Order, Spread
from planner.evidence import Evidence
from planner.program import BUILT_IN_GUARDS, Phase, Program
from planner.records import CriterionResult, GuardResult
from planner.written import Consequence

_NOT_PARAMETERS = frozenset({"seed", "data_seed_offset"})
_OF_RUN = " of the run"


def judge_guards(
    program: Program,
    phase: str,
    evidence: Evidence,
    judging: Judging,
    result_of: Callable[[str], CriterionResult],
) -> list[GuardResult]:
    """Every guard of a phase: the built-in ones, the confound check, and the declared criteria.

    Args:
        result_of: the result that a criterion's name means, from this phase or an earlier one.
    """
    rules = program.phases[phase]
    found = [
        _seeds(rules, evidence, judging),
        _complete(rules, evidence),
        *_confounds(rules, evidence),
        *_artifacts(rules, evidence),
    ]
    for name, consequence in rules.guards.items():
        if name not in BUILT_IN_GUARDS:
            found.append(_declared(name, consequence, result_of(name)))
    return found


def _seeds(rules: Phase, evidence: Evidence, judging: Judging) -> GuardResult:
    """Whether every arm, and every pair of arms that is compared, has the seeds that are asked for."""
    counts = {arm: len(evidence.of(arm)) for arm in rules.arms if evidence.of(arm)}
    pairs = dict.fromkeys(pair for rule in rules.criteria.values() for pair in _compared(rule))
    for one, other in pairs:
        if counts.get(one) and counts.get(other):
            counts[f"{one} with {other}"] = len(evidence.of(one).keys() & evidence.of(other).keys())
    fewest = min(counts.values(), default=0)
    least = min(counts, key=lambda a: counts[a], default="")
    asked = f"at least {rules.seeds} asked"
    reason = f"{fewest} seed{'s' if fewest != 1 else ''} per arm (fewest: {least}), {asked}"
    # A smoke run plans fewer than the phase asks for, which is no fault of its evidence.
    consequence = "caveat" if fewest >= judging.seeds else rules.guards.get("seeds", "caveat")
    return GuardResult(
        id="seeds",
        outcome="met" if fewest >= max(rules.seeds, 1) else "not_met",
        consequence=consequence,
        observed=float(fewest),
        reason=reason if counts else f"no runs, {asked}",
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


def _artifacts(rules: Phase, evidence: Evidence) -> list[GuardResult]:
    """Whether the files that the phase asks for are there; no result where it asks for none.

    Arms may leave different files: each is to be left by some arm, and then by every run of it. Runs that
    do not say what they left (those of others) are passed over.
    """
    known = [run for run in evidence.all_runs if run.artifacts is not None and run.outcome == "ok"]
    if not rules.artifacts or not known:
        return []
    told = []
    for name in rules.artifacts:
        arms = {run.arm for run in known if name in (run.artifacts or ())}
        lacking = [run for run in known if run.arm in arms and name not in (run.artifacts or ())]
        told += [f"{name} is missing in run {run.id} ({run.arm}, seed {run.seed})" for run in lacking]
        told += [] if arms else [f"no run left {name}"]
    return [
        GuardResult(
            id="artifacts",
            outcome="not_met" if told else "met",
            consequence=rules.guards.get("artifacts", "caveat"),
            observed=float(len(told)),
            reason="; ".join(told) or f"all {len(rules.artifacts)} files were left",
        )
    ]


def _declared(name: str, consequence: Consequence, result: CriterionResult) -> GuardResult:
    reason = result.reason
    if result.says:
        holds = {"met": "", "not_met": "it is not so that "}.get(result.outcome, "it is not known whether ")
        reason = f"{holds}{result.says} ({reason})"
    if result.outcome in ("not_applicable", "undecided"):
        consequence = "caveat"
    return GuardResult(
        id=name, outcome=result.outcome, consequence=consequence, observed=result.observed, reason=reason
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
                if parameter.removesuffix(_OF_RUN) in factors:
                    continue
                if left is None or right is None:
                    holder, lacking = (one, other) if right is None else (other, one)
                    text = f"{parameter} is set in {holder} and not in {lacking} ({name})"
                    lone.setdefault(parameter, text)
                else:
                    text = f"{parameter} is {left} in {one} and {right} in {other} ({name})"
                    differing.setdefault(parameter, text)
    lone = {parameter: text for parameter, text in lone.items() if parameter not in differing}
    found = [_fault("confound", p, text, rules.on_confound) for p, text in sorted(differing.items())]
    found += [_fault("one_sided", p, text, "caveat") for p, text in sorted(lone.items())]
    reason = "compared arms differ in nothing but the declared factor"
    return found or [GuardResult(id="confounds", outcome="met", consequence=rules.on_confound, reason=reason)]


def _fault(kind: str, parameter: str, text: str, consequence: Consequence) -> GuardResult:
    return GuardResult(
        id=f"{kind}:{parameter}",
        outcome="not_met",
        consequence=consequence,
        observed=parameter,
        reason=text,
    )


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
    # What a run did can differ from the parameter that asked for it: device 'auto', say.
    found.update({k + _OF_RUN if k in found else k: v for k, v in extra.items() if v is not None})
    return found
