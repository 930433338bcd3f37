"""Looks at a home from the ground up, and mends it in that order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from planner.errors import PhasegateError, ProgramBusy, meaning_of_system_error
from planner.io.doctor.files import check_leftovers, check_notes
from planner.io.doctor.finding import HealthFinding, HomeUnderCheck
from planner.io.doctor.folders import check_folders
from planner.io.doctor.journal import check_journal
from planner.io.doctor.memos import check_memos
from planner.io.doctor.programs import check_programs
from planner.io.doctor.records import check_records
from planner.io.doctor.runs import check_runs
from planner.io.doctor.store import check_store
from planner.io.leases.program_lock import holder_of, program_lock
from planner.io.programs.loader import program_names
from planner.io.system.clock import SystemClock
from planner.io.system.permissions import is_mounted_read_only
from planner.paths import Home

Check = Callable[[HomeUnderCheck], Iterable[HealthFinding]]
CHECKS: Sequence[Check] = (
    check_folders,
    check_programs,
    check_journal,
    check_store,
    check_records,
    check_runs,
    check_memos,
    check_leftovers,
)


def examine(home: Home, repair: bool = False) -> list[HealthFinding]:
    """Everything that is wrong with a home; with ``repair``, what was done about it, and what is left.

    A program that is being advanced is left alone.

    Raises:
        nothing: what cannot be looked at is a finding itself.

    Side effects: with ``repair``, holds every free program, moves and writes files, journal and MLflow.
    """
    patient = HomeUnderCheck(home)
    findings = _noted(patient)
    if not repair or is_mounted_read_only(home.locks):
        patient.busy = frozenset(n for n in program_names(home.root) if holder_of(home, n) is not None)
        return [*findings, *_all(patient, mend=False)]
    with ExitStack() as held:
        refused = _hold(patient, held)
        done = [_told(one, "moved out of the way") for one in findings] if not refused else findings
        done += [*refused, *_all(patient, mend=not refused)]
        left = {one.key for one in _all(patient, mend=False)}
    return [replace(one, done=None) if one.done and one.key in left else one for one in done]


def _noted(patient: HomeUnderCheck) -> list[HealthFinding]:
    return list(check_notes(patient))


def _told(one: HealthFinding, done: str) -> HealthFinding:
    return replace(one, done=done)


def _hold(patient: HomeUnderCheck, held: ExitStack) -> list[HealthFinding]:
    """Takes the lock of every program that nobody advances; a finding where no lock can be taken at all."""
    busy = set()
    for name in program_names(patient.home.root):
        try:
            held.enter_context(program_lock(patient.home, name, SystemClock().now(), command="doctor"))
        except ProgramBusy:
            busy.add(name)
        except OSError as error:
            meaning = meaning_of_system_error(error)
            what = meaning.what if meaning is not None else str(error)
            mend = "give this user the right to write there; nothing is repaired without the programs' locks"
            return [HealthFinding("lock.refused", str(patient.home.locks), what, mend)]
    patient.busy = frozenset(busy)
    return []


def _all(patient: HomeUnderCheck, mend: bool) -> list[HealthFinding]:
    """Every finding of every check, each mended before the next check begins."""
    findings: list[HealthFinding] = []
    for check in CHECKS:
        try:
            seen = list(check(patient))
        except (PhasegateError, OSError) as error:
            seen = [_unseen(check, error)]
        findings += [_mended(patient, one) if mend else one for one in seen]
        if (
            mend
            and any(one.done for one in findings[-len(seen) :] if seen)
            and check in (check_journal, check_store)
        ):
            list(check(patient))  # what comes after it sees the mended one
    return findings


def _unseen(check: Check, error: Exception) -> HealthFinding:
    meaning = error if isinstance(error, PhasegateError) else meaning_of_system_error(error)
    what, mend = (meaning.what, meaning.mend) if meaning is not None else (str(error), "")
    about = check.__name__.removeprefix("check_")
    return HealthFinding(f"{about}.unseen", about, what, mend or "mend that, then run it again")


def _mended(patient: HomeUnderCheck, one: HealthFinding) -> HealthFinding:
    """The finding after its repair; as it was where there is none, or a program that it needs is busy."""
    if one.repair is None or (patient.busy and not one.program) or one.program in patient.busy:
        return one
    try:
        return _told(one, one.repair())
    except (PhasegateError, OSError) as error:
        return replace(one, mend=f"the repair failed: {meaning_of_system_error(error) or error}")


def is_sound(findings: Sequence[HealthFinding]) -> bool:
    """Whether nothing is left to mend."""
    return all(one.warning or one.done for one in findings)


def as_lines(findings: Sequence[HealthFinding]) -> list[str]:
    """What was found, for a person."""
    lines = []
    for one in findings:
        mark = "mended" if one.done else "warning" if one.warning else "wrong"
        lines += [f"{mark}: {one.what}", f"  {one.done or one.mend}"]
    return lines or ["nothing to mend"]
