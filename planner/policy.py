"""What happens next: a pure function of program, evidence and overrides.

:func:`build_position` walks from the first phase along the verdicts that today's evidence gives, and
ends where something has to be run, approved, or where nothing is left to do. Nothing is remembered
between calls, so the same records always lead to the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from planner.criteria.answer import Judging
from planner.evidence import Evidence
from planner.gates import build_judging, judge_phase, rules_digest
from planner.program import Program
from planner.records import Decision, Override, PlannedRun, Verdict, digest_of
from planner.routes import openers, targets
from planner.seeds import seeds_wanted
from planner.triage import Route, choose_route

State = Literal["ready", "running", "waiting", "blocked", "done"]


@dataclass(frozen=True)
class Situation:
    """Everything that a decision may depend on.

    Attributes:
        fidelity: the rung of cost asked for; None means each phase's own.
        evidence_of: (phase, fidelity) -> the runs that count.
        missing: (phase, fidelity, arm -> number of seeds) -> planned runs that have not been made.
        overrides: those that stand today, oldest first.
        no_run: judge what there is and launch nothing.
        affordable: how many more runs the budget pays for.
        seen: phase -> (rules digest, run ids) of verdicts recorded before.
    """

    program: Program
    evidence_of: Callable[[str, str], Evidence]
    missing: Callable[[str, str, Mapping[str, int]], Sequence[PlannedRun]]
    fidelity: str | None = None
    overrides: Sequence[Override] = ()
    no_run: bool = False
    affordable: int = 1_000_000
    seen: Mapping[str, Sequence[tuple[str, frozenset[str]]]] = field(default_factory=dict)

    def fidelity_of(self, phase: str) -> str:
        """The fidelity at which a phase is judged."""
        return self.fidelity or self.program.phases[phase].fidelity


@dataclass(frozen=True)
class Step:
    """A phase that has been judged and what was decided after it."""

    verdict: Verdict
    decision: Decision


@dataclass(frozen=True)
class Position:
    """Where a program stands.

    Attributes:
        steps: the phases judged so far, in order.
        state: of the program, but for ``running``.
        phase: where it stands: the phase to run next, or the last one judged.
        launch: the runs that have to be made now.
        decision: why they are made; None where nothing has to be launched.
        interim: the verdict on what there is so far, where seeds are being added.
        passed_over: phases without runs that ``no_run`` went past.
    """

    steps: tuple[Step, ...]
    state: State
    phase: str
    launch: tuple[PlannedRun, ...] = ()
    decision: Decision | None = None
    interim: Verdict | None = None
    passed_over: tuple[str, ...] = ()

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Verdicts by phase."""
        return {step.verdict.phase: step.verdict for step in self.steps}

    @property
    def next(self) -> Decision | None:
        """The decision that says what comes next."""
        return self.decision or (self.steps[-1].decision if self.steps else None)


def build_position(situation: Situation) -> Position:
    """Walks the phase graph as far as today's evidence leads."""
    walk = _Walk(situation)
    while walk.position is None:
        walk.step()
    return walk.position


def program_digest(program: Program) -> str:
    """A digest of a whole program."""
    return digest_of(program.model_dump(mode="json"))


class _Walk:
    """One walk: the phases judged so far, which triage opened which phase, what was tried."""

    def __init__(self, situation: Situation) -> None:
        self.at = situation
        self.program = situation.program
        self.steps: list[Step] = []
        self.route = Route()
        self.passed: list[str] = []
        self.current = situation.program.first
        self.position: Position | None = None

    def step(self) -> None:
        """Judges the current phase, or stops the walk there."""
        phase, fidelity = self.current, self.at.fidelity_of(self.current)
        evidence = self.at.evidence_of(phase, fidelity)
        if self.at.no_run and not evidence.all_runs:
            self._pass_over(phase)
            return
        judging = build_judging(self.program, phase, fidelity, final=self.at.no_run)
        planned = dict.fromkeys(self.program.phases[phase].arms, judging.seeds)
        missing = [] if self.at.no_run else list(self.at.missing(phase, fidelity, planned))
        affordable = max(self.at.affordable, 0)
        if missing and affordable:
            self._launch(phase, fidelity, missing[:affordable], None)
            return
        self._judge(phase, evidence, judging, caveats=["the budget is spent"] if missing else [])

    def _judge(self, phase: str, evidence: Evidence, judging: Judging, caveats: list[str]) -> None:
        caveats += [f"phase '{name}' was not done (passed over)" for name in self.passed]
        verdict = self._verdict(phase, evidence, judging, caveats)
        wanted = {} if judging.final else seeds_wanted(self.program, phase, verdict, judging, evidence)
        more = list(self.at.missing(phase, evidence.fidelity, wanted)) if wanted else []
        if more and self.at.affordable > 0:
            self._launch(phase, evidence.fidelity, more[: self.at.affordable], verdict)
            return
        if wanted and not more or wanted and self.at.affordable <= 0:
            final = build_judging(self.program, phase, evidence.fidelity, final=True)
            verdict = self._verdict(phase, evidence, final, caveats)
        decision = self._decide(phase, verdict)
        self.steps.append(Step(verdict, decision))
        self._go_on(decision, verdict)

    def _verdict(self, phase: str, evidence: Evidence, judging: Judging, caveats: Sequence[str]) -> Verdict:
        earlier = {step.verdict.phase: step.verdict for step in self.steps}
        rules, ids = rules_digest(self.program, phase), {run.id for run in evidence.all_runs}
        post_hoc = any(old != rules and ids & seen for old, seen in self.at.seen.get(phase, ()))
        return judge_phase(self.program, phase, evidence, judging, earlier, caveats, post_hoc)

    def _decide(self, phase: str, verdict: Verdict) -> Decision:
        earlier = {step.verdict.phase: step.verdict for step in self.steps}
        standing = [o for o in self.at.overrides if o.phase == phase]
        return choose_route(
            self.program, verdict, earlier, self.route, standing, program_digest(self.program)
        )

    def _go_on(self, decision: Decision, verdict: Verdict) -> None:
        judged = {step.verdict.phase for step in self.steps}
        if decision.action == "wait":
            self._end("blocked" if verdict.outcome == "blocked" else "waiting")
        elif decision.action == "stop" or decision.target is None or decision.target in judged:
            self._end("done")
        else:
            self.route = self.route.taken(decision)
            self.current = decision.target

    def _pass_over(self, phase: str) -> None:
        """Goes on to the nearest phase ahead that has runs, or ends where there is none."""
        judged = {step.verdict.phase for step in self.steps} | {phase}
        queue, seen = [phase], set(judged)
        while queue:
            for target in _ahead(self.program, queue.pop(0), seen):
                if self.at.evidence_of(target, self.at.fidelity_of(target)).all_runs:
                    self.passed.append(phase)
                    self.current = target
                    return
                seen.add(target)
                queue.append(target)
        self.current = phase
        self._end("ready")

    def _launch(self, phase: str, fidelity: str, runs: Sequence[PlannedRun], interim: Verdict | None) -> None:
        decision = self._launch_decision(phase, fidelity, runs, interim)
        self.position = Position(
            tuple(self.steps), "ready", phase, tuple(runs), decision, interim, tuple(self.passed)
        )

    def _launch_decision(
        self, phase: str, fidelity: str, runs: Sequence[PlannedRun], interim: Verdict | None
    ) -> Decision:
        if interim is None:
            opened = self.steps[-1].decision.reason if self.steps else "nothing has been judged yet"
            action, rule = "run_phase", f"{phase}.arms"
            reason = f"{len(runs)} runs of {phase} are missing: {opened}"
        else:
            undecided = [c for c in interim.criteria if c.outcome == "undecided" and c.kind != "combined"]
            told = (
                "; ".join(f"{c.id} is undecided ({c.reason})" for c in undecided)
                or "the verdict is provisional"
            )
            action, rule = "add_seeds", f"{phase}.seeds"
            reason = f"{len(runs)} more runs can still change the answer: {told}"
        decision = Decision(
            program=self.program.program,
            phase=phase,
            fidelity=fidelity,
            action=action,
            choice=phase,
            target=phase,
            reason=reason,
            rule=rule,
            verdict_id=interim.id if interim else None,
            program_digest=program_digest(self.program),
        )
        return decision.identified("d")

    def _end(self, state: State) -> None:
        self.position = Position(tuple(self.steps), state, self.current, passed_over=tuple(self.passed))


def _ahead(program: Program, phase: str, seen: Iterable[str]) -> list[str]:
    """The phases that a phase may lead to and that were not looked at yet, in the order of the file."""
    reached = set(targets(program, phase).values())
    if "back" in reached:
        reached.update(t for opener in openers(program, phase) for t in targets(program, opener).values())
    reached -= set(seen)
    return [name for name in program.phases if name in reached]
