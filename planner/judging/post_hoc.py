"""No moved goalposts: evidence that was seen under other rules confirms nothing under new ones.

A run that was first judged under other rules is *seen*: who changed the rules knew it. A verdict that uses
such runs is post hoc. Once every arm has as many seeds as the phase asks for that nobody had judged before
the change, those alone are the evidence and the seen ones are set aside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.evidence.evidence import Evidence
from planner.evidence.shared_seeds import compared_pairs, seeds_shared
from planner.judging.rules_digest import rules_digest
from planner.judging.verdict import build_test_design
from planner.language.program import Program

PreviouslyJudged = Mapping[str, Sequence[tuple[str, frozenset[str]]]]
"""Phase -> (rules digest, run ids) of its verdicts, oldest first."""


def judged_under_other_rules(
    program: Program, evidence: Evidence, previously_judged: PreviouslyJudged
) -> frozenset[str]:
    """The runs of this evidence that were first judged under other rules than today's."""
    first: dict[str, str] = {}
    if not previously_judged.get(evidence.phase):
        return frozenset()
    for digest, ids in previously_judged[evidence.phase]:
        for run in ids:
            first.setdefault(run, digest)
    rules = rules_digest(program, evidence.phase)
    return frozenset(run.id for run in evidence.all_runs if first.get(run.id, rules) != rules)


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
