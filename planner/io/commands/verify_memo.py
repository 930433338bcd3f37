"""``memo --verify``: every number of a memo computed again from the runs that MLflow holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from planner.engine.ports import RecordStore
from planner.errors import UsageError
from planner.io.commands.open_home import open_program, phase_of
from planner.io.commands.replay import Archive, open_archive
from planner.io.commands.replies.result import CommandResult, joined
from planner.memo.render import Picture, render_memo
from planner.memo.verify import Discrepancy, count_numbers, find_discrepancies
from planner.paths import Home
from planner.records.journal_entry import JournalEntry
from planner.records.verdict import Verdict
from planner.replay.archive import Log
from planner.replay.differences import Difference
from planner.replay.memo_traces import dates_of, evidence_of, judged_last, rederive_traces
from planner.replay.replay import Derived, derive

if TYPE_CHECKING:
    from planner.io.commands.replies.base import Reply
    from planner.io.commands.replies.replay import VerifiedMemoJson


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
    slips: Sequence[tuple[str, Discrepancy]]
    because: Sequence[Difference]
    older: bool = False

    @property
    def ok(self) -> bool:
        """Whether it says what the runs give, in both places."""
        return not self.slips and not self.because


def answer_memo_verify(home: Home, name: str, phase: str | None) -> CommandResult:
    """Whether every number of the memos comes out of MLflow.

    Side effects: those of :func:`verify_memos`.
    """
    memos = verify_memos(home, name, phase)
    ok = all(memo.ok for memo in memos)

    def reply() -> Reply:
        from planner.io.commands.replies.replay import MemoVerifyReply

        only = memos[0] if len(memos) == 1 else None
        return MemoVerifyReply(
            program=name,
            path=str(only.path) if only else None,
            text=only.text if only else None,
            ok=ok,
            memos=tuple(map(_memo_json, memos)),
        )

    return CommandResult(reply, lambda: joined(as_lines(memos)), exit_code=0 if ok else 1)


def _memo_json(memo: Verified) -> VerifiedMemoJson:
    from planner.io.commands.replies.replay import VerifiedMemoJson

    return VerifiedMemoJson.model_validate(
        {
            "phase": memo.phase,
            "fidelity": memo.fidelity,
            "path": str(memo.path),
            "ok": memo.ok,
            "older": memo.older,
            "numbers": memo.numbers,
            "slips": [{"where": where, **slip.model_dump(mode="json")} for where, slip in memo.slips],
            "because": [difference.model_dump(mode="json") for difference in memo.because],
        }
    )


def verify_memos(home: Home, name: str, phase: str | None) -> list[Verified]:
    """Verifies the memos of a program, or of one phase, at every fidelity that has records.

    Raises:
        UsageError: the program or the phase is unknown, or nothing has been judged.
        ProgramError: the program is malformed.
        StoreUnavailable: MLflow cannot be reached or read.

    Side effects: reads the program, the journal, MLflow and the memos.
    """
    program = open_program(home, name)
    phase_of(program, phase)
    archive, store = open_archive(home, program)
    log = Log(archive.records.entries, archive.runs, older=archive.records.older, repeats=archive.repeats)
    judged = judged_last(log, phase)
    if not judged or store is None:
        what = f"phase '{phase}' of {name}" if phase else name
        raise UsageError(f"{what} has not been judged, so there is no memo yet; run 'advance {name}'")
    derived = derive(program, log)
    return [_verified(home, archive, log, derived, store, entry) for entry in judged]


def _verified(
    home: Home,
    archive: Archive,
    log: Log,
    derived: Mapping[str, Derived],
    store: RecordStore,
    entry: JournalEntry[Verdict],
) -> Verified:
    verdict = entry.record
    path = home.memo(archive.program.program, verdict.phase, verdict.fidelity)
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    memo: dict[str, Any] = {"phase": verdict.phase, "fidelity": verdict.fidelity, "path": path, "text": text}
    first = derived[verdict.id]
    traces = rederive_traces(archive.program, log, derived, verdict)
    if first.older or (not traces and first.record is not None):
        return Verified(**memo, numbers=0, slips=(), because=(), older=True)
    pictures = _pictures(home, archive, log, entry, first) if traces else ()
    rendered = [
        render_memo(replace(trace, identity=identity, repeats=repeats), pictures, date)
        for trace, date in product(traces, dates_of(log, verdict))
        for identity in {trace.identity, trace.identity.unsaid}  # earlier versions said nothing of it
        for repeats in {trace.repeats, ()}  # it may have been written before a run was made twice
    ]
    copies = [(str(path), text), *_in_mlflow(archive, store, verdict)]
    wrong = [(where, slip) for where, copy in copies for slip in _slips(copy, rendered)]
    wrong += [(str(path), slip) for slip in _without_figure(path, text)]
    decisions = [derived[t.decision.id].why for t in traces[:1] if t.decision and t.decision.id in derived]
    because = [*first.why, *(d for why in decisions for d in why if d not in first.why)]
    return Verified(**memo, numbers=count_numbers(text), slips=wrong, because=because)


def _slips(memo: str, rendered: Sequence[str]) -> list[Discrepancy]:
    """Where a memo differs from the nearest of those that it may have been written as."""
    if not memo:
        return [Discrepancy(kind="missing", line=0, section="", says="", gives="")]
    return min((find_discrepancies(memo, one) for one in rendered), key=len, default=[])


def _in_mlflow(archive: Archive, store: RecordStore, verdict: Verdict) -> Iterator[tuple[str, str]]:
    run_id = store.held(archive.program).get(verdict.id)
    if run_id is not None:
        yield f"memo.md of MLflow run {run_id}", store.memo(run_id) or ""


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


def _without_figure(path: Path, text: str) -> Iterator[Discrepancy]:
    """The figures that a memo links and that are not there."""
    for number, line in enumerate(text.split("\n"), 1):
        link = line.partition("](")[2].removesuffix(")") if line.startswith("![") else ""
        if link and not (path.parent / link).is_file():
            yield Discrepancy(kind="figure", line=number, section="Results", says=link, gives="")


def as_lines(memos: Sequence[Verified]) -> list[str]:
    """The same for a person: a line for each memo, and one for everything that is wrong in it."""
    lines = []
    for memo in memos:
        lines.append(f"{memo.phase} ({memo.fidelity}): {_result(memo)}")
        lines += [f"{where}:{slip}" for where, slip in memo.slips]
        lines += [f"{d.kind} {d.id}: {d.what}" for d in memo.because]
    return lines


def _result(memo: Verified) -> str:
    if memo.older:
        return "cannot be verified, an earlier version wrote its records"
    if memo.ok:
        return f"its {memo.numbers} numbers come out of MLflow"
    return "does not come out of MLflow"
