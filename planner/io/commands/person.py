"""What a person writes down: overrides, runs excluded or made again, and harmless changes of code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from planner.deciding.triage import choices
from planner.errors import StoreUnavailable, UsageError
from planner.evidence.failures import failed_today
from planner.io.commands.open_home import open_journal, open_program, read_program_state
from planner.io.commands.session import user_name
from planner.io.sync.mirror import write_person
from planner.io.system.clock import SystemClock
from planner.io.workers.program_code import code_of
from planner.language.program import Program
from planner.lineage.in_force import exclusions_today, kept_code, retries_asked
from planner.lineage.program_state import ProgramState
from planner.paths import Home
from planner.records.person import Exclusion, Keep, Override, PersonRecord, Retry, Revocation
from planner.scoring.override_list import override_rows
from planner.scoring.overrides import score_overrides
from planner.text.terminal import CONTROL

_LONGEST = 2000
SHORTEST_ID = 6
"""So many characters of a run's id name it."""


@dataclass(frozen=True)
class OverrideRequest:
    """What ``override`` was asked for."""

    choose: str | None = None
    verdict: str | None = None
    done: str | None = None
    reason: str | None = None
    by: str | None = None
    expires: str | None = None


def override_phase(home: Home, name: str, phase: str | None, request: OverrideRequest) -> Override:
    """Writes down a person's choice about a phase that is open.

    Raises:
        UsageError: unknown phase or option, no reason, or a phase that is not open; nothing is written.

    Side effects: journal, then MLflow.
    """
    program = open_program(home, name)
    state, _ = read_program_state(home, program)
    if phase is None:
        raise UsageError(f"which phase of {name}? it has {', '.join(program.phases)}")
    if phase not in program.phases:
        raise UsageError(f"{name} has no phase '{phase}'; it has {', '.join(program.phases)}")
    _check(state, phase, request)
    decision = state.decisions[phase]
    override = Override(
        program=name,
        phase=phase,
        by=text_of("--by", request.by or user_name()),
        at=SystemClock().now(),
        reason=text_of("--reason", request.reason),
        choose=request.choose,
        verdict=request.verdict,
        done=request.done,
        contradicts=decision.id,
        recommended=decision.recommended or decision.choice or decision.action,
        expires=_expiry(request.expires),
    ).identified("o")
    write_down(home, program, override)
    return override


def _check(state: ProgramState, phase: str, request: OverrideRequest) -> None:
    given = [v for v in (request.choose, request.verdict, request.done) if v is not None]
    if len(given) != 1:
        raise UsageError("say one of --choose OPTION, --verdict accept|reject, --done OPTION")
    text_of("--reason", request.reason)
    if request.verdict is not None and request.verdict not in ("accept", "reject"):
        raise UsageError(f"--verdict takes accept or reject, not '{request.verdict}'")
    if phase not in state.verdicts or phase not in state.decisions:
        raise UsageError(f"phase '{phase}' is not open: it has not been judged")
    decision = state.decisions[phase]
    if decision.target in state.verdicts and decision.action != "wait":
        carried_out = f"its decision ({decision.action} {decision.choice}) has been carried out"
        raise UsageError(
            f"phase '{phase}' is not open: {carried_out}; open is {_open_phases(state) or 'none'}"
        )
    offered = choices(state.program, phase, decision.due)
    chosen = request.choose or request.done
    if chosen is not None and chosen not in offered:
        raise UsageError(f"phase '{phase}' offers no '{chosen}'; it offers {', '.join(offered)}")
    if request.done is not None and (decision.needs_person != "to_act" or decision.choice != request.done):
        raise UsageError(f"nothing waits for '{request.done}' to be done")


def _open_phases(state: ProgramState) -> str:
    names = [p for p, d in state.decisions.items() if p in state.verdicts and d.target not in state.verdicts]
    return ", ".join(names)


def text_of(option: str, value: str | None) -> str:
    """A person's text, checked.

    Raises:
        UsageError: it is missing, empty, too long, or holds control characters.
    """
    if value is None or not value.strip():
        raise UsageError(f"{option} is missing: an override without a reason helps nobody later")
    if len(value) > _LONGEST or CONTROL.search(value):
        raise UsageError(f"{option} takes up to {_LONGEST} characters of plain text")
    return value.strip()


def _expiry(value: str | None) -> str | None:
    if value is None:
        return None
    try:
        when = date.fromisoformat(value)
    except ValueError:
        raise UsageError(f"--expires takes a date such as 2026-12-31, not '{value}'") from None
    if when.isoformat() <= SystemClock().now()[:10]:
        raise UsageError(f"--expires {value} is not in the future")
    return when.isoformat()


def revoke_override(
    home: Home, name: str, override_id: str, by: str | None, reason: str | None
) -> Revocation:
    """Takes an override back; it stays on record.

    Raises:
        UsageError: there is none with that id in force.

    Side effects: journal, then MLflow.
    """
    program = open_program(home, name)
    rows = [r for r in list_overrides(home, name, None) if r["standing"] == "in force"]
    fitting = [r for r in rows if len(override_id) > 5 and str(r["id"]).startswith(override_id)]
    override = fitting[0] if len(fitting) == 1 else None
    if override is None:
        in_force = ", ".join(str(r["id"]) for r in rows) or "none"
        raise UsageError(f"{name} has no override '{override_id}' in force; in force: {in_force}")
    record = Revocation(
        program=name,
        phase=override["phase"],
        override_id=str(override["id"]),
        by=text_of("--by", by or user_name()),
        at=SystemClock().now(),
        reason=text_of("--reason", reason or "revoked"),
    ).identified("r")
    write_down(home, program, record)
    return record


def exclude_run(home: Home, run_id: str, reason: str | None, by: str | None, undo: bool) -> Exclusion:
    """Keeps a run out of all evidence, or takes that back.

    Raises:
        UsageError: no program has such a run, or more than one fits; no reason was given.

    Side effects: journal, then MLflow.
    """
    from planner.io.programs.loader import program_names
    from planner.io.store.run_store import MlflowRuns

    text = text_of("--reason", reason or ("taken back" if undo else None))
    if not re.fullmatch(rf"[0-9a-f]{{{SHORTEST_ID},64}}", run_id):
        raise UsageError(f"'{run_id}' is no run id; give at least its first {SHORTEST_ID} characters")
    runs = MlflowRuns(home)
    fitting = []
    for name in program_names(home.root):
        program = open_program(home, name)
        fitting += [(program, run) for run in runs.snapshot(program).finished if run.id.startswith(run_id)]
    if len({run.id for _, run in fitting}) != 1:
        what = "no program has" if not fitting else "more than one run fits"
        raise UsageError(f"{what} run '{run_id}'; see 'explain PROGRAM --full' for run ids")
    program, run = fitting[0]
    standing = exclusions_today(open_journal(home, program).entries(program.program))
    excluded = next((e for e in standing if e.run_id == run.id), None)
    if undo and excluded is None:
        raise UsageError(f"run {run.id} is not excluded, so there is nothing to take back")
    if not undo and excluded is not None:
        raise UsageError(f"run {run.id} is excluded already, by {excluded.by}: {excluded.reason}")
    record = Exclusion(
        program=program.program,
        phase=run.phase,
        run_id=run.id,
        by=text_of("--by", by or user_name()),
        at=SystemClock().now(),
        reason=text,
        undone=undo,
    ).identified("x")
    write_down(home, program, record)
    return record


def keep_code(home: Home, name: str, reason: str | None, by: str | None) -> Keep:
    """Declares every earlier version of the code that has runs equal to today's.

    Raises:
        UsageError: no run is stale because of code; no reason was given.

    Side effects: journal, then MLflow.
    """
    from planner.io.store.run_store import MlflowRuns

    text = text_of("--reason", reason)
    program = open_program(home, name)
    code = code_of(home, program)
    accepted = kept_code(open_journal(home, program).entries(name), code)
    runs = [run for run in MlflowRuns(home).snapshot(program).finished if run.own]
    old = sorted({run.code_digest for run in runs if run.code_digest} - {code, *accepted})
    if not old:
        raise UsageError(f"no run of {name} is stale because of its code")
    record = Keep(
        program=name,
        old=tuple(old),
        new=code,
        by=text_of("--by", by or user_name()),
        at=SystemClock().now(),
        reason=text,
    ).identified("k")
    write_down(home, program, record)
    return record


def retry_runs(home: Home, name: str, run_ids: Sequence[str], reason: str | None, by: str | None) -> Retry:
    """Has failed runs made again: those that are named, or all that count as failures today.

    Raises:
        UsageError: none failed, or one that is named did not; no reason was given.

    Side effects: journal, then MLflow.
    """
    from planner.io.store.run_store import MlflowRuns

    text = text_of("--reason", reason)
    program = open_program(home, name)
    entries, code = open_journal(home, program).entries(name), code_of(home, program)
    settled = {*retries_asked(entries), *(one.run_id for one in exclusions_today(entries))}
    runs = MlflowRuns(home).snapshot(program).finished
    failed = [
        run.id for run in failed_today(runs, {code, *kept_code(entries, code)}) if run.id not in settled
    ]
    chosen = [_failed_run(name, prefix, failed) for prefix in run_ids] or failed
    if not chosen:
        raise UsageError(f"no run of {name} counts as failed, so there is none to make again")
    record = Retry(
        program=name,
        run_ids=tuple(dict.fromkeys(chosen)),
        by=text_of("--by", by or user_name()),
        at=SystemClock().now(),
        reason=text,
    ).identified("t")
    write_down(home, program, record)
    return record


def _failed_run(name: str, prefix: str, failed: Sequence[str]) -> str:
    """The failed run whose id begins so."""
    fitting = [run_id for run_id in failed if len(prefix) >= SHORTEST_ID and run_id.startswith(prefix)]
    if len(fitting) != 1:
        what = "more than one failed run fits" if fitting else f"{name} has no failed run"
        raise UsageError(f"{what} '{prefix}'; failed are: {', '.join(run[:8] for run in failed) or 'none'}")
    return fitting[0]


def write_down(home: Home, program: Program, record: PersonRecord) -> None:
    """Writes what a person did: journal first, then MLflow; an MLflow that is away is caught up later.

    Side effects: journal, MLflow; a sentence on stderr where MLflow is away.
    """
    journal = open_journal(home, program)
    journal.add(record, record.at)
    with _noted_if_away():
        from planner.io.store.record_store import MlflowRecords
        from planner.io.store.run_store import MlflowRuns

        runs = MlflowRuns(home)
        runs.experiment(program)
        write_person(journal, MlflowRecords(runs), program, record)


@contextmanager
def _noted_if_away() -> Iterator[None]:
    try:
        yield
    except StoreUnavailable as error:
        sys.stderr.write(f"recorded in the journal; MLflow is caught up at the next advance ({error})\n")


def list_overrides(home: Home, name: str, phase: str | None) -> list[dict[str, Any]]:
    """Every override of a program, or of one phase, with how it stands and its score.

    Raises:
        UsageError: there is no such phase.
    """
    program = open_program(home, name)
    if phase is not None and phase not in program.phases:
        raise UsageError(f"{name} has no phase '{phase}'; it has {', '.join(program.phases)}")
    entries = open_journal(home, program).entries(name)
    rows = override_rows(program, entries, SystemClock().now())
    return [row for row in rows if phase in (None, row["phase"])]


def warning_about(home: Home, override: Override) -> str:
    """The confirmed verdict that a recorded override contradicts, in words; empty where there is none."""
    program = open_program(home, override.program)
    return score_overrides(program, open_journal(home, program).entries(override.program))[
        override.id
    ].warning
