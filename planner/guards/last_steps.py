"""Whether the arms that are compared by their final values were trained equally long."""

from __future__ import annotations

from collections.abc import Iterator

from planner.evidence.evidence import Evidence
from planner.language.criterion import Combined
from planner.language.program import Phase
from planner.records.verdict import GuardResult

LAST_STEP = "last_step"


def judge_last_steps(rules: Phase, evidence: Evidence) -> Iterator[GuardResult]:
    """One result where runs of others end at other steps than those that they are compared with.

    Where training stops early by itself, the last steps of two arms overlap; that is no fault. Our own runs
    do what their parameters say.
    """
    notes: dict[str, list[str]] = {}
    for name, rule in rules.criteria.items():
        if isinstance(rule, Combined) or rule.at is not None:
            continue
        for one, other in rule.compared_arms:
            left, right = _last_steps(evidence, one, rule.metric), _last_steps(evidence, other, rule.metric)
            if left and right and (max(left) < min(right) or max(right) < min(left)):
                text = f"{rule.metric} of {one} ends at step {_span(left)}, of {other} at step {_span(right)}"
                notes.setdefault(text, []).append(name)
    if notes:
        yield GuardResult(
            id=LAST_STEP,
            outcome="not_met",
            consequence="caveat",
            reason="; ".join(f"{text} ({', '.join(names)})" for text, names in notes.items()),
            criteria=tuple(dict.fromkeys(name for names in notes.values() for name in names)),
        )


def _last_steps(evidence: Evidence, arm: str, metric: str) -> set[int]:
    return {run.last_steps[metric] for run in evidence.of(arm).values() if metric in run.last_steps}


def _span(steps: set[int]) -> str:
    return f"{min(steps)} to {max(steps)}" if len(steps) > 1 else str(min(steps))
