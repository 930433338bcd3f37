"""Laws of the static check: what it lets pass holds over all evidence, and what it finds is there."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from planner.criteria.quantity import region_of
from planner.judging.decision_table import choose_row, rule_holds
from planner.language.program import Program, Rule
from planner.linting.check import check
from planner.records.verdict import Verdict
from tests.judging.test_gate_properties import VALUES, Values, as_evidence, criteria, damaged, required
from tests.support.builders import PHASE, make_program, verdict_of
from tests.support.rotation import a_fifth_of

LAWS = settings(
    max_examples=a_fifth_of(200),
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
GRID = [k / 20 for k in range(-20, 21)]
"""A value at and between all thresholds that are drawn below, as far as a fraction goes."""
TENTHS = st.integers(1, 9).map(lambda k: k / 10)
ONE_SIDED = st.sampled_from(["above", "at_least", "below", "at_most"])


def table_faults(program: Program) -> list[str]:
    return [
        f.what for f in check(program) if f.severity == "error" and f.where[2:3] in (("cases",), ("tiers",))
    ]


# --- one quantity: the check against trying every value ----------------------------------------------------


@st.composite
def thresholds(draw: st.DrawFn, ranges: bool = True) -> dict[str, Any]:
    """Up to four thresholds on one quantity."""
    criteria: dict[str, Any] = {}
    for i in range(draw(st.integers(1, 4))):
        bound: dict[str, Any] = {draw(ONE_SIDED): draw(TENTHS)}
        if ranges and draw(st.integers(0, 3)) == 0:
            bound = {"between": sorted([draw(TENTHS), draw(TENTHS)])}
        criteria[f"c{i}"] = {"metric": "acc", "arm": "new", **bound}
    return criteria


@st.composite
def rows(draw: st.DrawFn, names: list[str]) -> list[dict[str, Any]]:
    """Up to four rows, each of which asks for some criteria to be met and some not to be."""
    drawn = []
    for _ in range(draw(st.integers(1, 4))):
        names_of_row = draw(st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True))
        kept = draw(st.integers(0, len(names_of_row)))
        drawn.append({"means": "x", "when": names_of_row[:kept], "unless": names_of_row[kept:]})
    return drawn


def outcomes_at(program: Program, value: float) -> Callable[[str], Any]:
    """What each criterion answers where the quantity has that value, as it is judged."""
    rules: Any = program.phases[PHASE].criteria
    return lambda name: "met" if region_of(rules[name], rules[name].threshold).holds(value) else "not_met"


@LAWS
@given(st.data(), thresholds())
def test_gaps_overlaps_and_rows_without_values_are_reported_exactly_where_trying_all_values_finds_them(
    data: st.DataObject, named: dict[str, Any]
) -> None:
    table = data.draw(rows(sorted(named)))
    program = make_program(named, cases={f"r{i}": row for i, row in enumerate(table)})
    held = {
        value: [key for key, rule in program.phases[PHASE].cases.items() if _holds(program, rule, value)]
        for value in GRID
    }
    text = "\n".join(table_faults(program))
    assert ("no case holds" in text) == any(not keys for keys in held.values())
    assert ("both hold" in text) == any(len(keys) > 1 for keys in held.values())
    for key in program.phases[PHASE].cases:
        assert (f"'{key}' can never hold" in text) == all(key not in keys for keys in held.values())


def _holds(program: Program, rule: Rule, value: float) -> bool:
    return rule_holds(rule, outcomes_at(program, value)) == "yes"


@LAWS
@given(st.data(), thresholds(ranges=False), st.sampled_from(["acc", "loss"]))
def test_a_better_value_that_gives_a_worse_tier_is_reported_exactly_where_trying_all_values_finds_it(
    data: st.DataObject, named: dict[str, Any], metric: str
) -> None:
    table = data.draw(rows(sorted(named)))
    tiers = [{"tier": f"t{i}", **row} for i, row in enumerate(table)]
    tiers.append({"tier": "rest", "means": "x", "otherwise": True})
    program = make_program({k: {**v, "metric": metric} for k, v in named.items()}, tiers=tiers)
    listed = [(i, tier) for i, tier in enumerate(program.phases[PHASE].tiers)]
    given_by = [choose_row(listed, outcomes_at(program, value))[0] for value in GRID]
    ranks = [rank for rank in (given_by if metric == "acc" else given_by[::-1]) if rank is not None]
    worse = any(after > before for before, after in itertools.combinations(ranks, 2))
    assert any("gives a worse tier" in f.what for f in check(program)) == worse


# --- tables without a fault, over evidence of every sort ---------------------------------------------------


@st.composite
def trees(draw: st.DrawFn, names: list[str], depth: int = 0) -> list[tuple[list[str], list[str]]]:
    """The leaves of a decision tree over criteria, as what is met and what is not on the way there."""
    if not names or (depth and draw(st.integers(0, 2)) == 0):
        return [([], [])]
    name, left = names[0], names[1:]
    yes, no = draw(trees(left, depth + 1)), draw(trees(left, depth + 1))
    return [([name, *w], u) for w, u in yes] + [(w, [name, *u]) for w, u in no]


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A phase with a case table that comes from a tree, one row of it perhaps told as ``otherwise``."""
    bodies = draw(st.lists(criteria(), min_size=1, max_size=3))
    named: dict[str, Any] = {f"c{i}": body for i, body in enumerate(bodies)}
    gate = draw(st.lists(st.sampled_from(sorted(named)), min_size=1, unique=True))
    if len(named) > 1 and draw(st.booleans()):
        named["joint"] = {draw(st.sampled_from(["all_of", "any_of"])): sorted(named)}
    leaves = draw(trees(list(draw(st.permutations(sorted(named))))))
    cases: dict[str, Any] = {
        f"r{i}": {"means": "x", "when": w, "unless": u} for i, (w, u) in enumerate(leaves)
    }
    if draw(st.booleans()):
        cases[draw(st.sampled_from(sorted(cases)))] = {"means": "x", "otherwise": True}
    budget = {"seeds_per_arm": draw(st.integers(1, 6))}
    return make_program(named, gate, cases=cases, seeds=draw(st.integers(1, 5)), budget=budget)


def completions(program: Program, verdict: Verdict) -> list[dict[str, str]]:
    """Every way in which what is not decided might still be, combined criteria computed anew."""
    rules: Any = program.phases[PHASE].criteria
    measured = [name for name, rule in rules.items() if rule.kind != "combined"]
    outcome_of = {c.id: c.outcome for c in verdict.criteria}
    choices = [
        [outcome_of[n]] if outcome_of[n] in ("met", "not_met") else ["met", "not_met"] for n in measured
    ]
    completed = []
    for combination in itertools.product(*choices):
        outcomes: dict[str, str] = dict(zip(measured, combination, strict=True))
        for name in rules.keys() - outcomes.keys():
            met = [outcomes[part] == "met" for part in rules[name].parts]
            outcomes[name] = "met" if (all(met) if rules[name].all_of else any(met)) else "not_met"
        completed.append(outcomes)
    return completed


def rows_that_hold(program: Program, outcomes: dict[str, Any]) -> list[str]:
    """By the words of the language, not by the planner's code: all of ``when`` met, all of ``unless`` not."""
    cases = program.phases[PHASE].cases
    holding = [
        key
        for key, rule in cases.items()
        if not rule.otherwise
        and all(outcomes[name] == "met" for name in rule.when)
        and all(outcomes[name] == "not_met" for name in rule.unless)
    ]
    return holding or [key for key, rule in cases.items() if rule.otherwise]


@settings(LAWS, max_examples=a_fifth_of(100))
@given(programs(), VALUES, st.booleans())
def test_of_a_table_without_a_fault_exactly_one_row_holds_once_all_is_decided(
    program: Program, values: Values, final: bool
) -> None:
    assume(not table_faults(program))
    verdict = verdict_of(program, as_evidence(values), final)
    outcomes = {c.id: c.outcome for c in verdict.criteria}
    assume(set(outcomes.values()) <= {"met", "not_met"} and verdict.outcome != "invalid")
    assert rows_that_hold(program, outcomes) == [verdict.case]


@settings(LAWS, max_examples=a_fifth_of(150))
@given(st.data(), programs(), VALUES, st.sampled_from(["one seed", "no arm", "any damage"]))
def test_a_row_is_chosen_on_lacking_evidence_only_if_it_holds_however_the_rest_is_decided(
    data: st.DataObject, program: Program, values: Values, lacking: str
) -> None:
    assume(not table_faults(program))
    if lacking == "one seed":
        values = {arm: {0: by_seed[0]} for arm, by_seed in values.items()}
    elif lacking == "no arm":
        values[data.draw(st.sampled_from(sorted(required(program))))[0]] = {}
    else:
        damaged(data, program, values)
    verdict = verdict_of(program, as_evidence(values), final=False)
    if lacking != "one seed":
        assert verdict.outcome in ("invalid", "inconclusive")
    if verdict.outcome == "invalid":
        assert verdict.case is None
    elif verdict.case is not None:
        held = {tuple(rows_that_hold(program, outcomes)) for outcomes in completions(program, verdict)}
        assert held == {(verdict.case,)}
