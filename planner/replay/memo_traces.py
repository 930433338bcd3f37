"""Derives again what a memo was written from: its verdict, the steps up to it, the overrides of that day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from planner.deciding.situation import Step
from planner.evidence.evidence import Evidence
from planner.explaining.trace import Trace, trace_of
from planner.language.program import Program
from planner.lineage.in_force import follows_verdict, opened_by, overrides_today, rules_before
from planner.lineage.staleness import build_validity
from planner.records.decision import Decision
from planner.records.journal_entry import JournalEntry, entries_of
from planner.records.verdict import Verdict
from planner.replay.archive import Log
from planner.replay.rederive import rederive_counted
from planner.replay.replay import Derived
from planner.scoring.overrides import score_overrides


def judged_last(log: Log, phase: str | None = None) -> list[JournalEntry[Verdict]]:
    """The entry of the last verdict of each phase and fidelity: that of which there is a memo."""
    last: dict[tuple[str, str], JournalEntry[Verdict]] = {}
    for entry in entries_of(log.entries, Verdict):
        if phase in (None, entry.record.phase):
            last[entry.record.phase, entry.record.fidelity] = entry
    return list(last.values())


def rederive_traces(
    program: Program, log: Log, derived: Mapping[str, Derived], verdict: Verdict
) -> list[Trace]:
    """What the memo of a verdict may have been written from, the latest first.

    It is written with the decision after it, and again when a later verdict supersedes it: then it knows
    of the steps up to that one. Verdicts and decisions are those that come out today.
    """
    traces: dict[str, Trace] = {}
    for entry in reversed(_decisions_since(log, verdict)):
        steps = _steps(log, derived, entry)
        here = next((s for s in steps if s.verdict.phase == verdict.phase), None)
        if here is not None:
            then = [e for e in log.entries if e.position <= entry.position]
            overrides = overrides_today(then, entry.written_at)
            verdicts = {s.verdict.phase: s.verdict for s in steps}
            trace = trace_of(
                program=program,
                phase=verdict.phase,
                verdict=here.verdict,
                decision=here.decision,
                verdicts=verdicts,
                overrides=overrides,
                validity=build_validity(program, verdicts, opened_by=opened_by(steps)),
                decided_at=entry.written_at,
                scores=score_overrides(program, then),
                before=rules_before(then, here.verdict),
                checks={run.id: not run.unchecked for run in log.all_runs},
                repeats=log.repeats,
            )
            key = [v.id for v in verdicts.values()], here.decision.id, [o.id for o in trace.overrides]
            traces.setdefault(repr(key), trace)
    return list(traces.values())


def dates_of(log: Log, verdict: Verdict) -> list[str]:
    """The moments at which a verdict became the last word; a memo bears the day of one of them."""
    return list({e.written_at[:10]: e.written_at for e in log.entries if e.record.id == verdict.id}.values())


def evidence_of(program: Program, log: Log, entry: JournalEntry[Verdict]) -> Evidence:
    """The runs that a memo's figures show."""
    verdict = entry.record
    return rederive_counted(program, verdict.phase, verdict.fidelity, verdict.considered, log, entry)


def _decisions_since(log: Log, verdict: Verdict) -> list[JournalEntry[Decision]]:
    """The entries of decisions whose path holds a verdict, from the last one made after it on."""
    after = [e for e in _following(log) if e.record.verdict_id == verdict.id]
    since = after[-1].position if after else 0
    return [
        e
        for e in _following(log)
        if e.position >= since
        and (
            e.record.verdict_id == verdict.id
            or verdict.id in (e.record.inputs.verdicts if e.record.inputs else ())
        )
    ]


def _following(log: Log) -> Iterator[JournalEntry[Decision]]:
    for entry in entries_of(log.entries, Decision):
        if follows_verdict(entry.record):
            yield entry


def _steps(log: Log, derived: Mapping[str, Derived], entry: JournalEntry[Decision]) -> list[Step]:
    """The path up to a recorded decision, as it comes out today; what does not come out is left out."""
    until = [e.record for e in _following(log) if e.position <= entry.position]
    decided = {decision.verdict_id or "": decision.id for decision in until}
    inputs = entry.record.inputs
    steps = []
    for verdict_id in (*(inputs.verdicts if inputs else ()), entry.record.verdict_id or ""):
        verdict = derived[verdict_id].record if verdict_id in derived else None
        decision = derived[decided[verdict_id]].record if verdict_id in decided else None
        if isinstance(verdict, Verdict) and isinstance(decision, Decision):
            steps.append(Step(verdict, decision))
    return steps
