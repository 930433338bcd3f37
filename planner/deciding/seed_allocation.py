"""Whether more seeds can still change an answer, and how many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.criteria.answer import NO_VARIATION
from planner.criteria.arm_selection import seeds_to_confirm
from planner.criteria.decision_rule import TestDesign
from planner.evidence.evidence import Evidence
from planner.guards.seed_effect import SEEDS_MATTER
from planner.judging.decision_table import rule_holds
from planner.language.criterion import Combined, Comparison, Criterion, Level
from planner.language.program import Phase, Program
from planner.language.types import IN_SEQUENCE
from planner.records.verdict import CriterionResult, Verdict


def seeds_wanted(
    program: Program, phase: str, verdict: Verdict, design: TestDesign, evidence: Evidence
) -> dict[str, int]:
    """The number of seeds that each arm should have next; empty where more would change nothing.

    Seeds are added for criteria that are undecided and on which the gate, the case or the tier
    depends, up to the next look; for a criterion judged in sequence the next look is one seed away. None
    are added where the seed makes no difference.
    """
    rules = program.phases[phase]
    if any(guard.id == SEEDS_MATTER for guard in verdict.guards):
        return {}
    wanted: dict[str, int] = {}
    for name in _open_criteria(rules, verdict):
        rule, result = rules.criteria.get(name), verdict.criterion(name)
        if rule is None or result is None:
            continue
        arms = rule.arms_read
        lagging = _lagging(arms, result, evidence)
        ahead = {} if lagging else _seeds_ahead(rule, arms, result, design, evidence)
        for arm in arms:
            if lagging:
                wanted.update({arm: _tried(evidence, arm) + 1} if arm in lagging else {})
            elif ahead[arm] > len(evidence.of(arm)):
                wanted[arm] = max(_tries(evidence, arm, ahead[arm], design), wanted.get(arm, 0))
    for name in _winners(rules, verdict):
        rule, result = rules.criteria[name], verdict.criterion(name)
        if isinstance(rule, Level | Comparison) and result is not None:
            for arm, count in seeds_to_confirm(rule, result).items():
                wanted[arm] = max(min(count, design.most_seeds), wanted.get(arm, 0))
    if not wanted and program.confirm and _could_be_confirmed(verdict, design):
        wanted = dict.fromkeys(rules.arms, design.most_seeds)
    more = {arm: count for arm, count in wanted.items() if count > _tried(evidence, arm)}
    return {arm: count + _aside(evidence, arm) for arm, count in more.items()}


def _tried(evidence: Evidence, arm: str) -> int:
    return len(evidence.of(arm)) + evidence.failed_for_good(arm)


def _aside(evidence: Evidence, arm: str) -> int:
    """Seeds that were made and do not count."""
    return sum(run.id in evidence.set_aside for run in evidence.looked_at.get(arm, ()))


def _tries(evidence: Evidence, arm: str, goal: int, design: TestDesign) -> int:
    """How many seeds have to be tried for so many good ones, as far as an arm may have any."""
    return min(goal + evidence.failed_for_good(arm), design.most_seeds)


def _open_criteria(rules: Phase, verdict: Verdict) -> Iterator[str]:
    """The undecided criteria, down to single ones, that the outcome, case or tier waits for."""
    if verdict.outcome in ("invalid", "blocked"):
        return
    todo = list(rules.gate) if verdict.outcome == "inconclusive" and verdict.cause != "missing" else []
    outcomes = {c.id: c.outcome for c in verdict.criteria}
    if verdict.case is None and verdict.tier is None:
        held = [r for r in rules.rows if rule_holds(r, lambda n: outcomes.get(n, "not_applicable")) == "open"]
        todo += [name for row in held for name in row.conditions]
    seen: set[str] = set()
    while todo:
        name = todo.pop(0)
        result = verdict.criterion(name)
        if name in seen or result is None or result.outcome != "undecided":
            continue
        seen.add(name)
        rule = rules.criteria.get(name)
        if isinstance(rule, Combined):
            todo.extend(rule.parts)
        elif result.cause in ("undecided", "few_seeds", NO_VARIATION):
            yield name


def _winners(rules: Phase, verdict: Verdict) -> list[str]:
    """The gate's criteria that are met, down to single ones: their winners are confirmed on fresh seeds."""
    names, todo = [], list(rules.gate) if verdict.outcome == "pass" else []
    while todo:
        name = todo.pop(0)
        rule = rules.criteria.get(name)
        todo += rule.parts if isinstance(rule, Combined) else []
        names += [name] if rule is not None else []
    return names


def _lagging(arms: Sequence[str], result: CriterionResult, evidence: Evidence) -> list[str]:
    """The arms that still lack seeds which others have, where runs are there and pairs are not.

    A seed that was excluded in one arm and replaced there has to be made in the others too.
    """
    if result.n >= min(len(evidence.of(arm)) for arm in arms):
        return []
    last = {arm: max(evidence.of(arm)) for arm in arms}
    return [arm for arm in arms if last[arm] < max(last.values())]


def _seeds_ahead(
    rule: Criterion, arms: Sequence[str], result: CriterionResult, design: TestDesign, evidence: Evidence
) -> dict[str, int]:
    """How many seeds each arm has at a criterion's next look.

    Where seeds count in pairs, and different ones were excluded in two arms, an arm needs more than pairs.
    """
    have = {arm: set(evidence.of(arm)) for arm in arms}
    least, pairs = min(map(len, have.values())), len(set.intersection(*have.values()))
    if not result.n <= pairs < least:
        return dict.fromkeys(arms, _next_look(rule, design, least))
    goal = _next_look(rule, design, pairs)
    tried = {arm: {run.seed for run in evidence.looked_at.get(arm, ())} for arm in arms}
    for seed in range(max(map(max, have.values())) + 1 + design.most_seeds):
        if len(set.intersection(*have.values())) >= goal:
            break
        for arm in arms:
            have[arm] |= {seed} - (tried[arm] - set(evidence.to_retry.get(arm, ())))
    return {arm: len(seeds) for arm, seeds in have.items()}


def _next_look(rule: Criterion, design: TestDesign, have: int) -> int:
    """The number of seeds at which a criterion is looked at next; one more where every seed is a look."""
    if isinstance(rule, Comparison) and rule.better_by is not None and rule.treated in IN_SEQUENCE:
        return min(max(have + 1, design.looks[0]), design.most_seeds)
    return next((look for look in design.looks if look > have), have)


def _could_be_confirmed(verdict: Verdict, design: TestDesign) -> bool:
    return (
        verdict.confidence == "provisional"
        and verdict.outcome in ("pass", "fail")
        and verdict.seeds < design.most_seeds
    )
