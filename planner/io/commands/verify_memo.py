"""``memo --verify``: every number of a memo computed again from the runs that MLflow holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from planner.engine.ports import RecordStore
from planner.errors import UsageError
from planner.io.commands.open_home import open_program
from planner.io.commands.replay import Archive, open_archive
from planner.memo.render import Picture, render_memo
from planner.memo.verify import Slip, count_numbers, slips
from planner.paths import Home
from planner.records.journal_entry import JournalEntry
from planner.records.verdict import Verdict
from planner.replay.archive import Log
from planner.replay.differences import Difference
from planner.replay.memo_traces import dates_of, evidence_of, judged_last, traces_again
from planner.replay.replay import Derived, derive


@dataclass(frozen=True)
class Verified:
    """What came of verifying one memo.

    Attributes:
        path: of the file.
        text: the memo; empty where there is none.
        numbers: how many numbers it holds.
        slips: (where it lies: the file, or MLflow; what it says wrongly).
        because: why the records that it rests on come out otherwise today.
        older: it cannot be verified, because an earlier version wrote the records.
    """

    phase: str
    fidelity: str
    path: Path
    text: str
    numbers: int
    slips: Sequence[tuple[str, Slip]]
    because: Sequence[Difference]
    older: bool = False

    @property
    def ok(self) -> bool:
        """Whether it says what the runs give, in both places."""
        return not self.slips and not self.because


def verify_memos(home: Home, name: str, phase: str | None) -> list[Verified]:
    """Verifies the memos of a program, or of one phase, at every fidelity that has records.

    Raises:
        UsageError: the program or the phase is unknown, or nothing has been judged.
        ProgramError: the program is malformed.
        StoreUnavailable: MLflow cannot be reached or read.

    Side effects: reads the program, the journal, MLflow and the memos.
    """
    program = open_program(home, name)
    if phase is not None and phase not in program.phases:
        raise UsageError(f"{name} has no phase '{phase}'; it has {', '.join(program.phases)}")
    archive, store = open_archive(home, program)
    log = Log(archive.records.entries, archive.runs, older=archive.records.older)
    judged = judged_last(log, phase)
    if not judged or store is None:
        what = f"phase '{phase}' of {name}" if phase else name
        raise UsageError(f"{what} has not been judged, so there is no memo yet; run 'advance {name}'")
    found = derive(program, log)
    return [_verified(home, archive, log, found, store, entry) for entry in judged]


def _verified(
    home: Home,
    archive: Archive,
    log: Log,
    found: Mapping[str, Derived],
    store: RecordStore,
    entry: JournalEntry[Verdict],
) -> Verified:
    verdict = entry.record
    path = home.memo(archive.program.program, verdict.phase, verdict.fidelity)
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    told: dict[str, Any] = {"phase": verdict.phase, "fidelity": verdict.fidelity, "path": path, "text": text}
    first = found[verdict.id]
    traces = traces_again(archive.program, log, found, verdict)
    if first.older or (not traces and first.record is not None):
        return Verified(**told, numbers=0, slips=(), because=(), older=True)
    pictures = _pictures(home, archive, log, entry, first) if traces else ()
    rendered = [render_memo(trace, pictures, at) for trace, at in product(traces, dates_of(log, verdict))]
    copies = [(str(path), text), *_in_mlflow(archive, store, verdict)]
    wrong = [(where, slip) for where, memo in copies for slip in _slips(memo, rendered)]
    wrong += [(str(path), slip) for slip in _without_figure(path, text)]
    decisions = [found[t.decision.id].why for t in traces[:1] if t.decision and t.decision.id in found]
    because = [*first.why, *(d for why in decisions for d in why if d not in first.why)]
    return Verified(**told, numbers=count_numbers(text), slips=wrong, because=because)


def _slips(memo: str, rendered: Sequence[str]) -> list[Slip]:
    """Where a memo differs from the nearest of those that it may have been written as."""
    if not memo:
        return [Slip(kind="missing", line=0, section="", says="", gives="")]
    return min((slips(memo, one) for one in rendered), key=len, default=[])


def _in_mlflow(archive: Archive, store: RecordStore, verdict: Verdict) -> Iterator[tuple[str, str]]:
    place = store.held(archive.program).get(verdict.id)
    if place is not None:
        yield f"memo.md of MLflow run {place}", store.memo(place) or ""


def _pictures(
    home: Home, archive: Archive, log: Log, entry: JournalEntry[Verdict], first: Derived
) -> list[Picture]:
    """The figures that the memo links: those that its runs have the metrics for."""
    from planner.io.pictures.memo_figures import figures_of

    evidence = evidence_of(archive.program, log, entry)
    verdict = first.record
    if not isinstance(verdict, Verdict) or not evidence.all_runs:
        return []
    return [
        Picture(title, f"figures/{home.figure(verdict.program, verdict.phase, verdict.fidelity, name).name}")
        for name, title, _ in figures_of(archive.program, verdict, evidence)
    ]


def _without_figure(path: Path, text: str) -> Iterator[Slip]:
    """The figures that a memo links and that are not there."""
    for number, line in enumerate(text.split("\n"), 1):
        link = line.partition("](")[2].removesuffix(")") if line.startswith("![") else ""
        if link and not (path.parent / link).is_file():
            yield Slip(kind="figure", line=number, section="Results", says=link, gives="")


def as_json(name: str, found: Sequence[Verified]) -> dict[str, Any]:
    """The reply of ``memo --verify --json``; ``path`` and ``text`` where one memo was verified."""
    only = found[0] if len(found) == 1 else None
    return {
        "schema": "phasegate.memo/1",
        "program": name,
        "path": str(only.path) if only else None,
        "text": only.text if only else None,
        "ok": all(one.ok for one in found),
        "memos": [
            {
                "phase": one.phase,
                "fidelity": one.fidelity,
                "path": str(one.path),
                "ok": one.ok,
                "older": one.older,
                "numbers": one.numbers,
                "slips": [{"where": where, **slip.model_dump(mode="json")} for where, slip in one.slips],
                "because": [difference.model_dump(mode="json") for difference in one.because],
            }
            for one in found
        ],
    }


def as_lines(found: Sequence[Verified]) -> list[str]:
    """The same for a person: a line for each memo, and one for everything that is wrong in it."""
    lines = []
    for one in found:
        told = f"{one.phase} ({one.fidelity}): "
        if one.older:
            lines.append(f"{told}cannot be verified, an earlier version wrote its records")
        elif one.ok:
            lines.append(f"{told}its {one.numbers} numbers come out of MLflow")
        else:
            lines.append(f"{told}does not come out of MLflow")
        lines += [f"{where}:{slip}" for where, slip in one.slips]
        lines += [f"{d.kind} {d.id}: {d.what}" for d in one.because]
    return lines
