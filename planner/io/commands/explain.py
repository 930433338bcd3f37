"""``explain``: the trace of a decision; why something else was not chosen, and what if."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from planner.errors import UsageError
from planner.explaining.trace import Trace, trace_of
from planner.io.commands.open_home import only_program, open_program, phase_of, read_program_state
from planner.io.commands.replies.result import CommandResult, joined
from planner.lineage.in_force import rules_before
from planner.lineage.program_state import ProgramState
from planner.paths import Home
from planner.records.decision import Decision
from planner.records.journal_entry import AnyEntry, entries_of
from planner.records.verdict import Verdict
from planner.scoring.overrides import score_overrides

if TYPE_CHECKING:
    from planner.explaining.why_not import WhyNot
    from planner.io.commands.replies.base import Reply

ExplainFormat = Literal["text", "json", "mermaid"]


@dataclass(frozen=True)
class ExplainOptions:
    """What ``explain`` was asked for; see ``docs/cli.md``.

    Attributes:
        what_if: ``ARM.METRIC=VALUE``, each.
    """

    phase: str | None = None
    decision: str | None = None
    full: bool = False
    why_not: str | None = None
    what_if: Sequence[str] = ()
    form: ExplainFormat = "text"


def answer_explain(home: Home, name: str | None, options: ExplainOptions) -> CommandResult:
    """Why the latest decision was made, or that of a phase.

    Raises:
        UsageError: there is no such phase or decision, or nothing like what is asked about.

    Side effects: ``--what-if`` reads MLflow.
    """
    trace = trace_for(home, only_program(home, name), options.phase, options.decision)
    alternative = _why_not(trace, options.why_not) if options.why_not else None
    supposed = suppose(home, trace, options.what_if) if options.what_if else None

    def reply() -> Reply:
        from planner.explaining.in_json import as_json
        from planner.io.commands.replies.explain import ExplainReply

        why_not = alternative.model_dump(mode="json") if alternative else None
        return ExplainReply.model_validate({**as_json(trace), "why_not": why_not, "what_if": supposed})

    def text() -> str:
        if alternative or supposed:
            return joined(_other_lines(alternative, supposed))
        return f"{_as_text(trace, options)}\n"

    return CommandResult(reply, text)


def _why_not(trace: Trace, name: str) -> WhyNot:
    from planner.explaining.why_not import why_not

    return why_not(trace, name)


def _other_lines(alternative: WhyNot | None, supposed: dict[str, Any] | None) -> list[str]:
    from planner.explaining.what_if import what_if_lines
    from planner.explaining.why_not import why_not_lines

    lines = why_not_lines(alternative) if alternative else []
    return [*lines, *(what_if_lines(supposed) if supposed else [])]


def _as_text(trace: Trace, options: ExplainOptions) -> str:
    if options.form == "mermaid":
        from planner.explaining.in_mermaid import as_mermaid

        return as_mermaid(trace)
    from planner.explaining.in_text import as_text

    return as_text(trace, options.full)


def trace_for(home: Home, name: str, phase: str | None, decision_id: str | None) -> Trace:
    """The trace of a phase, of a decision, or of the latest decision.

    Raises:
        UsageError: there is no such phase or decision.
    """
    program = open_program(home, name)
    state, entries = read_program_state(home, program)
    if decision_id is not None:
        decision = _decision_with(entries, decision_id)
        if decision is None:
            raise UsageError(f"{name} has no decision '{decision_id}'; see 'explain {name} --json'")
        verdicts = {e.record.id: e.record for e in entries_of(entries, Verdict)}
        verdict = verdicts.get(decision.verdict_id or "")
        return build_trace(state, entries, decision.phase, verdict, decision)
    latest = state.latest.phase if state.latest else program.first
    chosen = phase_of(program, phase) or latest
    return build_trace(state, entries, chosen, state.verdicts.get(chosen), state.decisions.get(chosen))


def _decision_with(entries: Sequence[AnyEntry], decision_id: str) -> Decision | None:
    """The last decision whose id begins so."""
    decisions = [e.record for e in entries_of(entries, Decision)]
    return next((d for d in reversed(decisions) if d.id.startswith(decision_id)), None)


def build_trace(
    state: ProgramState,
    entries: Sequence[AnyEntry],
    phase: str,
    verdict: Verdict | None,
    decision: Decision | None,
) -> Trace:
    """The trace of a phase's verdict and the decision after it, as a program stands."""
    return trace_of(
        program=state.program,
        phase=phase,
        verdict=verdict,
        decision=decision,
        verdicts=state.verdicts,
        overrides=state.overrides,
        validity=state.validity,
        decided_at=state.decided_at.get(decision.id, "") if decision else "",
        scores=score_overrides(state.program, entries),
        decisions=state.decisions,
        before=rules_before(entries, verdict),
        checks=state.checks,
        of_other_homes=state.of_other_homes,
        repeats=state.repeats,
    )


def suppose(home: Home, trace: Trace, suppositions: Sequence[str]) -> dict[str, Any]:
    """What the phase that is explained would say if arms had measured something else.

    Reads the runs as ``advance --no-run`` would.

    Args:
        suppositions: ``ARM.METRIC=VALUE``, each.

    Raises:
        UsageError: one of them is malformed, or the phase cannot be judged on the runs that are there.

    Side effects: none on the home.
    """
    from planner.engine.options import AdvanceOptions
    from planner.explaining.what_if import read_intervention, what_if
    from planner.io.commands.situation import load_situation

    given = [read_intervention(trace.program, trace.phase, text) for text in suppositions]
    own = trace.program.phases[trace.phase].fidelity
    judged = trace.verdict.fidelity if trace.verdict is not None else own
    options = AdvanceOptions(no_run=True, fidelity=None if judged == own else judged)
    return what_if(load_situation(home, trace.program, options).state, trace.phase, given)
