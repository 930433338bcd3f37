"""Whether training saw what evaluation asks about, as the runs tell of their data."""

from __future__ import annotations

from collections.abc import Iterable

from planner.evidence.evidence import Evidence
from planner.language.criterion import Level
from planner.language.program import BUILT_IN_GUARDS, Program
from planner.records.runs import Run
from planner.records.verdict import GuardResult

LEAK = "leak"


def judge_leak(program: Program, phase: str, evidence: Evidence) -> list[GuardResult]:
    """Whether any counted run was evaluated on data that it trained on.

    No result where no run says, and none where the author has set a bound of his own for that share: a
    guard or the gate bounds a metric that holds exactly it. Naming ``leak`` among the guards asks for both.
    """
    rules = program.phases[phase]
    reporting = [run for run in evidence.all_runs if run.overlap is not None]
    if not reporting or (LEAK not in rules.guards and _bounded(program, phase, reporting)):
        return []
    shares: dict[str, float] = {}
    for run in reporting:
        shares[run.arm] = max(shares.get(run.arm, 0.0), run.overlap or 0.0)
    leaking = {arm: share for arm, share in shares.items() if share > 0}
    silent = "" if len(reporting) == len(evidence.all_runs) else ", as far as runs say"
    return [
        GuardResult(
            id=LEAK,
            outcome="not_met" if leaking else "met",
            consequence=rules.guards.get(LEAK, "caveat"),
            observed=max(shares.values()),
            reason=_reason(leaking) if leaking else f"training saw none of the evaluation data{silent}",
        )
    ]


def _reason(leaking: dict[str, float]) -> str:
    by_share: dict[float, list[str]] = {}
    for arm, share in leaking.items():
        by_share.setdefault(share, []).append(arm)
    shares = [f"{100 * share:.3g}% in {', '.join(arms)}" for share, arms in sorted(by_share.items())[::-1]]
    return f"training saw a part of the evaluation data: {'; '.join(shares)}"


def _bounded(program: Program, phase: str, reporting: Iterable[Run]) -> bool:
    """Whether a guard or the gate of the phase bounds a metric that is the overlap, run by run."""
    from planner.language.criterion_graph import basics_under

    rules = program.phases[phase]
    names = [*(name for name in rules.guards if name not in BUILT_IN_GUARDS), *rules.gate]
    for owner, name in basics_under(program, phase, names):
        rule = program.phases[owner].criteria[name]
        if owner != phase or not isinstance(rule, Level) or rule.threshold_key not in ("below", "at_most"):
            continue
        held = [(run.metrics[rule.metric], run.overlap) for run in reporting if _holds(run, rule)]
        if held and all(value == overlap for value, overlap in held):
            return True
    return False


def _holds(run: Run, rule: Level) -> bool:
    return run.arm in rule.subjects and rule.metric in run.metrics
