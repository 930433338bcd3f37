"""What happens next: a pure function of program, evidence and overrides.

:func:`build_plan` walks from the first phase along the verdicts that today's evidence gives, and
ends where something has to be run, approved, or where nothing is left to do. Nothing is remembered
between calls, so the same records always lead to the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from planner.criteria.test_design import TestDesign
from planner.deciding.launch import decision_digest, launch_decision, registered, stop_for_want_of_budget
from planner.deciding.overrides import choose_route
from planner.deciding.seed_allocation import seeds_wanted
from planner.deciding.situation import Plan, PlanningState, State, Step
from planner.deciding.triage import Route
from planner.evidence.evidence import Evidence
from planner.evidence.failures import same_in_two_arms
from planner.judging.earlier_rules import still_stands
from planner.judging.futility import is_futile, undetectable_effects
from planner.judging.post_hoc import (
    PreviouslyJudged,
    fresh_evidence,
    fresh_seeds_wanted,
    judged_under_other_rules,
)
from planner.judging.verdict import build_test_design, judge_phase
from planner.language.program import Program
from planner.language.transitions import openers, targets
from planner.records.caveat_facts import SHORT_OF_BUDGET, passed_over_caveat
from planner.records.decision import Decision, Inputs
from planner.records.runs import Failure, PlannedRun
from planner.records.verdict import DetectableEffect, Verdict


def build_plan(state: PlanningState) -> Plan:
    """Walks the phase graph as far as today's evidence leads."""
    walk = _Walk(state)
    while walk.plan is None:
        walk.step()
    return walk.plan


@dataclass(frozen=True)
class Circumstances:
    """What a walk knows of a phase besides its evidence when it judges it.

    Attributes:
        passed_over: phases that were passed over on the way.
        short_of_budget: runs are missing, and the budget pays for none.
        final: no more runs can be asked for.
        post_hoc: a rule changed after evidence for it was seen.
    """

    passed_over: tuple[str, ...] = ()
    short_of_budget: bool = False
    final: bool = False
    post_hoc: bool = False


def judge_walked_phase(
    program: Program,
    evidence: Evidence,
    design: TestDesign,
    earlier: Mapping[str, Verdict],
    circumstances: Circumstances,
    judge: Callable[..., Verdict] = judge_phase,
) -> Verdict:
    """The verdict of a phase as the walk comes to it.

    Args:
        judge: see :class:`planner.deciding.situation.PlanningState`.
    """
    caveats = [passed_over_caveat(name) for name in circumstances.passed_over]
    caveats += [SHORT_OF_BUDGET] if circumstances.short_of_budget else []
    verdict = judge(program, evidence.phase, evidence, design, earlier, caveats, circumstances.post_hoc)
    if circumstances.short_of_budget and verdict.outcome == "inconclusive":
        verdict = verdict.model_copy(update={"cause": "budget"}).identified("v")
    facts = {
        "passed_over": circumstances.passed_over,
        "short_of_budget": circumstances.short_of_budget,
        "final_look": circumstances.final,
    }
    return verdict.model_copy(update=facts)


def seeds_next(
    program: Program, verdict: Verdict, design: TestDesign, evidence: Evidence, seen: PreviouslyJudged
) -> dict[str, int]:
    """The seeds that each arm should have before its phase is judged for good; empty where it may be now.

    Args:
        verdict: on this evidence.
        seen: the runs that verdicts recorded before showed.
    """
    if design.final:
        return {}
    if verdict.post_hoc and program.confirm:
        return fresh_seeds_wanted(program, evidence, seen)
    if is_futile(verdict, design):
        return {}
    return seeds_wanted(program, verdict.phase, verdict, design, evidence)


def _tried_again(evidence: Evidence, missing: Sequence[PlannedRun]) -> set[str]:
    """The runs that were cut off and are made again: what they left is no measurement."""
    coming = {planned.fingerprint for planned in missing}
    return {run.id for run in evidence.all_runs if run.fingerprint in coming}


class _Walk:
    """One walk: the phases judged so far, which triage opened which phase, what was tried."""

    def __init__(self, state: PlanningState) -> None:
        self.state = state
        self.program = state.program
        self.steps: list[Step] = []
        self.route = Route()
        self.passed: list[str] = []
        self.current = state.begin or state.program.first
        self.plan: Plan | None = None

    def step(self) -> None:
        """Judges the current phase, or stops the walk there."""
        phase, fidelity = self.current, self.state.fidelity_of(self.current)
        evidence = fresh_evidence(self.program, self.state.evidence_of(phase, fidelity), self.state.seen)
        if self.state.no_run and not _has_runs(evidence):
            self._pass_over(phase)
            return
        design = self._design(phase, fidelity, final=self.state.no_run)
        planned = dict.fromkeys(self.program.phases[phase].arms, design.seeds)
        missing = [] if self.state.no_run else [*self.state.missing(phase, fidelity, planned)]
        missing += [run for run in self._cut_off(evidence) if run not in missing]
        if missing and self._fails_alike(evidence):
            if self.plan is None:  # nothing to wait for: no run worked
                self._judge(phase, evidence, design, short=False)
        elif missing and self.state.affordable > 0:
            hidden = undetectable_effects(self.program, evidence.without(_tried_again(evidence, missing)))
            if hidden:
                self._end("ready", tuple(hidden))
            else:
                self._launch(phase, fidelity, missing[: self.state.affordable], None)
        else:
            self._judge(phase, evidence, design, short=bool(missing))

    def _fails_alike(self, evidence: Evidence) -> bool:
        """Whether more runs would fail as two arms did; the walk ends there where others worked."""
        failure = None if self.state.keep_going else same_in_two_arms(evidence)
        if failure is not None and any(evidence.runs.values()):
            self._end("ready", failure=failure)
        return failure is not None

    def _cut_off(self, evidence: Evidence) -> list[PlannedRun]:
        """The runs that are made again because those that count in their place were cut off."""
        partial = {run.fingerprint for run in evidence.all_runs if run.partial and run.own}
        if self.state.no_run or not partial:
            return []
        begun = {arm: len({*runs, *evidence.failed.get(arm, ())}) for arm, runs in evidence.runs.items()}
        cut_off = self.state.missing(evidence.phase, evidence.fidelity, begun)
        return [run for run in cut_off if run.fingerprint in partial]

    def _judge(self, phase: str, evidence: Evidence, design: TestDesign, short: bool) -> None:
        """Judges on what there is; asks for more seeds where they can still change the answer.

        Args:
            short: runs are missing, and the budget pays for none.
        """
        standing = self._standing(evidence)
        if standing is not None:
            self._take(standing)
            return
        look = self._look(evidence, short)
        verdict = self._verdict(evidence, design, look)
        wanted = seeds_next(self.program, verdict, design, evidence, self.state.seen)
        more = list(self.state.missing(phase, evidence.fidelity, wanted)) if wanted else []
        if more and self._fails_alike(evidence):
            return
        if more and self.state.affordable > 0:
            self._launch(phase, evidence.fidelity, more[: self.state.affordable], verdict)
            return
        if wanted or short:
            look = replace(look, short_of_budget=short or bool(more), final=True)
            verdict = self._verdict(evidence, self._design(phase, evidence.fidelity, final=True), look)
        self._take(verdict)

    def _take(self, verdict: Verdict) -> None:
        """Goes on from a verdict."""
        decision = self._decide(verdict)
        self.steps.append(Step(verdict, decision))
        self._go_on(decision, verdict)

    def _standing(self, evidence: Evidence) -> Verdict | None:
        """The verdict that earlier rules gave on this evidence."""
        recorded = self.state.recorded_earlier.get((evidence.phase, evidence.fidelity))
        if recorded is None or recorded.passed_over != tuple(self.passed):
            return None
        stands = still_stands(self.program, recorded, evidence, self.earlier, self.state.no_run)
        return recorded if stands else None

    def _design(self, phase: str, fidelity: str, final: bool) -> TestDesign:
        return build_test_design(self.program, phase, fidelity, final, self.state.past_looks)

    def _look(self, evidence: Evidence, short: bool) -> Circumstances:
        post_hoc = bool(judged_under_other_rules(self.program, evidence, self.state.seen))
        return Circumstances(tuple(self.passed), short, self.state.no_run, post_hoc)

    def _verdict(self, evidence: Evidence, design: TestDesign, circumstances: Circumstances) -> Verdict:
        return judge_walked_phase(
            self.program, evidence, design, self.earlier, circumstances, self.state.judge
        )

    @property
    def earlier(self) -> dict[str, Verdict]:
        """The verdicts so far, by phase."""
        return {step.verdict.phase: step.verdict for step in self.steps}

    def _decide(self, verdict: Verdict) -> Decision:
        phase = verdict.phase
        standing = [o for o in self.state.overrides if o.phase == phase]
        if ends_for_want_of_budget(self.program, verdict) and not standing:
            return stop_for_want_of_budget(self.program, verdict, self.earlier, self.route)
        digest = decision_digest(self.program, phase)
        return choose_route(self.program, verdict, self.earlier, self.route, standing, digest)

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
        """Goes on to the nearest phase ahead that has runs, or ends where there is none.

        A phase that a person chose is not passed over: nothing is judged in its stead.
        """
        if self._was_chosen():
            self._end("ready")
            return
        route_to = {phase: [phase]}
        queue = [phase]
        while queue:
            here = queue.pop(0)
            for target in _ahead(self.program, here, {*self.earlier, *route_to}):
                if _has_runs(self.state.evidence_of(target, self.state.fidelity_of(target))):
                    self.passed += route_to[here]
                    self.current = target
                    return
                route_to[target] = [*route_to[here], target]
                queue.append(target)
        self._end("ready")

    def _was_chosen(self) -> bool:
        """Whether a person's choice led to the current phase."""
        followed = self.steps[-1].decision.override_ids if self.steps else ()
        return any(o.choose is not None and o.id in followed for o in self.state.overrides)

    def _launch(self, phase: str, fidelity: str, runs: Sequence[PlannedRun], interim: Verdict | None) -> None:
        opened = self.steps[-1].decision if self.steps else None
        decision = (
            opened  # already on record, and it says why
            if interim is None and opened is not None and opened.target == phase
            else self._launch_decision(phase, fidelity, runs, interim)
        )
        self.plan = Plan(
            tuple(self.steps), "ready", phase, tuple(runs), decision, interim, tuple(self.passed)
        )

    def _launch_decision(
        self, phase: str, fidelity: str, runs: Sequence[PlannedRun], interim: Verdict | None
    ) -> Decision:
        inputs = Inputs(
            verdicts=tuple(v.id for v in self.earlier.values()),
            asked=tuple((run.arm, run.seed) for run in runs),
            considered=interim.considered if interim is not None else (),
            because="" if interim is not None else self._why_missing(phase, fidelity),
            prediction=registered(self.program, phase),
        )
        return launch_decision(self.program, phase, fidelity, interim, inputs)

    def _why_missing(self, phase: str, fidelity: str) -> str:
        stale = self.state.stale.get(phase)
        if stale is not None:
            return f"its verdict is stale: {stale}"
        if phase in self.state.judged and any(self.state.evidence_of(phase, fidelity).to_retry.values()):
            return "runs that failed have another try"
        if phase in self.state.judged:
            return "its verdict was judged on fewer runs than are asked for"
        return f"nothing has been judged yet at fidelity {fidelity}"

    def _end(
        self, state: State, refused: tuple[DetectableEffect, ...] = (), failure: Failure | None = None
    ) -> None:
        passed = tuple(self.passed)
        self.plan = Plan(
            tuple(self.steps), state, self.current, passed_over=passed, refused=refused, failure=failure
        )


def _has_runs(evidence: Evidence) -> bool:
    """Whether anything was tried, well or not."""
    return any(map(len, (*evidence.runs.values(), *evidence.failed.values())))


def ends_for_want_of_budget(program: Program, verdict: Verdict) -> bool:
    """Whether the gate lacks runs that it requires, and the budget pays for none."""
    gate = program.phases[verdict.phase].gate
    return verdict.short_of_budget and any(c.cause == "missing" for c in verdict.criteria if c.id in gate)


def _ahead(program: Program, phase: str, seen: Iterable[str]) -> list[str]:
    """The phases that a phase may lead to and that were not looked at yet, in the order of the file."""
    reached = set(targets(program, phase).values())
    if "back" in reached:
        reached.update(t for opener in openers(program, phase) for t in targets(program, opener).values())
    reached -= set(seen)
    return [name for name in program.phases if name in reached]
