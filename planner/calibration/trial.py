"""One repetition: the rules applied to simulated runs, along the program's path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from planner.calibration.noise_model import Normals
from planner.calibration.simulator import Simulated, SimulationPlan
from planner.criteria.test_design import TestDesign
from planner.deciding.situation import Plan, PlanningState
from planner.deciding.walk import build_plan
from planner.evidence.evidence import Evidence
from planner.judging.conclusion import PhaseEvaluator, is_confirmed
from planner.judging.verdict import judge_outcome, with_account
from planner.language.program import Phase, Program
from planner.records.verdict import Verdict


@dataclass(frozen=True)
class Judged:
    """How one gate was judged.

    Attributes:
        tested: no criterion on which the outcome rests was judged at point value.
        confirmed: the verdict is, so that it has no caveat either.
    """

    outcome: str
    tested: bool
    confirmed: bool

    @property
    def passed(self) -> bool:
        return self.outcome == "pass"


@dataclass(frozen=True)
class GateTrial:
    """One gate, judged once, and the runs that it took."""

    judged: Judged
    runs: int


@dataclass(frozen=True)
class PathTrial:
    """One path from the first phase to its end.

    Attributes:
        judged: phase -> how its gate was judged; the best of its verdicts where more runs changed one.
        state: of the program at the end.
    """

    judged: Mapping[str, Judged]
    state: str
    runs: int


def try_gate(plan: SimulationPlan, phase: str, normals: Normals) -> GateTrial:
    """Judges one gate as ``advance`` would, with all of the program's budget of runs."""
    simulated = Simulated(plan, normals)
    for position in _positions(plan, simulated, phase):
        if position.steps:
            program = plan.setting.program
            return GateTrial(judged_of(program, position.steps[0].verdict), simulated.count)
    raise AssertionError("a walk ends with a verdict")


def try_path(plan: SimulationPlan, normals: Normals) -> PathTrial:
    """Walks the whole program; a person approves whatever an option waits for."""
    simulated = Simulated(plan, normals)
    program, best, state = plan.setting.program, dict[str, Judged](), ""
    for position in _positions(plan, simulated, None):
        state = position.state
        for step in position.steps:
            judged, phase = judged_of(program, step.verdict), step.verdict.phase
            if phase not in best or _rank(judged) > _rank(best[phase]) or not best[phase].passed:
                best[phase] = judged
    return PathTrial(best, state, simulated.count)


def approved(program: Program) -> Program:
    """The program with nobody to wait for before an option of triage is taken."""

    def freed(phase: Phase) -> Phase:
        if phase.triage is None:
            return phase
        options = [option.model_copy(update={"needs_person": None}) for option in phase.triage.options]
        return phase.model_copy(update={"triage": phase.triage.model_copy(update={"options": options})})

    return program.model_copy(
        update={"phases": {name: freed(phase) for name, phase in program.phases.items()}}
    )


def judged_of(program: Program, verdict: Verdict) -> Judged:
    """What counts of a verdict."""
    gate = [c for c in verdict.criteria if c.id in program.phases[verdict.phase].gate]
    tested = is_confirmed(verdict.outcome, gate, ())
    return Judged(verdict.outcome, tested, verdict.confidence == "confirmed")


def _rank(judged: Judged) -> int:
    return judged.passed * (1 + judged.tested + judged.confirmed)


def _positions(plan: SimulationPlan, simulated: Simulated, begin: str | None) -> Iterator[Plan]:
    """Where the path stands after each batch of runs, until nothing is left to run."""
    program = plan.setting.program
    most = program.budget.runs
    judge = _CachedJudge()
    while True:
        position = build_plan(
            PlanningState(
                program,
                simulated.evidence_of,
                simulated.missing,
                fidelity=plan.setting.fidelity,
                affordable=1_000_000 if most is None else max(most - simulated.count, 0),
                begin=begin,
                judge=judge,
            )
        )
        yield position
        if not position.launch:
            return
        simulated.make(position.launch)


class _CachedJudge:
    """``judge_phase`` without the search for flip points: what decides phases and seeds is there.

    A question asked before is answered from memory: within one repetition a configuration's runs at a number
    of seeds are always the same.
    """

    def __init__(self) -> None:
        self._verdicts: dict[Any, Verdict] = {}

    def __call__(
        self,
        program: Program,
        phase: str,
        evidence: Evidence,
        design: TestDesign,
        earlier: Mapping[str, Verdict],
        caveats: Sequence[str] = (),
        post_hoc: bool = False,
    ) -> Verdict:
        counts = tuple(len(evidence.of(arm)) for arm in program.phases[phase].arms)
        before = tuple(verdict.id for verdict in earlier.values())
        key = phase, counts, design.final, tuple(caveats), post_hoc, before
        if key not in self._verdicts:
            evaluator = PhaseEvaluator(program, phase, evidence, design, earlier, tuple(caveats), post_hoc)
            self._verdicts[key] = with_account(judge_outcome(evaluator), evaluator).identified("v")
        return self._verdicts[key]
