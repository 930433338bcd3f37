"""``blocks``: a difference between two families of arms, over datasets, tasks or machines."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from scipy.stats import binomtest

from planner.errors import ProgramError
from planner.evidence.evidence import Evidence
from planner.explaining.recomputation import recompute
from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program, build
from planner.linting.check import check
from planner.records.verdict import CriterionResult, Verdict
from planner.statistics import intervals
from planner.statistics.bounds import Design, bounds_of
from planner.statistics.moments import moments_of
from tests.support.builders import PHASE, make_evidence

DATA = ["cola", "sst2", "mrpc", "rte", "qnli", "wnli"]


def program_of(data: Sequence[str] = DATA, better: str = "higher", **criterion: Any) -> Program:
    rule = {"metric": "acc", "blocks": "data", "each_of": "new_{data}", "versus": "base_{data}"}
    return build(
        {
            "program": "blocked",
            "question": "Is it better on these data?",
            "experiment": "made_up",
            "metrics": {"acc": {"unit": "points", "better": better}},
            "arms": {
                "base_{data}": {"data": list(data), "head": "plain"},
                "new_{data}": {"data": list(data), "head": "deep"},
            },
            "phases": {
                PHASE: {
                    "question": "Is it better?",
                    "arms": ["base_{data}", "new_{data}"],
                    "factor": "head",
                    "criteria": {"c": {**rule, **(criterion or {"better_by": 0.5})}},
                    "gate": ["c"],
                }
            },
            "budget": {"seeds_per_arm": 6},
        }
    )


def evidence_of(program: Program, effects: dict[str, float], seeds: int = 6, noise: float = 0.1) -> Evidence:
    rng = Random(1)
    values: dict[str, list[float]] = {}
    for data, effect in effects.items():
        level = rng.uniform(-5, 5)
        values[f"base_{data}"] = [level + rng.gauss(0, noise) for _ in range(seeds)]
        values[f"new_{data}"] = [level + effect + rng.gauss(0, noise) for _ in range(seeds)]
    declared = {arm: program.params(PHASE, arm) for arm in values}
    return make_evidence(values, declared=declared)


def judged(program: Program, effects: dict[str, float], seeds: int = 6) -> Verdict:
    design = build_test_design(program, PHASE, "standard", final=False)
    return judge_phase(program, PHASE, evidence_of(program, effects, seeds), design)


def result_of(program: Program, effects: dict[str, float], seeds: int = 6) -> CriterionResult:
    return judged(program, effects, seeds).criteria[0]


ALL_BETTER = dict.fromkeys(DATA, 1.0)


def test_families_are_compared_block_by_block() -> None:
    (rule,) = program_of().phases[PHASE].criteria.values()
    assert rule.compared_arms == [(f"new_{data}", f"base_{data}") for data in DATA]


def test_the_mean_over_blocks_at_a_seed_is_one_value() -> None:
    program = program_of()
    result = result_of(program, ALL_BETTER)
    evidence = evidence_of(program, ALL_BETTER)

    def at(arm: str, seed: int) -> float:
        return evidence.of(arm)[seed].metrics["acc"]

    means = [intervals.mean([at(f"new_{d}", s) - at(f"base_{d}", s) for d in DATA]) for s in range(6)]
    assert (result.outcome, result.n) == ("met", 6)
    assert result.observed == pytest.approx(intervals.mean(means))
    assert result.look is not None
    bounds = bounds_of(moments_of(means), Design(6, result.look.alpha, result.look.beta))
    assert result.interval == pytest.approx(bounds)
    assert "mean over 6 values of data: acc, new_cola - base_cola and so on" in result.reason


def test_what_is_better_on_average_need_not_be_so_in_every_block() -> None:
    mixed = {**ALL_BETTER, "rte": -1.0}
    assert result_of(program_of(), mixed).outcome == "met"
    each = result_of(program_of(over_blocks="each", better_by=0.5), mixed)
    assert each.outcome == "not_met"
    assert [part.outcome for part in each.parts].count("met") == 5
    assert result_of(program_of(over_blocks="each", better_by=0.5), ALL_BETTER).outcome == "met"


def test_most_blocks_are_counted_once_all_planned_seeds_are_there() -> None:
    program = program_of(over_blocks="most", better_by=0.5)
    early = result_of(program, ALL_BETTER, seeds=3)
    assert (early.outcome, early.needs) == ("undecided", 6)
    late = result_of(program, ALL_BETTER)
    assert (late.outcome, late.observed) == ("met", 1.0)
    assert "6 of 6 values of data are beyond the bound (sign test)" in late.reason
    assert binomtest(6, 6, alternative="greater").pvalue < 0.9 * 0.025


def test_one_block_of_six_that_is_worse_leaves_most_of_them_open() -> None:
    result = result_of(program_of(over_blocks="most", better_by=0.5), {**ALL_BETTER, "rte": -1.0})
    assert result.outcome == "undecided"
    assert "5 of 6 values of data" in result.reason


def test_families_that_stay_within_the_margin_are_equivalent_over_their_blocks() -> None:
    for over in ("mean", "each"):
        result = result_of(program_of(within=0.5, over_blocks=over), dict.fromkeys(DATA, 0.0))
        assert (result.outcome, {p.answer for p in result.parts or (result,)}) == ("met", {"equivalent"})


def test_where_lower_is_better_improvements_are_counted_up() -> None:
    fewer = dict.fromkeys(DATA, -1.0)
    for over in ("mean", "each", "most"):
        assert result_of(program_of(better="lower", over_blocks=over, better_by=0.5), fewer).outcome == "met"


def test_every_value_can_be_computed_again_from_the_tables_of_the_verdict() -> None:
    for over in ("mean", "each"):
        program = program_of(over_blocks=over, better_by=0.5)
        assert recompute(program, judged(program, ALL_BETTER)).agree == 1


def test_blocks_that_share_no_seed_give_no_mean() -> None:
    program = program_of(DATA[:2])
    evidence = evidence_of(program, dict.fromkeys(DATA[:2], 1.0))
    moved = {
        arm: {s + (6 if "sst2" in arm else 0): r for s, r in runs.items()}
        for arm, runs in evidence.runs.items()
    }
    design = build_test_design(program, PHASE, "standard", final=False)
    verdict = judge_phase(program, PHASE, Evidence(PHASE, "standard", moved, {}, evidence.declared), design)
    assert "the blocks of data share no seed" in verdict.criteria[0].reason


ONE_BLOCK = {"each_of": ["new_cola"], "versus": ["base_cola"]}
TURNED = {"each_of": ["new_cola", "new_sst2"], "versus": ["base_sst2", "base_cola"]}


ONE_BLOCK = {"each_of": ["new_cola"], "versus": ["base_cola"]}
TURNED = {"each_of": ["new_cola", "new_sst2"], "versus": ["base_sst2", "base_cola"]}


@pytest.mark.parametrize(
    ("criterion", "wrong"),
    [
        ({**ONE_BLOCK, "over_blocks": "most", "better_by": 1.0}, "at least 6 blocks"),
        ({**TURNED, "better_by": 1.0}, "the same values of 'data', in the same order"),
        ({"better_by": 1.0, "blocks": "task"}, "needs the parameter 'task'"),
        ({"better_by": 1.0, "as": "ratio"}, "by difference"),
        ({"better_by": 1.0, "over_seeds": "sd"}, "by difference"),
    ],
)
def test_what_is_no_pair_in_each_block_is_refused(criterion: dict[str, Any], wrong: str) -> None:
    assert wrong in refusal_of(criterion)


def refusal_of(criterion: dict[str, Any]) -> str:
    try:
        return " ".join(finding.what for finding in check(program_of(**criterion)))
    except ProgramError as refused:
        return str(refused)


def test_check_finds_nothing_wrong_with_blocks_in_order() -> None:
    assert [finding for finding in check(program_of()) if finding.severity == "error"] == []


def test_a_mean_over_blocks_is_no_number_where_a_value_was_cut_off() -> None:
    program = program_of(["cola", "sst2"], "lower", below=0.0)
    metric = program.metrics["acc"].model_copy(update={"censored_at": 100.0})
    program = program.model_copy(update={"metrics": {"acc": metric}})
    values = {
        "base_cola": [100.0, 100.0, 100.0],
        "new_cola": [60.0, 61.0, 59.0],
        "base_sst2": [80.0, 81.0, 79.0],
        "new_sst2": [70.0, 71.0, 69.5],
    }
    design = build_test_design(program, PHASE, "standard", final=True)
    (result,) = judge_phase(program, PHASE, make_evidence(values), design).criteria
    assert result.outcome == "undecided"  # three seeds alike have probability .125 under no effect
    assert "beyond the bound in 3 of 3 seeds" in result.reason
    assert "sign test" in result.reason
