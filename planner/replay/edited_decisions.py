"""Compares each recorded decision with that of an edited program on the same runs."""

from __future__ import annotations

from collections.abc import Mapping

from planner.deciding.walk import seeds_next
from planner.judging.verdict import build_test_design
from planner.language.program import Program
from planner.lineage.in_force import follows_verdict
from planner.records.base import Record
from planner.records.decision import Decision
from planner.records.journal_entry import JournalEntry, JudgedEntry, entries_of
from planner.records.verdict import Verdict
from planner.replay.archive import Log
from planner.replay.rederive import rederive_decision, rederive_evidence, rederive_verdict_as

_VERDICT_FIELDS = ("outcome", "case", "tier", "confidence")
_DECISION_FIELDS = ("action", "choice")


class DecisionComparison(Record):
    """One recorded decision, compared with that under an edited program.

    Attributes:
        field: the first in which it differs: of the verdict, then of the decision; empty where none does.
        was: on record.
        would_be: under the edited program.
    """

    id: str
    phase: str
    fidelity: str
    field: str = ""
    was: str | None = None
    would_be: str | None = None

    def __str__(self) -> str:
        moved = f"{self.field} {self.was or '-'} -> {self.would_be or '-'}"
        return f"{self.id} ({self.phase}, {self.fidelity}): {moved}"


def compare_decisions(program: Program, edited: Program, log: Log) -> list[DecisionComparison]:
    """Every recorded decision under an edited program, in the order in which they were made.

    Each rests on the runs that it rested on, and on the verdicts before it as they come out under the
    edited program. Nothing is post hoc: it is as if the edited rules had always been there. Launches of
    runs that were simply missing decide nothing, and records of earlier versions cannot be derived.

    Args:
        log: without verdicts that were seen under other rules.
    """
    judged: dict[str, Rejudged] = {}
    for verdict in entries_of(log.judged, Verdict):
        if not log.is_older(verdict.record) and verdict.record.phase in edited.phases:
            judged[verdict.record.id] = _rejudge(program, edited, verdict, log, judged)
    return [
        _compare_launch(edited, entry, log, judged)
        if entry.record.action == "add_seeds"
        else _compare(edited, entry, log, judged)
        for entry in entries_of(log.judged, Decision)
        if not log.is_older(entry.record)
        if entry.record.action == "add_seeds" or follows_verdict(entry.record)
    ]


VerdictEntry = JournalEntry[Verdict]
DecisionEntry = JournalEntry[Decision]
Rejudged = tuple[Verdict, Mapping[str, int]]
"""A verdict under the edited program, and the seeds that it would have asked for first, by arm."""


def _rejudge(
    program: Program, edited: Program, entry: VerdictEntry, log: Log, judged: Mapping[str, Rejudged]
) -> Rejudged:
    """A verdict under the edited program; final where no more runs could be made for the recorded one."""
    final = _was_final(program, entry, log)
    verdict = rederive_verdict_as(edited, entry, log, _earlier(entry, log, judged), final)
    return verdict, {} if final else _wanted(edited, verdict, entry, log)


def _was_final(program: Program, entry: VerdictEntry, log: Log) -> bool:
    """Whether no more runs could be asked for when a verdict was given.

    Of a record of an earlier version: whether more seeds were wanted, or it rests on runs of others alone.
    """
    recorded = entry.record
    if recorded.final_look is not None:
        return recorded.final_look
    if recorded.phase not in program.phases or recorded.short_of_budget:
        return recorded.short_of_budget
    runs = log.runs_of(recorded.phase, recorded.considered)
    if not any(run.own for of_arm in runs.values() for run in of_arm):
        return True
    verdict = rederive_verdict_as(program, entry, log, log.earlier(entry), final=False)
    return bool(_wanted(program, verdict, entry, log))


def _wanted(program: Program, verdict: Verdict, entry: VerdictEntry, log: Log) -> Mapping[str, int]:
    recorded = entry.record
    phase, fidelity = recorded.phase, recorded.fidelity
    design = build_test_design(program, phase, fidelity, final=False, past_looks=log.past_looks(entry))
    evidence = rederive_evidence(program, phase, fidelity, recorded.considered, log, entry)
    return seeds_next(program, verdict, design, evidence, log.previously_judged(program, entry))


def _earlier(entry: JudgedEntry, log: Log, judged: Mapping[str, Rejudged]) -> dict[str, Verdict]:
    return {phase: judged.get(v.id, (v, {}))[0] for phase, v in log.earlier(entry).items()}


def _compare(
    edited: Program, entry: DecisionEntry, log: Log, judged: Mapping[str, Rejudged]
) -> DecisionComparison:
    decision = entry.record
    identity = {"id": decision.id, "phase": decision.phase, "fidelity": decision.fidelity}
    recorded = log.verdicts.get(decision.verdict_id or "")
    if recorded is None or recorded.id not in judged:
        return DecisionComparison(**identity, field="phase", was=decision.phase)
    verdict, wanted = judged[recorded.id]
    changes = _changes(recorded, verdict, _VERDICT_FIELDS)
    if wanted:
        more = ", ".join(f"{arm} to {count} seeds" for arm, count in wanted.items())
        changes.append({"field": "action", "was": decision.action, "would_be": f"add_seeds ({more})"})
    else:
        new = rederive_decision(edited, entry, log, verdict, _earlier(entry, log, judged))
        changes += _changes(decision, new, _DECISION_FIELDS)
    first = next((change for change in changes if change["was"] != change["would_be"]), {})
    return DecisionComparison.model_validate({**identity, **first})


def _compare_launch(
    edited: Program, entry: DecisionEntry, log: Log, judged: Mapping[str, Rejudged]
) -> DecisionComparison:
    """Runs that were added: which ones an edited program asks for."""
    decision = entry.record
    identity = {"id": decision.id, "phase": decision.phase, "fidelity": decision.fidelity}
    if decision.phase not in edited.phases:
        return DecisionComparison(**identity, field="phase", was=decision.phase)
    new = rederive_decision(edited, entry, log, None, _earlier(entry, log, judged))
    old, now = (_runs_requested(d) for d in (decision, new))
    if old == now:
        return DecisionComparison(**identity)
    return DecisionComparison(**identity, field="asked", was=old, would_be=now)


def _runs_requested(decision: Decision) -> str:
    requested = decision.inputs.asked if decision.inputs is not None else ()
    return ", ".join(f"{arm} seed {seed}" for arm, seed in requested) or "no run"


def _changes(old: Record, new: Record, fields: tuple[str, ...]) -> list[dict[str, str | None]]:
    """What these fields were and would be, in the keys of :class:`DecisionComparison`."""
    return [{"field": n, "was": getattr(old, n), "would_be": getattr(new, n)} for n in fields]
