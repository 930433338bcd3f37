"""Runs drawn by chance for phases that no home has runs of: six seeds per arm, near what criteria ask for."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from typing import Any

from planner.evidence.values import as_text
from planner.language.criterion import Measured
from planner.language.program import Program
from planner.language.readings import columns_read, phase_metrics
from planner.records.runs import Run, Series

SEEDS = 6
FIDELITY = "standard"
SPREAD_OF_ARMS, SPREAD_OF_SEEDS = 0.2, 0.05
"""Deviations, as shares of a metric's centre."""


def drawn_lines(program: Program, recorded: Collection[str]) -> Iterator[dict[str, Any]]:
    """The runs of every phase that was not recorded, and that it is judged after the phases before it."""
    before = list(recorded)
    for phase in program.phases:
        if phase in recorded:
            continue
        runs = {arm: list(_runs_of(program, phase, arm)) for arm in program.phases[phase].arms}
        for run in (run for of_arm in runs.values() for run in of_arm):
            yield {"run": run.model_dump(mode="json", exclude_defaults=True)}
        yield {
            "judged": {
                "program": program.program,
                "phase": phase,
                "fidelity": FIDELITY,
                "final": True,
                "earlier": list(before),
                "caveats": [],
                "post_hoc": False,
                "arms": {arm: [run.id for run in of_arm] for arm, of_arm in runs.items()},
            }
        }
        before.append(phase)


def _runs_of(program: Program, phase: str, arm: str) -> Iterator[Run]:
    chance = random.Random(f"{program.program} {phase} {arm}")
    plain = [name for name in phase_metrics(program, phase) if program.metrics[name].share is None]
    centres = {name: _centre(program, phase, name) for name in plain}
    shifted = {name: centre * chance.gauss(1, SPREAD_OF_ARMS) for name, centre in centres.items()}
    for seed in range(SEEDS):
        values = {n: abs(v + chance.gauss(0, SPREAD_OF_SEEDS) * centres[n]) for n, v in shifted.items()}
        identity = f"{program.program}-{phase}-{arm}-{seed}"
        yield Run(
            id=identity,
            phase=phase,
            arm=arm,
            seed=seed,
            fidelity=FIDELITY,
            params={name: as_text(value) for name, value in program.params(phase, arm).items()},
            metrics=values,
            series={name: _series(chance, program, phase, value) for name, value in values.items()},
            fingerprint=identity,
            data_digest="drawn",
            code_digest="drawn",
            device="cpu",
            overlap=0.0,
            seconds=1.0,
            artifacts=tuple(program.phases[phase].artifacts),
        )


def _rules(program: Program, phase: str) -> list[Measured]:
    return [rule for rule in program.phases[phase].criteria.values() if isinstance(rule, Measured)]


def _centre(program: Program, phase: str, metric: str) -> float:
    """The bound of the first criterion that holds this metric itself against a number above 0; else 0.5."""
    own = [r for r in _rules(program, phase) if metric in {name for name, _ in columns_read(program, r)}]
    bounds = [rule.threshold for rule in own if rule.kind == "level"]  # type: ignore[attr-defined]
    return next((b for b in bounds if isinstance(b, float | int) and b > 0), 0.5)


def _series(chance: random.Random, program: Program, phase: str, last: float) -> Series:
    """A value at each of six steps and at those that criteria name, on the way to the final one."""
    named = {step for rule in _rules(program, phase) for step in (rule.at, rule.since)}
    steps = sorted({*range(SEEDS), *(step for step in named if isinstance(step, int))})
    values = [last * (1 + chance.gauss(0.1, 0.02) * (len(steps) - k - 1)) for k in range(len(steps))]
    return tuple(zip(steps, values, strict=True))
