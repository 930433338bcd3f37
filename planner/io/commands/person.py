"""What a person writes down: overrides, exclusions, and harmless changes of code."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

from planner.deciding.triage import choices
from planner.errors import StoreUnavailable, UsageError
from planner.io.commands.open_home import code_of, open_journal, open_program, read_program_state
from planner.io.commands.session import user_name
from planner.io.sync.mirror import write_person
from planner.io.system.clock import SystemClock
from planner.language.program import Program
from planner.lineage.in_force import exclusions_today, kept_code
from planner.lineage.program_state import ProgramState
from planner.paths import Home
from planner.records.person import Exclusion, Keep, Override, Revocation
from planner.scoring.override_list import override_rows
from planner.scoring.overrides import score_overrides
from planner.text.terminal import CONTROL

_LONGEST = 2000


@dataclass(frozen=True)
class OverrideRequest:
    """What ``override`` was asked for."""

    choose: str | None = None
    verdict: str | None = None
    done: str | None = None
    reason: str | None = None
    by: str | None = None
    expires: str | None = None


def override_phase(home: Home, name: str, phase: str | None, wish: OverrideRequest) -> Override:
    """Writes down a person's choice about a phase that is open.

    Raises:
        UsageError: unknown phase or option, no reason, or a phase that is not open; nothing is written.

    Side effects: journal, then MLflow.
    """
    program = open_program(home, name)
    at, _ = read_program_state(home, program)
    if phase is None:
        raise UsageError(f"which phase of {name}? it has {', '.join(program.phases)}")
    if phase not in program.phases:
        raise UsageError(f"{name} has no phase '{phase}'; it has {', '.join(program.phases)}")
    _check(at, phase, wish)
    decision = at.decisions[phase]
    override = Override(
        program=name,
        phase=phase,
        by=text_of("--by", wish.by or user_name()),
        at=SystemClock().now(),
        reason=text_of("--reason", wish.reason),
        choose=wish.choose,
        verdict=wish.verdict,
        done=wish.done,
        contradicts=decision.id,
        recommended=decision.recommended or decision.choice or decision.action,
        expires=_expiry(wish.expires),
    ).identified("o")
    write_down(home, program, override)
    return override


def _check(at: ProgramState, phase: str, wish: OverrideRequest) -> None:
    given = [v for v in (wish.choose, wish.verdict, wish.done) if v is not None]
    if len(given) != 1:
        raise UsageError("say one of --choose OPTION, --verdict accept|reject, --done OPTION")
    text_of("--reason", wish.reason)
    if wish.verdict is not None and wish.verdict not in ("accept", "reject"):
        raise UsageError(f"--verdict takes accept or reject, not '{wish.verdict}'")
    if phase not in at.verdicts or phase not in at.decisions:
        raise UsageError(f"phase '{phase}' is not open: it has not been judged")
    decision = at.decisions[phase]
    if decision.target in at.verdicts and decision.action != "wait":
        told = f"its decision ({decision.action} {decision.choice}) has been carried out"
        raise UsageError(f"phase '{phase}' is not open: {told}; open is {_open_phases(at) or 'none'}")
    offered = choices(at.program, phase, decision.due)
    chosen = wish.choose or wish.done
    if chosen is not None and chosen not in offered:
        raise UsageError(f"phase '{phase}' offers no '{chosen}'; it offers {', '.join(offered)}")
    if wish.done is not None and (decision.needs_person != "to_act" or decision.choice != wish.done):
        raise UsageError(f"nothing waits for '{wish.done}' to be done")


def _open_phases(at: ProgramState) -> str:
    names = [p for p, d in at.decisions.items() if p in at.verdicts and d.target not in at.verdicts]
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
    found = fitting[0] if len(fitting) == 1 else None
    if found is None:
        known = ", ".join(str(r["id"]) for r in rows) or "none"
        raise UsageError(f"{name} has no override '{override_id}' in force; in force: {known}")
    record = Revocation(
        program=name,
        phase=found["phase"],
        override_id=str(found["id"]),
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
    from planner.io.mlflow.run_store import MlflowRuns
    from planner.io.programs.loader import program_names

    told = text_of("--reason", reason or ("taken back" if undo else None))
    if not re.fullmatch(r"[0-9a-f]{6,64}", run_id):
        raise UsageError(f"'{run_id}' is no run id; give at least its first 6 characters")
    runs = MlflowRuns(home)
    found = []
    for name in program_names(home.root):
        program = open_program(home, name)
        found += [(program, run) for run in runs.snapshot(program).finished if run.id.startswith(run_id)]
    if len({run.id for _, run in found}) != 1:
        what = "no program has" if not found else "more than one run fits"
        raise UsageError(f"{what} run '{run_id}'; see 'explain PROGRAM --full' for run ids")
    program, run = found[0]
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
        reason=told,
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
    from planner.io.mlflow.run_store import MlflowRuns

    told = text_of("--reason", reason)
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
        reason=told,
    ).identified("k")
    write_down(home, program, record)
    return record


def write_down(home: Home, program: Program, record: Override | Revocation | Exclusion | Keep) -> None:
    """Writes what a person did: journal first, then MLflow; an MLflow that is away is caught up later.

    Side effects: journal, MLflow; a sentence on stderr where MLflow is away.
    """
    journal = open_journal(home, program)
    journal.add(record, record.at)
    with _noted_if_away():
        from planner.io.mlflow.record_store import MlflowRecords
        from planner.io.mlflow.run_store import MlflowRuns

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


def warning_about(home: Home, told: Override) -> str:
    """The confirmed verdict that a recorded override contradicts, in words; empty where there is none."""
    program = open_program(home, told.program)
    return score_overrides(program, open_journal(home, program).entries(told.program))[told.id].warning
