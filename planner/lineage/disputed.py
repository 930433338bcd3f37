"""Verdicts whose runs a person has spoken about since: excluded, taken back, or to be made again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.records.journal_entry import AnyEntry, JournalEntry, JudgedEntry, entries_of
from planner.records.person import Exclusion, Retry
from planner.records.verdict import Verdict


def disputed_phases(judged: Sequence[JudgedEntry], entries: Sequence[AnyEntry]) -> dict[str, str]:
    """Phases of which a run was excluded, or taken back, after the verdict."""
    verdicts = entries_of(judged, Verdict)
    last = {e.record.phase: e for e in verdicts}
    counted = {(e.record.phase, run) for e in verdicts for run in e.record.run_ids}
    said = {e.record.run_id: e for e in entries_of(entries, Exclusion)}
    disputed: dict[str, str] = {}
    for phase, run in sorted(counted & {(p, r) for p in last for r in said}):
        counts, exclusion = run in last[phase].record.run_ids, said[run].record
        if counts and not exclusion.undone:
            disputed[phase] = f"run {run} was excluded by {exclusion.by}: {exclusion.reason}"
        elif exclusion.undone and not counts and said[run].position > last[phase].position:
            disputed[phase] = f"run {run} is no longer excluded"
    return {**disputed, **_made_again(last, entries)}


def _made_again(last: Mapping[str, JournalEntry[Verdict]], entries: Sequence[AnyEntry]) -> dict[str, str]:
    """Phases of which a person had failed runs made again since the verdict."""
    since: dict[str, str] = {}
    for entry in entries_of(entries, Retry):
        for phase, judged in last.items():
            looked_at = {run for considered in judged.record.considered for run in considered.run_ids}
            if entry.position > judged.position and looked_at & set(entry.record.run_ids):
                since[phase] = (
                    f"failed runs are made again at the word of {entry.record.by}: {entry.record.reason}"
                )
    return since
