"""The loop of ``advance`` as a LangGraph state graph; each node is a few lines.

``recall -> judge -> choose -> (record | approve | launch | repeat) -> recall``. Every round begins from the
records, so nothing that the graph holds has to survive a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypedDict

from planner.deciding.situation import Plan, PlanningState, Step
from planner.deciding.walk import build_plan
from planner.engine.options import AdvanceOptions
from planner.records.decision import Decision
from planner.records.runs import PlannedRun
from planner.records.verdict import Verdict

_MOST_ROUNDS = 10_000


@dataclass(frozen=True)
class Recorded:
    """A step as it was written down; the fields are those of ``advance --json``."""

    phase: str
    action: str
    outcome: str
    confidence: str
    tier: str | None
    case: str | None
    memo: str
    decision_id: str
    runs_launched: int
    runs_reused: int
    judged: bool = True
    """False where the verdict stood already and only the decision is new."""


@dataclass(frozen=True)
class Launched:
    """What came of a launch: how many runs were made, and why no more were.

    Attributes:
        outdated: files changed meanwhile, so that what is there now has to be read anew.
    """

    count: int
    stopped: str = ""
    outdated: bool = False


class SessionPort(Protocol):
    """Everything that the loop does to the world."""

    def load_state(self) -> PlanningState: ...

    def is_recorded(self, step: Step) -> bool: ...

    def record(self, step: Step, plan: Plan, launched: int) -> Recorded: ...

    def launch(
        self, runs: tuple[PlannedRun, ...], decision: Decision, interim: Verdict | None
    ) -> Launched: ...

    def approve(self, decision: Decision, by_person: str) -> None: ...

    def repeat_due(self) -> bool: ...

    def repeat(self) -> None: ...


class LoopState(TypedDict, total=False):
    """What the nodes hand on; plain values only, because LangGraph writes them down at every step."""

    do: str
    steps: list[dict[str, Any]]
    launched: int
    stopped: str


@dataclass(frozen=True)
class LoopResult:
    """How a loop ended: the steps that it wrote down, and where the program stands."""

    steps: tuple[Recorded, ...]
    plan: Plan
    stopped: str = ""


def build_loop(nodes: _Nodes) -> Any:
    """The compiled graph; run it with ``run_loop``."""
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.graph import END, START, StateGraph

    graph = StateGraph(LoopState)
    for name in ("recall", "judge", "choose", "approve", "launch", "repeat", "record"):
        graph.add_node(name, getattr(nodes, name))
    graph.add_edge(START, "recall")
    graph.add_edge("recall", "judge")
    graph.add_edge("judge", "choose")
    after_choice: dict[Hashable, str] = {
        "record": "record",
        "approve": "approve",
        "launch": "launch",
        "repeat": "repeat",
        "end": END,
    }
    graph.add_conditional_edges("choose", lambda state: state["do"], after_choice)
    on: dict[Hashable, str] = {"recall": "recall", "end": END}
    for name in ("approve", "launch", "repeat", "record"):
        graph.add_conditional_edges(name, lambda state: state["do"], on)
    return graph.compile(checkpointer=InMemorySaver())


def run_loop(
    session: SessionPort, options: AdvanceOptions, ask: Callable[[Decision], str | None] | None = None
) -> LoopResult:
    """Runs the loop to its end.

    Args:
        ask: asks the person at the terminal whether to take the recommendation that waits; gives
            their name, or None for no. Without it nobody is asked, and the wait stays on record.
    """
    nodes = _Nodes(session, options)
    if nodes.has_nothing_to_do():
        return LoopResult((), nodes.plan)
    from langgraph.types import Command

    loop = build_loop(nodes)
    config = {"configurable": {"thread_id": "advance"}, "recursion_limit": _MOST_ROUNDS}
    state = loop.invoke(LoopState(steps=[], launched=0, stopped=""), config)
    while "__interrupt__" in state:
        decision = nodes.plan.next
        answer = ask(decision) if ask is not None and decision is not None else None
        state = loop.invoke(Command(resume=answer or ""), config)
    steps = tuple(Recorded(**step) for step in state["steps"])
    return LoopResult(steps, nodes.plan, state.get("stopped", ""))


class _Nodes:
    def __init__(self, session: SessionPort, options: AdvanceOptions) -> None:
        self.session = session
        self.options = options
        self.state: PlanningState
        self.plan: Plan

    def has_nothing_to_do(self) -> bool:
        """Whether the loop would end at once; saves the second that importing LangGraph takes."""
        start = LoopState(steps=[], launched=0, stopped="")
        self.recall(start)
        self.judge(start)
        return self.choose(start)["do"] == "end"

    def recall(self, state: LoopState) -> LoopState:
        """Reads everything that is known."""
        self.state = self.session.load_state()
        return {"stopped": ""}

    def judge(self, state: LoopState) -> LoopState:
        """Judges every phase on the way, from today's evidence."""
        self.plan = build_plan(self.state)
        return {"stopped": ""}

    def choose(self, state: LoopState) -> LoopState:
        """Says what to do with the plan: write a step down, launch, make a run twice, ask, or end."""
        plan = self.plan
        new = _first_new(self.session, plan)
        if self._reached(plan):
            return {"do": "end"}
        if (new is not None or not plan.launch) and self.session.repeat_due():
            return {"do": "repeat"}  # once the runs of a phase are made, before its verdict is written down
        if new is not None:
            return {"do": "record"}
        if plan.launch:
            return {"do": "launch"}
        return {"do": "approve" if _can_be_approved(plan) else "end"}

    def approve(self, state: LoopState) -> LoopState:
        """Asks a person, where the recommendation waits for one."""
        from langgraph.types import interrupt

        decision = self.plan.next
        assert decision is not None
        by = "--accept" if self.options.accept else interrupt(decision.reason)
        if not by:
            return {"do": "end"}
        self.session.approve(decision, by)
        return {"do": "recall"}

    def launch(self, state: LoopState) -> LoopState:
        """Makes the runs that are missing."""
        plan = self.plan
        assert plan.decision is not None
        done = self.session.launch(plan.launch, plan.decision, plan.interim)
        stopped = done.stopped or ("" if done.count or done.outdated else "no run could be made")
        return {
            "launched": state.get("launched", 0) + done.count,
            "stopped": stopped,
            "do": "end" if stopped else "recall",
        }

    def repeat(self, state: LoopState) -> LoopState:
        """Makes the first run a second time."""
        self.session.repeat()
        return {"do": "recall"}

    def record(self, state: LoopState) -> LoopState:
        """Writes down the first step that is new: verdict, decision, memo."""
        plan = self.plan
        step = _first_new(self.session, plan)
        assert step is not None
        done = self.session.record(step, plan, state.get("launched", 0))
        steps = [*state.get("steps", []), asdict(done)]
        on = self.options.goes_on or not done.judged
        return {"steps": steps, "launched": 0, "do": "recall" if on else "end"}

    def _reached(self, plan: Plan) -> bool:
        until = self.options.until
        judged = next((s for s in plan.steps if s.verdict.phase == until), None)
        if until is None or judged is None or not self.session.is_recorded(judged):
            return False
        before = plan.steps[: plan.steps.index(judged)]
        return all(self.session.is_recorded(step) for step in before)


def _first_new(session: SessionPort, plan: Plan) -> Step | None:
    return next((step for step in plan.steps if not session.is_recorded(step)), None)


def _can_be_approved(plan: Plan) -> bool:
    decision = plan.next
    may_be = ("to_approve", "to_confirm")
    return decision is not None and decision.action == "wait" and decision.needs_person in may_be
