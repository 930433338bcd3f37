"""Repetitions of the simulator: where chance comes from, and processes that share the work."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace

from planner.calibration.noise_model import Normals
from planner.calibration.scenarios import Scenario, Setting
from planner.calibration.simulator import SimulationPlan
from planner.calibration.trial import GateTrial, PathTrial, approved, try_gate, try_path
from planner.records.base import digest_of

_CHUNK = 25
_WORTH_PROCESSES = 50
"""From so many repetitions on, more processes are started."""

Key = tuple[str | None, str]
"""A phase, or None for the path, and the name of a scenario."""
Trials = Mapping[Key, Sequence[GateTrial | PathTrial]]


@dataclass(frozen=True)
class _Task:
    """Some repetitions of one gate, or of the path, in one scenario."""

    setting: Setting
    scenario: Scenario
    phase: str | None
    key: str
    seed: int
    first: int
    last: int


def simulate(
    scenarios: Mapping[Key, Scenario], setting: Setting, repetitions: int, seed: int, jobs: int | None
) -> Trials:
    """Every repetition of every scenario whose gate is there.

    Each has a generator of its own, so that how the work is shared among processes changes nothing.

    Side effects: may start processes; draws progress on a terminal.
    """
    free = replace(setting, program=approved(setting.program))
    tasks = [
        (key, task)
        for key, scenario in scenarios.items()
        if key[0] is None or key[0] not in scenario.infeasible
        for task in _chunks(free if key[0] is None else setting, scenario, key, repetitions, seed)
    ]
    by_scenario: dict[Key, list[GateTrial | PathTrial]] = {}
    processes = jobs or os.cpu_count() or 1
    results = _done([task for _, task in tasks], processes if repetitions >= _WORTH_PROCESSES else 1)
    for (key, _), trials in zip(tasks, results, strict=True):
        by_scenario.setdefault(key, []).extend(trials)
    return by_scenario


def _chunks(setting: Setting, scenario: Scenario, key: Key, repetitions: int, seed: int) -> Iterator[_Task]:
    phase, name = key
    digits = digest_of([setting.program.program, phase, name])
    for first in range(0, repetitions, _CHUNK):
        yield _Task(setting, scenario, phase, digits, seed, first, min(first + _CHUNK, repetitions))


def _done(tasks: Sequence[_Task], processes: int) -> Iterator[Sequence[GateTrial | PathTrial]]:
    """The results of tasks in their order."""
    if processes == 1:
        yield from _shown(map(_run, tasks), len(tasks))
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        try:
            yield from _shown(pool.map(_run, tasks), len(tasks))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _shown(
    results: Iterator[Sequence[GateTrial | PathTrial]], total: int
) -> Iterator[Sequence[GateTrial | PathTrial]]:
    """The results, with how far they are on a terminal."""
    terminal = sys.stderr.isatty()
    for i, result in enumerate(results):
        if terminal:
            sys.stderr.write(f"\rsimulating: {100 * (i + 1) // total}%")
            sys.stderr.flush()
        yield result
    if terminal:
        sys.stderr.write("\r" + " " * 20 + "\r")


def _run(task: _Task) -> list[GateTrial | PathTrial]:
    program = task.setting.program
    plan = SimulationPlan(task.setting, task.scenario, program.phases if task.phase is None else [task.phase])
    trials: list[GateTrial | PathTrial] = []
    for repetition in range(task.first, task.last):
        normals = seeded_normals(task.seed, task.key, repetition)
        trials.append(try_path(plan, normals) if task.phase is None else try_gate(plan, task.phase, normals))
    return trials


def seeded_normals(seed: int, key: str, repetition: int) -> Normals:
    """Standard normal numbers that follow from a seed, a place and a repetition alone.

    Args:
        key: hexadecimal digits that say what is simulated.
    """
    import numpy as np

    generator = np.random.default_rng([seed, int(key, 16), repetition])

    def normals(count: int) -> list[float]:
        return [float(value) for value in generator.standard_normal(count)]

    return normals
