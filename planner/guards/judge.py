"""Guards: conditions on the evidence itself, judged before the gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from planner.criteria.test_design import TestDesign
from planner.evidence.evidence import Evidence
from planner.evidence.failures import failures_of
from planner.evidence.shared_seeds import compared_pairs
from planner.guards.base_rate import judge_floors
from planner.guards.confounding import judge_confounds
from planner.guards.finite_values import FiniteValues
from planner.guards.last_steps import judge_last_steps
from planner.guards.leakage import judge_leak
from planner.guards.seed_effect import judge_seed_effect
from planner.language.program import BUILT_IN_GUARDS, Phase, Program
from planner.language.types import Consequence
from planner.records.runs import Failure
from planner.records.verdict import CriterionResult, GuardResult


@dataclass(frozen=True)
class RunGuards:
    """The guards that depend on which runs there are and how they were made, on no value of a metric.

    They hold for the evidence with any of its values moved, and are judged once for a verdict.
    """

    seeds: GuardResult
    complete: GuardResult
    confounds: tuple[GuardResult, ...]
    artifacts: tuple[GuardResult, ...]


def judge_run_guards(rules: Phase, evidence: Evidence, design: TestDesign) -> RunGuards:
    """The guards of a phase that read no value: seeds, ends of runs, confounds, files."""
    return RunGuards(
        seeds=_seeds(rules, evidence, design),
        complete=_complete(rules, evidence),
        confounds=(*judge_confounds(rules, evidence), *judge_last_steps(rules, evidence)),
        artifacts=tuple(_artifacts(rules, evidence)),
    )


def judge_guards(
    program: Program,
    phase: str,
    evidence: Evidence,
    of_runs: RunGuards,
    finite_values: FiniteValues,
    result_of: Callable[[str], CriterionResult],
) -> list[GuardResult]:
    """Every guard of a phase: the built-in ones, the confound check, and the declared criteria.

    The order is that in which a memo shows them.

    Args:
        of_runs: what the guards say that read no value.
        result_of: the result that a criterion's name means, from this phase or an earlier one.
    """
    rules = program.phases[phase]
    results = [
        of_runs.seeds,
        of_runs.complete,
        *finite_values.judge(evidence, result_of),
        *judge_seed_effect(program, phase, evidence),
        *of_runs.confounds,
        *judge_leak(program, phase, evidence),
        *judge_floors(program, phase, evidence, result_of),
        *of_runs.artifacts,
    ]
    for name, consequence in rules.guards.items():
        if name not in BUILT_IN_GUARDS:
            result = result_of(name)
            if name not in rules.criteria:  # a pre-flight: what is against it is told nowhere else
                reason = "; ".join([result.reason, *result.caveats])
                result = result.model_copy(update={"reason": reason})
            results.append(judge_declared(name, consequence, result))
    return results


def _seeds(rules: Phase, evidence: Evidence, design: TestDesign) -> GuardResult:
    """Whether every arm, and every pair of arms that is compared, has the seeds that are asked for."""
    counts = {arm: len(evidence.of(arm)) for arm in rules.arms if evidence.of(arm)}
    pairs = compared_pairs(rules, evidence.runs)
    for one, other in pairs:
        if counts.get(one) and counts.get(other):
            counts[f"{one} with {other}"] = len(evidence.of(one).keys() & evidence.of(other).keys())
    fewest = min(counts.values(), default=0)
    least = min(counts, key=lambda a: counts[a], default="")
    required = f"at least {rules.least_seeds} asked"
    reason = f"{fewest} seed{'s' if fewest != 1 else ''} per arm (fewest: {least}), {required}"
    read_from = sorted({run.seed_from for run in evidence.all_runs if run.seed_from})
    reason += f"; seeds are read from the parameter {' and '.join(read_from)}" if read_from else ""
    # A smoke run plans fewer than the phase asks for, which is no fault of its evidence.
    consequence = "caveat" if fewest >= design.seeds else rules.guards.get("seeds", "caveat")
    return GuardResult(
        id="seeds",
        outcome="met" if fewest >= max(rules.least_seeds, 1) else "not_met",
        consequence=consequence,
        observed=float(fewest),
        reason=reason if counts else f"no runs, {required}",
    )


def _complete(rules: Phase, evidence: Evidence) -> GuardResult:
    partial = [run for run in evidence.all_runs if run.partial]
    lost = failures_of(evidence)
    incomplete = [f"run {r.id} ({r.arm}, seed {r.seed}) ended early: {r.outcome}" for r in partial]
    if lost and not any(evidence.runs.values()):
        return _no_run_worked(lost, evidence.made_again)
    incomplete += [f"{failure.text}: {', '.join(failure.run_ids)}" for failure in lost]
    return GuardResult(
        id="complete",
        outcome="not_met" if incomplete else "met",
        consequence=rules.guards.get("complete", "caveat"),
        observed=float(len(partial) + sum(len(failure.run_ids) for failure in lost)),
        reason="; ".join([*(incomplete or ["every run ended by itself"]), *evidence.made_again]),
    )


def _no_run_worked(failures: Sequence[Failure], made_again: Sequence[str]) -> GuardResult:
    """There is nothing to conclude from then, whatever the program says of gaps."""
    texts = [failure.text for failure in failures]
    return GuardResult(
        id="complete",
        outcome="not_met",
        consequence="blocked",
        observed=float(sum(len(failure.run_ids) for failure in failures)),
        reason="; ".join([f"no run worked: {', '.join(texts)}", *made_again]),
    )


def _artifacts(rules: Phase, evidence: Evidence) -> list[GuardResult]:
    """Whether the files that the phase asks for are there; no result where it asks for none.

    Arms may leave different files: each is to be left by some arm, and then by every run of it. Runs that
    do not say what they left (those of others) are passed over.
    """
    reporting = [run for run in evidence.all_runs if run.artifacts is not None and run.outcome == "ok"]
    if not rules.artifacts or not reporting:
        return []
    missing = []
    for name in rules.artifacts:
        arms = {run.arm for run in reporting if name in (run.artifacts or ())}
        lacking = [run for run in reporting if run.arm in arms and name not in (run.artifacts or ())]
        missing += [f"{name} is missing in run {run.id} ({run.arm}, seed {run.seed})" for run in lacking]
        missing += [] if arms else [f"no run left {name}"]
    return [
        GuardResult(
            id="artifacts",
            outcome="not_met" if missing else "met",
            consequence=rules.guards.get("artifacts", "caveat"),
            observed=float(len(missing)),
            reason="; ".join(missing) or f"all {len(rules.artifacts)} files were left",
        )
    ]


def judge_declared(name: str, consequence: Consequence, result: CriterionResult) -> GuardResult:
    """A declared guard as its criterion answers; one that does not know is a caveat."""
    reason = result.reason
    if result.says:
        holds = {"met": "", "not_met": "it is not so that "}.get(result.outcome, "it is not known whether ")
        reason = f"{holds}{result.says} ({reason})"
    if result.outcome in ("not_applicable", "undecided"):
        consequence = "caveat"
    return GuardResult(
        id=name, outcome=result.outcome, consequence=consequence, observed=result.observed, reason=reason
    )
