"""The runs of a table as everything that a decision may depend on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from planner.api.table_runs import runs_of_table
from planner.deciding.situation import PlanningState
from planner.errors import UsageError
from planner.evidence.evidence import Evidence
from planner.evidence.run_selection import Catalog, RunSelector, Snapshot
from planner.evidence.shared_seeds import ArmSeeds, compared_pairs, seeds_to_make
from planner.language.program import Program
from planner.language.suggestions import instead
from planner.records.base import digest_of
from planner.records.runs import PlannedRun, Run


def selector_of(program: Program, runs: Sequence[Run]) -> RunSelector:
    """Which of these runs count for which phase."""
    return RunSelector(program, Snapshot(tuple(runs)), Catalog())


def table_evidence(program: Program, table: object, phase: str | None, fidelity: str | None) -> Evidence:
    """The runs of a table that count for a phase.

    Args:
        phase: may be left out where the program has one phase, or the table names one.

    Raises:
        UsageError: it is not clear which phase is meant, or no row of the table is of it.
    """
    runs = runs_of_table(program, table)
    phase = chosen_phase(program, phase, runs)
    rules = program.phases[phase]
    fidelity = fidelity or rules.fidelity
    evidence = selector_of(program, runs).evidence_of(phase, fidelity)
    if not any(evidence.looked_at.values()):
        which = f"phase '{phase}' at fidelity {fidelity}"
        raise UsageError(f"no row of the table is of {which}, whose arms are {', '.join(rules.arms)}")
    return evidence


def chosen_phase(program: Program, phase: str | None, runs: Sequence[Run]) -> str:
    """The phase that is meant: the one named, else the only one that the runs can be of.

    Raises:
        UsageError: there is no such phase, or more than one could be meant.
    """
    if phase is not None:
        return checked_phase(program, phase)
    candidates = _complete_phases(program, runs)
    if len(candidates) != 1:
        listed = ", ".join(candidates or program.phases)
        raise UsageError(f"which phase of {program.program}? say phase=...; it may be {listed}")
    return candidates[0]


def _complete_phases(program: Program, runs: Sequence[Run]) -> list[str]:
    """The phases of which every arm has runs; where there is none, those of which any has."""
    arms = {name: {run.arm for run in runs if run.phase == name} for name in program.phases}
    complete = [name for name, phase in program.phases.items() if arms[name] >= set(phase.arms)]
    return complete or [name for name in program.phases if arms[name]]


def checked_phase(program: Program, phase: str) -> str:
    """The phase, if the program has it.

    Raises:
        UsageError: it has none of that name.
    """
    if phase not in program.phases:
        raise UsageError(f"{program.program} has no phase '{phase}'{instead(phase, program.phases)}")
    return phase


def situation_of_table(
    program: Program, table: object | None, fidelity: str | None, no_run: bool
) -> PlanningState:
    """The planning state in which the runs of a table are all there is."""
    selector = selector_of(program, runs_of_table(program, table) if table is not None else ())
    return PlanningState(
        program=program,
        evidence_of=selector.evidence_of,
        missing=_missing(program, selector),
        fidelity=fidelity,
        no_run=no_run,
    )


def _missing(
    program: Program, selector: RunSelector
) -> Callable[[str, str, Mapping[str, int]], list[PlannedRun]]:
    """What says which runs are still to be made: per arm the lowest seeds that nobody tried."""

    def missing(phase: str, fidelity: str, wanted: Mapping[str, int]) -> list[PlannedRun]:
        evidence, rules = selector.evidence_of(phase, fidelity), program.phases[phase]
        arms = {arm: _seeds_of(evidence, arm) for arm in rules.arms}
        most, first = program.most_seeds(phase, fidelity), program.seeds_by_name(phase)
        seeds = seeds_to_make(arms, compared_pairs(rules), wanted, most, first)
        planned = [_planned(program, phase, fidelity, arm, seed) for arm in seeds for seed in seeds[arm]]
        return sorted(planned, key=lambda run: run.seed)

    return missing


def _seeds_of(evidence: Evidence, arm: str) -> ArmSeeds:
    return ArmSeeds(good=frozenset(evidence.of(arm)), failed=frozenset(evidence.failed.get(arm, ())))


def _planned(program: Program, phase: str, fidelity: str, arm: str, seed: int) -> PlannedRun:
    params = program.params(phase, arm)
    return PlannedRun(
        phase=phase,
        arm=arm,
        seed=seed,
        fidelity=fidelity,
        params=params,
        fingerprint=digest_of([params, seed, fidelity]),
        data_digest="",
        code_digest="",
    )
