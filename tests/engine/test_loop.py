"""The loop: which node follows which, and when a person is asked."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from planner.deciding.situation import Plan, PlanningState, Step
from planner.engine.loop import Launched, LoopResult, Recorded, run_loop
from planner.engine.options import AdvanceOptions
from planner.records.decision import Decision
from planner.records.person import Override
from planner.records.runs import PlannedRun, Run
from planner.records.verdict import Verdict
from tests.support.worlds import Scripted, own_run, scores, situation_of, small

OPTION = {"option": "dear", "rationale": "it may help", "opens": "second", "needs_person": "to_approve"}
ASKS = small(triage={"options": [OPTION]})


@dataclass
class Paper:
    """A desk that keeps everything in lists."""

    program: object
    made: list[Run] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    words: list[Override] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    stops: str = ""
    twice: bool = False
    """Whether a run is to be made a second time."""

    def load_state(self) -> PlanningState:
        self.calls.append("recall")
        return situation_of(self.program, self.made, overrides=self.words)  # type: ignore[arg-type]

    def is_recorded(self, step: Step) -> bool:
        return step in self.steps

    def record(self, step: Step, position: Plan, launched: int) -> Recorded:
        self.calls.append("record")
        self.steps.append(step)
        verdict = step.verdict
        return Recorded(
            verdict.phase,
            step.decision.action,
            verdict.outcome,
            verdict.confidence,
            None,
            None,
            "",
            "d",
            launched,
            0,
        )

    def launch(self, runs: tuple[PlannedRun, ...], decision: Decision, interim: Verdict | None) -> Launched:
        self.calls.append("launch")
        script = Scripted(scores()).script
        self.made += [own_run(self.program, r.phase, r.arm, r.seed, script(r.arm, r.seed)) for r in runs]  # type: ignore[arg-type]
        return Launched(len(runs), self.stops)

    def repeat_due(self) -> bool:
        return self.twice and bool(self.made) and "repeat" not in self.calls

    def repeat(self) -> None:
        self.calls.append("repeat")

    def approve(self, decision: Decision, by_person: str) -> None:
        self.calls.append(f"approve {by_person}")
        fields = {"by": by_person, "at": "2026-01-01", "reason": "yes", "choose": decision.choice}
        self.words.append(Override(program="small", phase=decision.phase, **fields).identified("o"))


def loop(desk: Paper, ask: object = None, **options: object) -> LoopResult:
    return run_loop(desk, AdvanceOptions(**options), ask)  # type: ignore[arg-type]


def test_runs_are_made_then_judged_and_written_down_each_round_from_the_records() -> None:
    desk = Paper(small())
    done = loop(desk)
    assert [(s.phase, s.runs_launched) for s in done.steps] == [("first", 6)]
    calls = [call for call in desk.calls if call != "recall"]
    assert calls == ["launch", "record"]
    assert desk.calls.count("recall") >= 2


def test_a_run_is_made_a_second_time_before_the_first_verdict_is_written_down() -> None:
    desk = Paper(small(), twice=True)
    done = loop(desk, every=True)
    calls = [call for call in desk.calls if call != "recall"]
    assert calls[:3] == ["launch", "repeat", "record"]
    assert [s.runs_launched for s in done.steps] == [6, 3, 3]


def test_all_goes_on_to_the_end() -> None:
    desk = Paper(small())
    assert [s.phase for s in loop(desk, every=True).steps] == ["first", "second", "third"]
    assert loop(desk, every=True).steps == ()


def test_a_launch_that_was_stopped_ends_the_loop() -> None:
    desk = Paper(small(), stops="the time is up")
    done = loop(desk, every=True)
    assert (done.stopped, done.steps) == ("the time is up", ())


def test_nobody_is_asked_without_a_terminal() -> None:
    desk = Paper(ASKS)
    assert loop(desk, every=True).plan.state == "waiting"
    assert not any(call.startswith("approve") for call in desk.calls)


@pytest.mark.parametrize(("answer", "phases"), [("ada", ["first", "first", "second"]), (None, ["first"])])
def test_a_person_at_the_terminal_is_asked(answer: str | None, phases: list[str]) -> None:
    questions: list[str] = []

    def ask(decision: Decision) -> str | None:
        questions.append(decision.reason)
        return answer

    desk = Paper(ASKS)
    done = loop(desk, ask, every=True)
    assert len(questions) == 1
    assert "it may help" in questions[0]
    assert [s.phase for s in done.steps] == phases
    assert [w.by for w in desk.words] == ([answer] if answer else [])


def test_accept_answers_for_the_person() -> None:
    desk = Paper(ASKS)
    done = loop(desk, every=True, accept=True)
    assert "approve --accept" in desk.calls
    assert done.steps[-1].phase == "second"


def test_until_ends_once_that_phase_and_all_before_it_are_written_down() -> None:
    desk = Paper(small())
    assert [s.phase for s in loop(desk, until="second").steps] == ["first", "second"]
    assert loop(desk, until="second").steps == ()
    assert loop(desk, until="first").steps == ()
