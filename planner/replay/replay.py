"""Derives every recorded verdict and decision again and says which come out otherwise, and why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from planner.language.program import Program
from planner.lineage.in_force import follows_verdict
from planner.records.base import Record, canonical
from planner.records.decision import Decision
from planner.records.journal_entry import AnyEntry, JournalEntry, JudgedEntry, entries_of
from planner.records.runs import Run
from planner.records.verdict import Verdict
from planner.replay.archive import Log
from planner.replay.differences import (
    Difference,
    decision_differences,
    each_once,
    missing_dependencies,
    verdict_differences,
)
from planner.replay.rederive import rederive_decision, rederive_verdict


class Replayed(Record):
    """The result of deriving one record again.

    Attributes:
        position: in the journal.
        equal: it came out byte for byte.
        older: an earlier version wrote it, by its rules, in its form or without what it rested on.
        differences: why it did not come out; empty where it did, or is older.
    """

    kind: Literal["verdict", "decision"]
    id: str
    phase: str
    fidelity: str
    position: int
    equal: bool
    older: bool = False
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True)
class Derived:
    """A recorded verdict or decision with what comes out today.

    Attributes:
        entry: the journal's, where it was first written.
        record: what comes out; None where nothing can be derived.
        why: on account of what it comes out otherwise.
        older: an earlier version wrote it, by its rules, in its form or without what it rested on.
    """

    entry: JudgedEntry
    record: Verdict | Decision | None
    why: Sequence[Difference]
    older: bool = False


def replay(
    program: Program, runs: Iterable[Run], entries: Sequence[AnyEntry], older: Collection[str] = ()
) -> list[Replayed]:
    """Derives every recorded verdict and decision again from MLflow's runs and the program.

    Args:
        runs: every finished run that MLflow holds, in any order.
        entries: those of the journal, oldest first.
        older: ids of records whose form this version no longer writes.

    Returns:
        One for each record, in the order in which they were first written.
    """
    return [_replayed(one) for one in derive(program, Log(entries, runs, older=older)).values()]


def derive(program: Program, log: Log) -> dict[str, Derived]:
    """Record id -> what comes out, in the order in which the records were first written.

    Each is taken by itself: a verdict from the runs that it looked at and the verdicts before it as they
    are on record, a decision from its verdict as that comes out today.
    """
    derived: dict[str, Derived] = {}
    for verdict in entries_of(log.judged, Verdict):
        judged, why = _verdict(program, verdict, log)
        derived[verdict.record.id] = Derived(verdict, judged, why, log.is_older(verdict.record))
    for decision in entries_of(log.judged, Decision):
        decided, why = _decision(program, decision, log, derived)
        derived[decision.record.id] = Derived(decision, decided, why, log.is_older(decision.record))
    return dict(sorted(derived.items(), key=lambda item: item[1].entry.position))


def _replayed(one: Derived) -> Replayed:
    record, older = one.entry.record, one.older
    return Replayed(
        kind="verdict" if isinstance(record, Verdict) else "decision",
        id=record.id,
        phase=record.phase,
        fidelity=record.fidelity,
        position=one.entry.position,
        equal=one.record is not None and same_bytes(record, one.record),
        older=older,
        differences=() if older else tuple(each_once(one.why)),
    )


def same_bytes(one: Record, other: Record) -> bool:
    """Whether two records are written with the same bytes."""
    return canonical(one.model_dump(mode="json")) == canonical(other.model_dump(mode="json"))


def _verdict(
    program: Program, entry: JournalEntry[Verdict], log: Log
) -> tuple[Verdict | None, list[Difference]]:
    record = entry.record
    if log.is_older(record):
        return None, []
    if record.phase not in program.phases:
        return None, [_no_such_phase(record)]
    derived = rederive_verdict(program, entry, log)
    return derived, verdict_differences(program, record, derived, log)


def _decision(
    program: Program, entry: JournalEntry[Decision], log: Log, previous: Mapping[str, Derived]
) -> tuple[Decision | None, list[Difference]]:
    record = entry.record
    if log.is_older(record):
        return None, []
    if record.phase not in program.phases:
        return None, [_no_such_phase(record)]
    missing = missing_dependencies(record, log)
    if missing:
        return None, missing
    if not follows_verdict(record):
        derived = rederive_decision(program, entry, log)
        return derived, decision_differences(program, record, derived, log)
    verdict, why = previous[record.verdict_id or ""].record, list(previous[record.verdict_id or ""].why)
    if not isinstance(verdict, Verdict):
        return None, why
    derived = rederive_decision(program, entry, log, verdict)
    return derived, why or decision_differences(program, record, derived, log)


def _no_such_phase(record: Verdict | Decision) -> Difference:
    return Difference(kind="rules", id=record.id, what=f"the program has no phase {record.phase} any more")
