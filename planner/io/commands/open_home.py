"""Opens one program of one home: what every command that reads or writes begins with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from planner.errors import PhasegateError, UsageError
from planner.io.journal.journal import Journal
from planner.io.journal.work import measured_in, spent_in
from planner.io.leases.program_lock import holder_of
from planner.io.programs.loader import find_program, load_program, program_names
from planner.io.system.clock import SystemClock
from planner.io.workers.descriptions import data_today
from planner.io.workers.program_code import code_of
from planner.language.program import Program
from planner.lineage.in_force import kept_code
from planner.lineage.program_state import ProgramState, build_program_state
from planner.paths import Home
from planner.records.journal_entry import AnyEntry
from planner.records.verdict import Verdict


def open_program(home: Home, name: str) -> Program:
    """A program of this home.

    Raises:
        UsageError: there is none of that name.
        ProgramError: it is malformed; file and line are named.
    """
    return load_program(find_program(home.root, name))


def only_program(home: Home, name: str | None) -> str:
    """The name of a program; that of the only one where none is given.

    Raises:
        UsageError: none is given, and there is not one alone.
    """
    if name is not None:
        return name
    names = program_names(home.root)
    if len(names) == 1:
        return names[0]
    raise UsageError(f"which program? there are {', '.join(names) or 'none in knowledge/programs'}")


def phase_of(program: Program, phase: str | None) -> str | None:
    """A phase that was named, checked; None where none was.

    Raises:
        UsageError: the program has no such phase.
    """
    if phase is not None and phase not in program.phases:
        raise UsageError(f"{program.program} has no phase '{phase}'; it has {', '.join(program.phases)}")
    return phase


def open_journal(home: Home, program: Program) -> Journal:
    """The journal; rebuilt from MLflow where it is gone and there is a store.

    Raises:
        StoreUnavailable: MLflow is needed for that and cannot be read.

    Side effects: may read MLflow and write the journal.
    """
    journal = Journal(home.journal)
    if not journal.exists:
        from planner.io.sync.rebuild import rebuild_journal

        return Journal(rebuild_journal(home))
    return journal


def read_program_state(home: Home, program: Program) -> tuple[ProgramState, Sequence[AnyEntry]]:
    """Where a program stands, from the journal alone."""
    journal = open_journal(home, program)
    entries = journal.entries(program.program)
    try:
        code: str | None = code_of(home, program)
    except PhasegateError:
        code = None
    accepted = kept_code(entries, code) if code else frozenset()
    judged = {e.record.phase: e.record.fidelity for e in entries if isinstance(e.record, Verdict)}
    work = journal.work(program.program)
    state = build_program_state(
        program,
        entries,
        SystemClock().now(),
        code,
        accepted,
        running=holder_of(home, program.program) is not None,
        spent=spent_in(work),
        data=data_today(program, code, journal, judged) if code else None,
    )
    state = replace(state, checks=measured_in(work), repeats=journal.repeats(program.program))
    if state.running:
        from planner.io.commands.upkeep.at_work import runs_at_work  # it imports what makes runs

        state = replace(state, at_work=tuple(runs_at_work(home, journal, program.program)))
    return state, entries
