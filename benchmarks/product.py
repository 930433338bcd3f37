"""The product's own judging on drawn campaigns: a program as data, runs as evidence, seed by seed.

Each arm has a criterion of its own. After every seed those that are open are judged again; an arm that is
answered gets no more seeds, and the baseline goes on while any arm does.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from benchmarks.rules import Array, Found
from planner.criteria.judge import judge_measured
from planner.evidence.evidence import Evidence
from planner.judging.verdict import build_test_design
from planner.language.program import Program, build
from planner.records.runs import Run

PHASE, BASE = "campaign", "base"
_ANSWERS = {"met": 1, "not_met": -1, "undecided": 0}


def program_of(arms: int, seeds: int, alpha: float, beta: float) -> Program:
    """A campaign as a program: is each arm better than the baseline by 1?

    Args:
        seeds: planned for each arm, at most.
        alpha: how often an arm without effect may be answered ``supported``.
    """
    names = [f"arm_{i}" for i in range(arms)]
    criteria = {
        name: {"metric": "score", "arm": name, "versus": BASE, "better_by": 1.0, "factor": "arm"}
        for name in names
    }
    return build(
        {
            "program": "campaign",
            "question": "Which arms are better?",
            "experiment": "drawn",
            "metrics": {"score": {"unit": "delta", "better": "higher"}},
            "arms": {name: {"arm": name} for name in (BASE, *names)},
            "phases": {
                PHASE: {
                    "question": "Which arms are better?",
                    "arms": [BASE, *names],
                    "factor": "arm",
                    "seeds": 3,
                    "criteria": criteria,
                    "gate": names[:1],
                    "next": {"pass": "stop", "fail": "stop"},
                }
            },
            "budget": {"seeds_per_arm": seeds, "false_pass": alpha, "false_fail": beta, "gates": 1},
        }
    )


def bounds(runs: Array, alpha: float, beta: float) -> Found:
    """The answers of the product, and the seeds that each comparison took.

    Args:
        runs: values by campaign, row (the baseline first) and seed.
    """
    _, rows, most = runs.shape
    program = program_of(rows - 1, most, alpha, beta)
    answers, used = zip(*(_campaign(program, values) for values in runs), strict=True)
    return np.concatenate(answers), np.concatenate(used)


def _campaign(program: Program, values: Array) -> Found:
    arms, most = values.shape[0] - 1, values.shape[1]
    design = build_test_design(program, PHASE, "standard", final=False)
    answer, used = np.zeros(arms, np.int64), np.full(arms, design.seeds)
    for seeds in range(design.seeds, most + 1):
        open_ = np.flatnonzero(answer == 0)
        if not open_.size:
            break
        used[open_] = seeds
        evidence = _evidence(values, [seeds, *used])
        for i in open_:
            result = judge_measured(f"arm_{i}", program, PHASE, evidence, design, {})
            answer[i] = _ANSWERS[result.outcome]
    return answer, used


def _evidence(values: Array, seeds: Iterable[int]) -> Evidence:
    runs = {
        BASE if row == 0 else f"arm_{row - 1}": {
            seed: run_of(str(row), seed, values[row, seed]) for seed in range(n)
        }
        for row, n in enumerate(seeds)
    }
    return Evidence(PHASE, "standard", runs)


def run_of(arm: str, seed: int, value: float) -> Run:
    """A run that measured one value."""
    return Run.model_construct(
        id=f"{arm}-{seed}", arm=arm, seed=seed, fidelity="standard", metrics={"score": float(value)}
    )
