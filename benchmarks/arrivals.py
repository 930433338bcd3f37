"""How often a bound ever lies beyond the truth, judged after every run that arrives, whatever its seed is.

The product's own judging on one arm whose mean *is* the threshold: whatever it answers is wrong. Each look
goes on from those before it, as in a store.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.campaigns import ALPHA, BETA, noise
from benchmarks.product import BASE, PHASE, run_of
from planner.criteria.judge import judge_measured
from planner.criteria.looks import PastLooks
from planner.evidence.evidence import Evidence
from planner.judging.verdict import build_test_design
from planner.language.program import Program, build
from planner.records.verdict import CriterionResult

PLANNED, CASES = 6, 1500
KINDS = ("normal", "t3", "lognormal", "rounded", "of_20_items", "flag_at_0.5", "flag_at_0.8")
ORDERS = ("ascending", "descending", "random")


def ever_wrong(kind: str, seed: int) -> dict[str, object]:
    """One row: how often any answer up to the planned number, and to twice it, is wrong."""
    chance = np.random.default_rng(seed)
    program = _program("flag" if kind.startswith("flag") else "points", _truth(kind))
    wrong = np.array([_case(program, kind, chance) for _ in range(CASES)])
    figures = {
        f"{answer}_by_{look}": round(float(wrong[:, i, j].mean()), 4)
        for i, look in enumerate(("planned", "twice_planned"))
        for j, answer in enumerate(("met", "not_met"))
    }
    return {"kind": kind, "planned": PLANNED, "cases": CASES, **figures}


def _truth(kind: str) -> float:
    return float(kind.rsplit("_", 1)[1]) if kind.startswith("flag") else 0.8 if kind == "of_20_items" else 0.0


def _draw(kind: str, count: int, chance: np.random.Generator) -> np.ndarray:
    """Values whose mean is the threshold."""
    if kind.startswith("flag"):
        return (chance.random(count) < _truth(kind)).astype(float)
    if kind == "of_20_items":
        return chance.binomial(20, _truth(kind), count) / 20
    values = noise(chance, "normal" if kind == "rounded" else kind, (count,))
    return np.round(values, 0) if kind == "rounded" else values


def _program(unit: str, threshold: float) -> Program:
    criteria = {
        "beyond": {"metric": "score", "arm": BASE, "above": threshold},
        "short": {"metric": "score", "arm": BASE, "at_least": threshold},
    }
    phase = {
        "question": "Where does the mean lie?",
        "arms": [BASE],
        "criteria": criteria,
        "gate": ["beyond"],
        "next": {"pass": "stop", "fail": "stop"},
    }
    return build(
        {
            "program": "arrivals",
            "question": "Where does the mean lie?",
            "experiment": "drawn",
            "metrics": {"score": {"unit": unit, "better": "higher"}},
            "arms": {BASE: {}},
            "phases": {PHASE: phase},
            "budget": {"seeds_per_arm": PLANNED, "false_pass": ALPHA, "false_fail": BETA, "gates": 1},
        }
    )


def _case(program: Program, kind: str, chance: np.random.Generator) -> tuple[tuple[bool, bool], ...]:
    """((met, not met) by the planned number of runs, by twice as many); each the first wrong answer."""
    values, names = _draw(kind, 2 * PLANNED, chance), _names(chance)
    design = build_test_design(program, PHASE, "standard", final=False)
    past: PastLooks = {}
    met, not_met, by_planned = False, False, (False, False)
    for n in range(3, 2 * PLANNED + 1):
        runs = {names[i]: run_of("runs", names[i], values[i]) for i in range(n)}
        evidence = Evidence(PHASE, "standard", {BASE: dict(sorted(runs.items()))})
        results = [
            judge_measured(name, program, PHASE, evidence, replace(design, past_looks=past), {})
            for name in ("beyond", "short")
        ]
        past = _added(past, results)
        met, not_met = met or results[0].outcome == "met", not_met or results[1].outcome == "not_met"
        by_planned = (met, not_met) if n == PLANNED else by_planned
    return by_planned, (met, not_met)


def _names(chance: np.random.Generator) -> list[int]:
    """Seeds as people name them, in one of the orders."""
    names = sorted(int(name) for name in chance.choice(5000, 2 * PLANNED, replace=False))
    order = ORDERS[int(chance.integers(len(ORDERS)))]
    if order == "random":
        return [int(name) for name in chance.permutation(names)]
    return names[::-1] if order == "descending" else names


def _added(past: PastLooks, results: list[CriterionResult]) -> PastLooks:
    looks = [(result.id, result.look) for result in results if result.look is not None]
    return {**past, **{(name, k.comparison): (*past.get((name, k.comparison), ()), k) for name, k in looks}}
