"""What ended processes left: notes of who holds a program, half-written files, folders of finished runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from planner.evidence.run_selection import is_tried_again
from planner.io.doctor.finding import HealthFinding, HomeUnderCheck
from planner.io.journal.journal import Journal
from planner.io.leases.program_lock import holder_of
from planner.io.system.quarantine import move_away
from planner.language.program import Program
from planner.paths import Home

_ASIDE = re.compile(r"\..+\.(\d+)|.+\.new-(\d+)(-\d+)?(-wal|-shm|-journal)?")


def check_notes(patient: HomeUnderCheck) -> Iterator[HealthFinding]:
    """Notes of who holds a program, whose process is gone."""
    for note in sorted(patient.home.locks.glob("*.json")):
        if note.stem not in patient.busy and holder_of(patient.home, note.stem) is None:
            what = f"{note} says that {note.stem} is being advanced, and that process is gone"
            yield _leftover("lock.stale_note", patient, note, what, note.stem)


def check_leftovers(patient: HomeUnderCheck) -> Iterator[HealthFinding]:
    """Files that were being written when their process ended, and folders of runs that are finished."""
    home = patient.home
    memos = home.memo_folder("").parent
    for path in [*sorted(memos.rglob(".*")), *sorted(home.mlruns.glob("*.new-*"))]:
        match = _ASIDE.fullmatch(path.name)
        if match and path.is_file() and not _alive(int(match[1] or match[2])):
            what = f"{path} was being written when its process ended"
            yield _leftover("file.half_written", patient, path, what)
    if patient.journal_sound:
        for program in patient.idle:
            yield from _finished_folders(patient, program)


def _finished_folders(patient: HomeUnderCheck, program: Program) -> Iterator[HealthFinding]:
    for folder in finished_folders(patient.home, patient.journal, program):
        what = f"{folder} belongs to a run of {program.program} that is finished and in MLflow"
        yield _leftover("work.leftover", patient, folder, what, program.program)


def finished_folders(home: Home, journal: Journal, program: Program) -> Iterator[Path]:
    """The folders of runs that are finished for good; until then the next try goes on from what is there."""
    name, retries = program.program, program.budget.retries
    work = journal.work(name)
    settled = {
        w.fingerprint
        for w in work
        if w.state == "finished" and not is_tried_again(w.outcome or "", w.attempt, retries)
    }
    unsettled = {w.fingerprint for w in work if w.state != "finished"}
    for folder in sorted((home.work / name).glob("*")):
        if folder.name.partition("-")[0] in settled - unsettled:
            yield folder


def _leftover(kind: str, patient: HomeUnderCheck, path: Path, what: str, program: str = "") -> HealthFinding:
    def repair() -> str:
        if not path.exists():
            return "is gone already"
        return f"moved to {move_away(path, patient.home.quarantine)}"

    mend = "'phasegate doctor --repair' moves it to the quarantine"
    return HealthFinding(id=kind, about=str(path), what=what, mend=mend, program=program, repair=repair)


def _alive(pid: int) -> bool:
    import psutil

    return psutil.pid_exists(pid)
