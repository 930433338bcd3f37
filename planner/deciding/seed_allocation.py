"""Whether more seeds can still change an answer, and how many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from planner.criteria.answer import NO_VARIATION
from planner.criteria.arm_selection import seeds_to_confirm
from planner.criteria.test_design import LEAST_SEEDS, TestDesign
from planner.evidence.evidence import Evidence
from planner.evidence.shared_seeds import Pair, compared_pairs, seeds_shared
from planner.guards.seed_effect import SEEDS_MATTER
from planner.judging.decision_table import rule_holds
from planner.language.criterion import Combined, Comparison, Criterion, Level, Measured
from planner.language.program import Phase, Program
from planner.records.verdict import CriterionResult, Verdict


def seeds_wanted(
    program: Program, phase: str, verdict: Verdict, design: TestDesign, evidence: Evidence
) -> dict[str, int]:
    """Arm -> how many seeds are to give evidence next; empty where more would change nothing.

    Seeds are added for criteria that are undecided and on which the gate, the case, the tier or a guard
    that takes the verdict away depends, up to the next look, which is one seed away but for a deviation.
    None are added where the seed makes no difference. What arms that are compared have in common is what
    counts.
    """
    rules = program.phases[phase]
    if any(guard.id == SEEDS_MATTER for guard in verdict.guards):
        return {}
    pairs = [pair for pair in compared_pairs(rules) if pair not in _not_paired(rules, verdict)]
    have = {arm: seeds_shared(evidence, pairs, arm) for arm in rules.arms}
    wanted: dict[str, int] = {}
    to_confirm: dict[str, int] = {}
    for name in _open_criteria(rules, verdict):
        rule = rules.criteria[name]
        arms = _waiting_arms(rule, verdict.criterion(name))
        # What arms share beside this criterion is no bound for it.
        here = min(seeds_shared(evidence, _pairs_of(rule, pairs), arm) for arm in arms)
        look = _next_look(rule, design, here)
        wanted.update({arm: max(look, wanted.get(arm, 0)) for arm in arms})
    for name in _winners(rules, verdict):
        rule, result = rules.criteria[name], verdict.criterion(name)
        if isinstance(rule, Level | Comparison) and result is not None:
            for arm, count in seeds_to_confirm(rule, result).items():
                to_confirm[arm] = max(count, to_confirm.get(arm, 0))
    wanted = {arm: max(wanted.get(arm, 0), to_confirm.get(arm, 0)) for arm in {**wanted, **to_confirm}}
    if not wanted and program.confirm and _could_be_confirmed(verdict, design):
        wanted = dict.fromkeys(rules.arms, design.most_seeds)
    # The seeds that confirm a winner have a plan of their own: they may be beyond the planned ones.
    own_plan = dict.fromkeys(to_confirm, LEAST_SEEDS)
    possible = {
        arm: min(count, _most(evidence, pairs, arm, design) + own_plan.get(arm, 0))
        for arm, count in wanted.items()
    }
    more = {arm: count for arm, count in possible.items() if count > have[arm]}
    return {arm: count + _aside(evidence, arm) for arm, count in more.items()}


def _not_paired(rules: Phase, verdict: Verdict) -> set[Pair]:
    """The arms that are compared by their means: each counts with its own seeds."""
    return {
        pair
        for result in verdict.criteria
        if any(part.look is not None and not part.look.paired for part in (result, *result.parts))
        for pair in rules.criteria[result.id].compared_arms
    }


def _pairs_of(rule: Criterion, pairs: Sequence[Pair]) -> list[Pair]:
    return [pair for pair in rule.compared_arms if pair in pairs]


def _most(evidence: Evidence, pairs: Sequence[Pair], arm: str, design: TestDesign) -> int:
    """How many seeds of an arm can still give evidence beside those that it is compared with."""
    beside = {other for pair in pairs if arm in pair for other in pair} & evidence.present
    return design.most_seeds - max(map(evidence.failed_for_good, {arm, *beside}))


def _aside(evidence: Evidence, arm: str) -> int:
    """Seeds that were made and do not count."""
    return sum(run.id in evidence.set_aside for run in evidence.looked_at.get(arm, ()))


def _open_criteria(rules: Phase, verdict: Verdict) -> Iterator[str]:
    """The undecided criteria, down to single ones, that the outcome, case or tier waits for."""
    if verdict.outcome in ("invalid", "blocked"):
        return
    todo = list(rules.gate) if verdict.outcome == "inconclusive" and verdict.cause != "missing" else []
    outcomes = {c.id: c.outcome for c in verdict.criteria}
    if verdict.case is None and verdict.tier is None:
        held = [r for r in rules.rows if rule_holds(r, lambda n: outcomes.get(n, "not_applicable")) == "open"]
        todo += [name for row in held for name in row.conditions]
    todo += [name for name, consequence in rules.guards.items() if consequence != "caveat"]
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
        elif rule is not None and result.cause in ("undecided", "few_seeds", NO_VARIATION):
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


def _waiting_arms(rule: Criterion, result: CriterionResult | None) -> list[str]:
    """The arms that may yet be answered, with the one that they are compared with.

    What bounds have answered stands whatever seeds are added, so that a decided arm gets none.
    """
    one_by_one = isinstance(rule, Level | Comparison) and rule.treated == "bounds" and not rule.any_arm
    if not one_by_one or result is None or not result.parts:
        return rule.arms_read
    decided = {part.id for part in result.parts if part.outcome in ("met", "not_met")}
    return [arm for arm in rule.arms_read if arm not in decided]


def _next_look(rule: Criterion, design: TestDesign, have: int) -> int:
    """The number of seeds at which a criterion is looked at next."""
    if isinstance(rule, Measured) and rule.treated == "bounds" and not rule.of_deviation:
        return min(max(have + 1, design.looks[0]), design.most_seeds)
    return next((look for look in design.looks if look > have), have)


def _could_be_confirmed(verdict: Verdict, design: TestDesign) -> bool:
    return (
        verdict.confidence == "provisional"
        and verdict.outcome in ("pass", "fail")
        and verdict.seeds < design.most_seeds
    )
