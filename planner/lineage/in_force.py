"""How records stand together: what is in force today, and who opened what.

Entries are those of a journal, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from planner.judging.looks_made import LooksMade, looks_made
from planner.judging.post_hoc import SeenRuns
from planner.language.program import Program
from planner.records.decision import Decision
from planner.records.journal_entry import AnyEntry, entries_of, judged_entries
from planner.records.person import Exclusion, Keep, Override, Retry, Revocation
from planner.records.verdict import Verdict

if TYPE_CHECKING:
    from planner.deciding.situation import Step


def overrides_today(entries: Iterable[AnyEntry], now: str) -> list[Override]:
    """The overrides that stand: neither replaced, revoked nor expired, oldest first.

    A second choice (or word on the verdict) for a phase replaces the first for good, also when it is
    revoked later: nobody expects an old choice to come back.

    Args:
        now: ISO 8601; an override that expires on or before this moment no longer stands.
    """
    records = [entry.record for entry in entries]
    last = {(r.phase, _matter(r)): r.id for r in records if isinstance(r, Override)}
    revoked = {r.override_id for r in records if isinstance(r, Revocation)}
    return [
        r
        for r in records
        if isinstance(r, Override)
        and last[r.phase, _matter(r)] == r.id
        and r.id not in revoked
        and (r.expires is None or r.expires > now)
    ]


def _matter(override: Override) -> str:
    """What an override is about; a later one about the same matter replaces it."""
    if override.choose is not None:
        return "choice"
    return "verdict" if override.verdict is not None else f"done {override.done}"


def exclusions_today(entries: Iterable[AnyEntry]) -> list[Exclusion]:
    """The exclusions that stand: the last word on each run."""
    last = {e.record.run_id: e.record for e in entries_of(entries, Exclusion)}
    return [record for record in last.values() if not record.undone]


def rejection_of(overrides: Iterable[Override], phase: str) -> Override | None:
    """A person's word against the verdict of a phase; None where nobody rejects it.

    Args:
        overrides: those that stand; one word on a verdict replaces another.
    """
    return next((o for o in overrides if o.phase == phase and o.verdict == "reject"), None)


def retries_asked(entries: Iterable[AnyEntry]) -> dict[str, Retry]:
    """Run id -> the word of a person that had the failed run made again."""
    return {run_id: e.record for e in entries_of(entries, Retry) for run_id in e.record.run_ids}


def kept_code(entries: Iterable[AnyEntry], code: str) -> frozenset[str]:
    """Digests of earlier code that were declared equal to today's, through any number of steps."""
    accepted = {code}
    keeps = [e.record for e in entries_of(entries, Keep)]
    while True:
        more = {old for keep in keeps if keep.new in accepted for old in keep.old} - accepted
        if not more:
            return frozenset(accepted - {code})
        accepted |= more


def runs_seen(program: Program, entries: Iterable[AnyEntry]) -> list[SeenRuns]:
    """What its writer saw, and what every verdict showed, with the rules of that time; oldest first."""
    verdicts = [entry.record for entry in entries_of(entries, Verdict)]
    shown = [SeenRuns(v.phase, v.rules_digest, frozenset(v.run_ids), v.rules_there) for v in verdicts]
    before = program.seen_runs
    if before is None or before.thresholds is not None:
        return shown
    return [SeenRuns("", "", frozenset(before.ids), {}), *shown]


def past_looks(entries: Iterable[AnyEntry]) -> LooksMade:
    """How every verdict came to its bounds, oldest first."""
    return looks_made(entry.record for entry in entries_of(entries, Verdict))


def rules_before(entries: Iterable[AnyEntry], verdict: Verdict | None) -> tuple[Verdict, str] | None:
    """(the last verdict on a phase under other rules, when the rules of this one were first judged by)."""
    before, since = None, ""
    for entry in entries_of(entries, Verdict) if verdict is not None else ():
        record = entry.record
        if verdict is None or record.phase != verdict.phase:
            continue
        if record.rules_digest != verdict.rules_digest:
            before, since = record, ""
        elif not since:
            since = entry.written_at
        if record.id == verdict.id:
            break
    return (before, since) if before is not None else None


def latest_step(entries: Sequence[AnyEntry], phase: str, fidelity: str) -> tuple[str, str] | None:
    """(verdict id, decision id) recorded last for a phase at a fidelity, where MLflow holds both."""
    here = [e for e in judged_entries(entries) if (e.record.phase, e.record.fidelity) == (phase, fidelity)]
    verdicts = entries_of(here, Verdict)
    decisions = [e for e in entries_of(here, Decision) if follows_verdict(e.record)]
    if not verdicts or not decisions or not (verdicts[-1].mirrored and decisions[-1].mirrored):
        return None
    return verdicts[-1].record.id, decisions[-1].record.id


def follows_verdict(decision: Decision) -> bool:
    """Whether a decision says what comes after a verdict, rather than why runs of a phase are made."""
    return decision.verdict_id is not None and decision.action != "add_seeds"


def opened_by(steps: Sequence[Step]) -> dict[str, str]:
    """Phase -> the phase whose decision opened it."""
    return {s.decision.target: s.verdict.phase for s in steps if s.decision.target is not None}
