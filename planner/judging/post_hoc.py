"""No moved goalposts: evidence that was seen under other rules confirms nothing under new ones.

A run that a verdict showed is *seen* for every rule that was not there yet, of whichever phase: who wrote the
rule knew it. A verdict that uses such runs is post hoc. Once every arm has as many seeds as the phase asks
for that nobody had judged before the change, those alone are the evidence and the seen ones are set aside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from planner.evidence.evidence import Evidence
from planner.evidence.shared_seeds import compared_pairs, seeds_shared
from planner.judging.rules_digest import rules_digest
from planner.judging.verdict import build_test_design
from planner.language.program import Program


class SeenRuns(NamedTuple):
    """The runs that a verdict showed, and the rules that were there then.

    Attributes:
        phase, rules_digest: what it judged, and by which rules.
        rules_there: phase -> digest of its rules, of every phase; None in records of earlier versions, which
            say nothing of other phases.
    """

    phase: str
    rules_digest: str
    run_ids: frozenset[str]
    rules_there: Mapping[str, str] | None = None

    def was_there(self, phase: str, digest: str) -> bool:
        """Whether a phase had these rules when the runs were shown."""
        if phase == self.phase:
            return digest == self.rules_digest
        return self.rules_there is None or self.rules_there.get(phase) == digest


PreviouslyJudged = Sequence[SeenRuns]
"""What verdicts showed, oldest first."""


def judged_under_other_rules(
    program: Program, evidence: Evidence, previously_judged: PreviouslyJudged
) -> frozenset[str]:
    """The runs of this evidence that were first shown when today's rules of the phase were not there."""
    if not previously_judged:
        return frozenset()
    first: dict[str, SeenRuns] = {}
    for seen in previously_judged:
        first.update(dict.fromkeys(seen.run_ids - first.keys(), seen))
    digest = rules_digest(program, evidence.phase)
    shown = [run.id for run in evidence.all_runs if run.id in first]
    return frozenset(run for run in shown if not first[run].was_there(evidence.phase, digest))


def fresh_evidence(program: Program, evidence: Evidence, previously_judged: PreviouslyJudged) -> Evidence:
    """The evidence without what was judged under other rules, once there is enough beside it."""
    old = judged_under_other_rules(program, evidence, previously_judged)
    if not old:
        return evidence
    fresh = evidence.without(old)
    least = _least(program, evidence)
    return fresh if all(len(fresh.of(arm)) >= least for arm in evidence.present) else evidence


def fresh_seeds_wanted(
    program: Program, evidence: Evidence, previously_judged: PreviouslyJudged
) -> dict[str, int]:
    """Arm -> how many seeds it should have, seen ones included, so that enough of them are fresh."""
    fresh = evidence.without(judged_under_other_rules(program, evidence, previously_judged))
    least = _least(program, evidence)
    rules = program.phases[evidence.phase]
    pairs = compared_pairs(rules)
    lacking = {arm: least - seeds_shared(fresh, pairs, arm) for arm in rules.arms}
    made = {arm: seeds_shared(evidence, pairs, arm) for arm in rules.arms}
    return {arm: made[arm] + more for arm, more in lacking.items() if more > 0}


def _least(program: Program, evidence: Evidence) -> int:
    return build_test_design(program, evidence.phase, evidence.fidelity, final=False).seeds
