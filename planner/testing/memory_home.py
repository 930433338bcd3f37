"""A program's whole life in memory: what runs measure is scripted, everything else is as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from planner.api.explanations import explain
from planner.api.report import Report
from planner.api.situations import checked_phase
from planner.deciding.situation import Plan, PlanningState
from planner.deciding.triage import choices
from planner.deciding.walk import build_plan
from planner.errors import UsageError
from planner.evidence.run_selection import Catalog, RunSelector, Snapshot, spent_by
from planner.language.program import Program
from planner.language.suggestions import instead
from planner.records.decision import Decision
from planner.records.jobs import Description
from planner.records.person import Override
from planner.records.runs import PlannedRun, Run, RunOutcome
from planner.records.verdict import Verdict

Measurement = Mapping[str, float | Sequence[float]] | str
"""What a run measures: metric -> final value, or its values by step; or the outcome with which it fails."""
_MOST_ROUNDS = 10_000
_MANY = 1_000_000


@dataclass
class MemoryHome:
    """A program with its runs and overrides, in memory: nothing is read, written, trained or waited for.

    It goes through the same rules as ``advance``: missing runs, seeds that are added while they can change
    the answer, retries, budgets, triage, overrides. What it does not model: several fidelities at once,
    changed rules, exclusions, time.

    Args:
        program: from :func:`planner.load_program`.
        measure: takes a planned run (``phase``, ``arm``, ``seed``, ``fidelity``, ``params``) and gives
            metric -> value, in the metric's unit, or -> values by step; or the outcome with which the run
            fails, for example ``"out_of_memory"``. Values that are the same at every seed decide nothing,
            unless the program states that the metric is ``deterministic``.
        fidelity: the rung to work on; None means each phase's own.

    Example:
        >>> from planner.testing import MemoryHome, example_program
        >>> def measure(run):
        ...     return {"val_accuracy": (0.95 if run.arm == "dropout" else 0.90) * (1 + run.seed / 1000)}
        >>> home = MemoryHome(example_program(), measure)
        >>> home.advance().state
        'done'
        >>> home.verdicts["first_look"].outcome, home.verdicts["first_look"].confidence
        ('pass', 'confirmed')
        >>> len(home.runs)
        6
    """

    program: Program
    measure: Callable[[PlannedRun], Measurement]
    fidelity: str | None = None
    runs: list[Run] = field(default_factory=list)
    overrides: list[Override] = field(default_factory=list)

    def advance(self, until: str | None = None) -> Plan:
        """Makes the runs that are missing, judges, and goes on until the program is done or waits.

        Args:
            until: stops as soon as this phase is judged.

        Returns:
            Where the program stands then.

        Raises:
            UsageError: the program has no such phase, or ``measure`` gives what no run can leave.
        """
        if until is not None:
            checked_phase(self.program, until)
        for _ in range(_MOST_ROUNDS):
            plan = self.plan()
            if not plan.launch or until in plan.verdicts:
                return plan
            selector = self._selector()
            self.runs += [self._run(planned, selector) for planned in plan.launch]
        raise UsageError(
            f"{self.program.program} does not come to an end: {plan.phase} asks for ever more runs"
        )

    def plan(self) -> Plan:
        """Where the program stands: phases judged so far, runs that are missing, the next decision."""
        return build_plan(self._situation())

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The verdicts so far, by phase."""
        return self.plan().verdicts

    @property
    def decisions(self) -> dict[str, Decision]:
        """The decision after each verdict, by phase."""
        return {step.verdict.phase: step.decision for step in self.plan().steps}

    def explain(self, phase: str, full: bool = False) -> Report:
        """Why a phase's verdict is what it is, and what followed.

        Raises:
            UsageError: the phase has not been judged.
        """
        plan = self.plan()
        if phase not in plan.verdicts:
            raise UsageError(
                f"'{phase}' has not been judged; judged are: {', '.join(plan.verdicts) or 'none'}"
            )
        decision = next(step.decision for step in plan.steps if step.verdict.phase == phase)
        earlier = plan.verdicts.values()
        return explain(plan.verdicts[phase], self.program, decision=decision, earlier=earlier, full=full)

    def override(
        self,
        phase: str,
        *,
        reason: str,
        by: str = "tester",
        choose: str | None = None,
        verdict: Literal["accept", "reject"] | None = None,
        done: str | None = None,
    ) -> Override:
        """Writes down a person's word on a phase; the next :meth:`advance` follows it.

        Raises:
            UsageError: the program has no such phase, or the phase no such choice.
        """
        decision = self.decisions.get(checked_phase(self.program, phase))
        offered = choices(self.program, phase, decision.due if decision else ())
        if choose is not None and choose not in offered:
            raise UsageError(f"'{phase}' offers no '{choose}'{instead(choose, offered)}")
        override = Override(
            program=self.program.program,
            phase=phase,
            by=by,
            at="2000-01-01T00:00:00+00:00",
            reason=reason,
            choose=choose,
            verdict=verdict,
            done=done,
            contradicts=decision.id if decision else None,
            recommended=decision.choice if decision else None,
        ).identified("o")
        self.overrides.append(override)
        return override

    # --- what the rules are given ----------------------------------------------------------------

    def _selector(self) -> RunSelector:
        described = {
            (phase, arm, self.fidelity or rules.fidelity): Description(
                config=self.program.params(phase, arm), data_name="in memory", data_digest="in-memory"
            )
            for phase, rules in self.program.phases.items()
            for arm in rules.arms
        }
        mended = [override.phase for override in self.overrides if override.done is not None]
        catalog = Catalog("in memory", described=described)
        return RunSelector(self.program, Snapshot(tuple(self.runs)), catalog, (), mended)

    def _situation(self) -> PlanningState:
        selector, (count, seconds) = self._selector(), spent_by(self.runs)
        budget = self.program.budget
        left = _MANY if budget.runs is None else max(budget.runs - count, 0)
        return PlanningState(
            program=self.program,
            evidence_of=selector.evidence_of,
            missing=selector.missing,
            fidelity=self.fidelity,
            overrides=self.overrides,
            affordable=0 if budget.seconds is not None and seconds >= budget.seconds else left,
        )

    def _run(self, planned: PlannedRun, selector: RunSelector) -> Run:
        """The run that a planned one becomes; it takes a second."""
        before = selector.retried(planned)
        fields = planned.model_dump(exclude={"params"})
        return Run(
            **fields,
            id=f"{planned.phase}-{planned.arm}-{planned.seed}-{before.attempt + 1 if before else 1}",
            params={name: str(value) for name, value in planned.params.items()},
            seconds=1.0,
            attempt=before.attempt + 1 if before else 1,
            **_left(self.measure(planned)),
        )


def _left(measurement: Measurement) -> dict[str, Any]:
    """Outcome, final values and series of a run."""
    if isinstance(measurement, str):
        if measurement not in get_args(RunOutcome):
            raise UsageError(f"no run ends as '{measurement}'{instead(measurement, get_args(RunOutcome))}")
        return {"outcome": measurement}
    if not isinstance(measurement, Mapping):
        raise UsageError(f"measure gives metric -> value, or an outcome, not {type(measurement).__name__}")
    steps = {name: [*values] for name, values in measurement.items() if isinstance(values, Sequence)}
    finals = {name: values for name, values in measurement.items() if not isinstance(values, Sequence)}
    return {
        "metrics": {**{name: values[-1] for name, values in steps.items() if values}, **finals},
        "series": {name: tuple(enumerate(values)) for name, values in steps.items()},
    }
