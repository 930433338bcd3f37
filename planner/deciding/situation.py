"""What a decision may depend on, and where a program stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from planner.evidence.evidence import Evidence
from planner.judging.earlier_rules import RecordedEarlier
from planner.judging.looks_made import LooksMade
from planner.judging.post_hoc import PreviouslyJudged
from planner.judging.verdict import judge_phase
from planner.language.program import Program
from planner.records.decision import Decision
from planner.records.person import Override
from planner.records.runs import Failure, PlannedRun
from planner.records.verdict import DetectableEffect, Verdict

State = Literal["ready", "running", "waiting", "blocked", "done"]


@dataclass(frozen=True)
class PlanningState:
    """Everything that a decision may depend on.

    Attributes:
        fidelity: the rung of cost asked for; None means each phase's own.
        evidence_of: (phase, fidelity) -> the runs that count.
        missing: (phase, fidelity, arm -> number of seeds) -> planned runs that have not been made.
        overrides: those that stand today, oldest first.
        no_run: judge what there is and launch nothing.
        affordable: how many more runs the budget pays for.
        seen: the runs that verdicts recorded before showed, and the rules that were there then.
        past_looks: how verdicts recorded before came to their bounds.
        recorded_earlier: verdicts of earlier rules, which stand on the evidence that they were given on.
        stale: phase -> why its verdict, recorded before, no longer follows from what is there.
        judged: phases with a verdict recorded before, at the fidelity asked for.
        keep_going: more runs of a phase are made though two arms of it failed in the same way.
        begin: the phase that the walk begins with; None means the program's first.
        judge: what judges a phase; takes and gives what :func:`planner.judging.verdict.judge_phase` does.
    """

    program: Program
    evidence_of: Callable[[str, str], Evidence]
    missing: Callable[[str, str, Mapping[str, int]], Sequence[PlannedRun]]
    fidelity: str | None = None
    overrides: Sequence[Override] = ()
    no_run: bool = False
    affordable: int = 1_000_000
    seen: PreviouslyJudged = ()
    past_looks: LooksMade = field(default_factory=dict)
    recorded_earlier: RecordedEarlier = field(default_factory=dict)
    stale: Mapping[str, str] = field(default_factory=dict)
    judged: frozenset[str] = frozenset()
    keep_going: bool = True
    begin: str | None = None
    judge: Callable[..., Verdict] = judge_phase

    def fidelity_of(self, phase: str) -> str:
        """The fidelity at which a phase is judged."""
        return self.fidelity or self.program.phases[phase].fidelity


@dataclass(frozen=True)
class Step:
    """A phase that has been judged and what was decided after it."""

    verdict: Verdict
    decision: Decision


@dataclass(frozen=True)
class Plan:
    """Where a program stands.

    Attributes:
        steps: the phases judged so far, in order.
        state: of the program, but for ``running``.
        phase: where it stands: the phase to run next, or the last one judged.
        launch: the runs that have to be made now.
        decision: why they are made; None where nothing has to be launched.
        interim: the verdict on what there is so far, where seeds are being added.
        passed_over: phases without runs that ``no_run`` went past.
        failure: what ended runs of two arms of the phase in the same way, so that no more are made.
        refused: thresholds of the phase that lie under its noise floor, so that nothing is run for it.

    Example:
        >>> import planner
        >>> from planner.testing import example_program, example_table
        >>> plan = planner.plan(example_program(), example_table())
        >>> plan.state, [step.verdict.outcome for step in plan.steps]
        ('done', ['pass'])
    """

    steps: tuple[Step, ...]
    state: State
    phase: str
    launch: tuple[PlannedRun, ...] = ()
    decision: Decision | None = None
    interim: Verdict | None = None
    passed_over: tuple[str, ...] = ()
    refused: tuple[DetectableEffect, ...] = ()
    failure: Failure | None = None

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Verdicts by phase."""
        return {step.verdict.phase: step.verdict for step in self.steps}

    @property
    def next(self) -> Decision | None:
        """The decision that says what comes next."""
        return self.decision or (self.steps[-1].decision if self.steps else None)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        from planner.deciding.html import plan_html

        return plan_html(self)
