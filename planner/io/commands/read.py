"""What the reading commands show, from program files and the journal alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from planner.errors import Fault, ProgramError, UsageError, each_apart
from planner.explaining.trace import Trace, trace_of
from planner.io.commands.open_home import code_of, open_program, read_program_state
from planner.language.finding import Finding, warning
from planner.language.program import Program
from planner.lineage.in_force import rules_before
from planner.lineage.program_state import ProgramState
from planner.lineage.status import phase_json
from planner.paths import Home
from planner.records.decision import Decision
from planner.records.journal_entry import AnyEntry, entries_of
from planner.records.verdict import Verdict
from planner.scoring.overrides import score_overrides

if TYPE_CHECKING:
    from planner.phase_graph.render import PhaseState


def trace_for(home: Home, name: str, phase: str | None, decision_id: str | None) -> Trace:
    """The trace of a phase, of a decision, or of the latest decision.

    Raises:
        UsageError: there is no such phase or decision.
    """
    program = open_program(home, name)
    at, entries = read_program_state(home, program)
    if decision_id is not None:
        fitting = [e.record for e in entries_of(entries, Decision) if e.record.id.startswith(decision_id)]
        if not fitting:
            raise UsageError(f"{name} has no decision '{decision_id}'; see 'explain {name} --json'")
        decision = fitting[-1]
        verdicts = {e.record.id: e.record for e in entries_of(entries, Verdict)}
        verdict = verdicts.get(decision.verdict_id or "")
        return _trace(at, entries, decision.phase, verdict, decision)
    if phase is not None and phase not in program.phases:
        raise UsageError(f"{name} has no phase '{phase}'; it has {', '.join(program.phases)}")
    chosen = phase or (at.latest.phase if at.latest else program.first)
    latest = at.decisions.get(chosen)
    return _trace(at, entries, chosen, at.verdicts.get(chosen), latest)


def _trace(
    at: ProgramState,
    entries: Sequence[AnyEntry],
    phase: str,
    verdict: Verdict | None,
    decision: Decision | None,
) -> Trace:
    return trace_of(
        program=at.program,
        phase=phase,
        verdict=verdict,
        decision=decision,
        verdicts=at.verdicts,
        overrides=at.overrides,
        standing=at.validity,
        at=at.decided_at.get(decision.id, "") if decision else "",
        scores=score_overrides(at.program, entries),
        decisions=at.decisions,
        before=rules_before(entries, verdict),
    )


def memo_text(home: Home, name: str, phase: str | None) -> tuple[str, Path]:
    """The memo of a phase, and the file that holds it; rendered anew where the file is gone.

    Raises:
        UsageError: the phase is unknown or has not been judged.
    """
    program = open_program(home, name)
    at, entries = read_program_state(home, program)
    if phase is not None and phase not in program.phases:
        raise UsageError(f"{name} has no phase '{phase}'; it has {', '.join(program.phases)}")
    judged = [d.phase for d in at.decisions.values() if d.phase in at.verdicts]
    chosen = phase or (
        at.latest.phase if at.latest and at.latest.phase in at.verdicts else (judged[-1] if judged else None)
    )
    if chosen is None or chosen not in at.verdicts:
        what = f"phase '{chosen}' of {name}" if chosen else name
        raise UsageError(f"{what} has not been judged, so there is no memo yet; run 'advance {name}'")
    path = home.memo(name, chosen, at.verdicts[chosen].fidelity)
    if path.is_file():
        return path.read_text(encoding="utf-8", errors="replace"), path  # people edit it
    from planner.memo.render import render_memo

    trace = _trace(at, entries, chosen, at.verdicts[chosen], at.decisions.get(chosen))
    return render_memo(trace, (), trace.decided_at), path


def phase_states(home: Home, name: str) -> tuple[Program, dict[str, PhaseState]]:
    """A program and the state of each of its phases, for drawing."""
    from planner.phase_graph.render import PhaseState

    program = open_program(home, name)
    at, _ = read_program_state(home, program)
    states = {}
    for phase in program.phases:
        told = phase_json(at, phase)
        states[phase] = PhaseState(**{k: told[k] for k in PhaseState.model_fields})
    return program, states


def check_programs(home: Home, which: str | None) -> tuple[list[tuple[str, Finding]], list[Fault]]:
    """The findings of the static check with the program each is about, and files that cannot be read.

    Args:
        which: a program's name, a file, or None for all programs.
    """
    from planner.io.commands.noise_check import measured_faults
    from planner.io.programs.loader import find_program, load_program, program_names
    from planner.linting.check import check

    if which is None:
        paths = [home.program(name) for name in program_names(home.root)]
    elif which.endswith((".yaml", ".yml")) or _is_file(which):
        paths = [Path(which)]
    else:
        paths = [find_program(home.root, which)]

    def findings(path: Path) -> list[tuple[str, Finding]]:
        program = load_program(path)
        found = [*check(program), *_experiment_faults(home, program), *measured_faults(home, program)]
        return [(program.program, finding) for finding in found]

    found, faults = each_apart(paths, findings)
    return [finding for of_one in found for finding in of_one], faults


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except (OSError, ValueError):  # longer than any name of a file, or with a NUL in it
        return False


def _experiment_faults(home: Home, program: Program) -> list[Finding]:
    """A warning where a program names an experiment that is not in this home."""
    try:
        code_of(home, program)
    except ProgramError as fault:
        return [warning(path, what) for path, what in fault.problems]
    return []
