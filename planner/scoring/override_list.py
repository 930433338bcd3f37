"""Every override of a program: whether it is in force today, and its score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from planner.language.program import Program
from planner.lineage.in_force import overrides_today
from planner.records.journal_entry import AnyEntry, entries_of
from planner.records.person import Override, Revocation
from planner.scoring.override_score import score_facts, score_lines
from planner.scoring.overrides import score_overrides


def override_rows(program: Program, entries: Sequence[AnyEntry], now: str) -> list[dict[str, Any]]:
    """The overrides of a program, oldest first, as ``override --list --json`` gives them.

    Each is the record with ``standing`` (in force, revoked, expired or replaced), ``score`` and
    ``warning``.

    Args:
        entries: those of a journal, oldest first.
        now: ISO 8601; what expires on or before this moment is expired.
    """
    in_force = {o.id for o in overrides_today(entries, now)}
    revoked = {e.record.override_id for e in entries_of(entries, Revocation)}
    scores = score_overrides(program, entries)

    def standing(record: Override) -> str:
        if record.id in in_force:
            return "in force"
        if record.id in revoked:
            return "revoked"
        return "expired" if record.expires is not None and record.expires <= now else "replaced"

    records = [e.record for e in entries_of(entries, Override)]
    return [
        {**r.model_dump(mode="json"), "standing": standing(r), **score_facts(scores[r.id])} for r in records
    ]


def override_lines(row: Mapping[str, Any]) -> list[str]:
    """One of these rows for a person."""
    what = row["choose"] or row["verdict"] or row["done"]
    until = f", expires {row['expires']}" if row["expires"] else ""
    head = f"{row['id']} {row['phase']}: {what} by {row['by']} at {row['at']} ({row['standing']}{until})"
    return [f"{head}: {row['reason']}", *(f"  {line}" for line in score_lines(row))]
