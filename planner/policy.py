"""What happens next: a pure function of program, evidence and overrides.

:func:`build_position` walks from the first phase along the verdicts that today's evidence gives, and
ends where something has to be run, approved, or where nothing is left to do. Nothing is remembered
between calls, so the same records always lead to the same place.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from planner.criteria.answer import Judging
from planner.evidence import Evidence
from planner.gates import build_judging, judge_phase, rules_digest
from planner.overrides import choose_route
from planner.position import Position, Situation, State, Step
from planner.program import ENDS, Phase, Program
from planner.records import Decision, Verdict, digest_of
from planner.routes import openers, targets
from planner.runs import PlannedRun
from planner.seeds import seeds_wanted
from planner.triage import Route


def build_position(situation: Situation) -> Position:
    """Walks the phase graph as far as today's evidence leads."""
    walk = _Walk(situation)
    while walk.position is None:
        walk.step()
    return walk.position


def passed_over_caveat(phase: str) -> str:
    """What the verdicts after a phase that was passed over say."""
    return f"phase '{phase}' was not done (passed over)"


def decision_digest(program: Program, phase: str) -> str:
    """A digest of what a decision after a phase depends on: its rules, its ways on, triage that opened it.

    Other phases are no part of it, so that a phase that is added leaves every decision as it is.
    """
    ways = {}
    for name in (phase, *openers(program, phase)):
        rules = program.phases[name]
        asked = {t: program.phases[t].asks_for for t in targets(program, name).values() if t not in ENDS}
        told = rules.model_dump(mode="json", include={"next", "triage"})
        ways[name] = {"rules": rules_digest(program, name), "asks_for": asked, **told}
    return digest_of(ways)


def is_post_hoc(seen: Sequence[tuple[str, frozenset[str]]], rules: str, runs: Iterable[str]) -> bool:
    """Whether one of these runs was first judged under other rules.

    Args:
        seen: (rules digest, run ids) of earlier verdicts, oldest first.
    """
    first: dict[str, str] = {}
    for digest, ids in seen:
        for run in ids:
            first.setdefault(run, digest)
    return any(first.get(run, rules) != rules for run in runs)


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
        if self.at.no_run and not _has_runs(evidence):
            self._pass_over(phase)
            return
        judging = build_judging(self.program, phase, fidelity, final=self.at.no_run)
        planned = dict.fromkeys(self.program.phases[phase].arms, judging.seeds)
        missing = [] if self.at.no_run else list(self.at.missing(phase, fidelity, planned))
        if missing and self.at.affordable > 0:
            self._launch(phase, fidelity, missing[: self.at.affordable], None)
        else:
            self._judge(phase, evidence, judging, short=bool(missing))

    def _judge(self, phase: str, evidence: Evidence, judging: Judging, short: bool) -> None:
        """Judges on what there is; asks for more seeds where they can still change the answer.

        Args:
            short: runs are missing, and the budget pays for none.
        """
        verdict = self._verdict(phase, evidence, judging, short)
        wanted = {} if judging.final else seeds_wanted(self.program, phase, verdict, judging, evidence)
        more = list(self.at.missing(phase, evidence.fidelity, wanted)) if wanted else []
        if more and self.at.affordable > 0:
            self._launch(phase, evidence.fidelity, more[: self.at.affordable], verdict)
            return
        if wanted or short:
            short = short or bool(more)
            final = build_judging(self.program, phase, evidence.fidelity, final=True)
            verdict = self._verdict(phase, evidence, final, short)
        decision = self._decide(verdict, short and _lacks_evidence(self.program.phases[phase], verdict))
        self.steps.append(Step(verdict, decision))
        self._go_on(decision, verdict)

    def _verdict(self, phase: str, evidence: Evidence, judging: Judging, short: bool) -> Verdict:
        rules, runs = rules_digest(self.program, phase), [run.id for run in evidence.all_runs]
        post_hoc = is_post_hoc(self.at.seen.get(phase, ()), rules, runs)
        caveats = [passed_over_caveat(name) for name in self.passed]
        caveats += ["the budget is spent before every run that was asked for is made"] if short else []
        verdict = judge_phase(self.program, phase, evidence, judging, self.earlier, caveats, post_hoc)
        if short and verdict.outcome == "inconclusive":
            verdict = verdict.model_copy(update={"cause": "budget"}).identified("v")
        return verdict

    @property
    def earlier(self) -> dict[str, Verdict]:
        """The verdicts so far, by phase."""
        return {step.verdict.phase: step.verdict for step in self.steps}

    def _decide(self, verdict: Verdict, nothing_to_spend: bool) -> Decision:
        phase = verdict.phase
        standing = [o for o in self.at.overrides if o.phase == phase]
        digest = decision_digest(self.program, phase)
        if nothing_to_spend and not standing:
            stop = Decision(
                program=self.program.program,
                phase=phase,
                fidelity=verdict.fidelity,
                action="stop",
                reason=f"{phase} lacks runs that its gate requires, and the budget of the program is spent",
                rule="budget",
                verdict_id=verdict.id,
                program_digest=digest,
            )
            return stop.identified("d")
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
        way = {phase: [phase]}
        queue = [phase]
        while queue:
            here = queue.pop(0)
            for target in _ahead(self.program, here, {*self.earlier, *way}):
                if _has_runs(self.at.evidence_of(target, self.at.fidelity_of(target))):
                    self.passed += way[here]
                    self.current = target
                    return
                way[target] = [*way[here], target]
                queue.append(target)
        self._end("ready")

    def _was_chosen(self) -> bool:
        """Whether a person's choice led to the current phase."""
        followed = (self.steps[-1].decision.override_id or "") if self.steps else ""
        return any(o.choose is not None and o.id in followed.split(", ") for o in self.at.overrides)

    def _launch(self, phase: str, fidelity: str, runs: Sequence[PlannedRun], interim: Verdict | None) -> None:
        opened = self.steps[-1].decision if self.steps else None
        decision = (
            opened  # already on record, and it says why
            if interim is None and opened is not None and opened.target == phase
            else self._launch_decision(phase, fidelity, runs, interim)
        )
        self.position = Position(
            tuple(self.steps), "ready", phase, tuple(runs), decision, interim, tuple(self.passed)
        )

    def _launch_decision(
        self, phase: str, fidelity: str, runs: Sequence[PlannedRun], interim: Verdict | None
    ) -> Decision:
        if interim is None:
            action, rule = "run_phase", f"{phase}.arms"
            reason = f"{len(runs)} runs of {phase} are missing: {self._why_missing(phase, fidelity)}"
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
            program_digest=decision_digest(self.program, phase),
        )
        return decision.identified("d")

    def _why_missing(self, phase: str, fidelity: str) -> str:
        stale = self.at.stale.get(phase)
        if stale is not None:
            return f"its verdict is stale: {stale}"
        if phase in self.at.judged:
            return "its verdict was judged on fewer runs than are asked for"
        return f"nothing has been judged yet at fidelity {fidelity}"

    def _end(self, state: State) -> None:
        self.position = Position(tuple(self.steps), state, self.current, passed_over=tuple(self.passed))


def _has_runs(evidence: Evidence) -> bool:
    """Whether anything was tried, well or not."""
    return any(map(len, (*evidence.runs.values(), *evidence.failed.values())))


def _lacks_evidence(rules: Phase, verdict: Verdict) -> bool:
    return any(c.cause == "missing" for c in verdict.criteria if c.id in rules.gate)


def _ahead(program: Program, phase: str, seen: Iterable[str]) -> list[str]:
    """The phases that a phase may lead to and that were not looked at yet, in the order of the file."""
    reached = set(targets(program, phase).values())
    if "back" in reached:
        reached.update(t for opener in openers(program, phase) for t in targets(program, opener).values())
    reached -= set(seen)
    return [name for name in program.phases if name in reached]
