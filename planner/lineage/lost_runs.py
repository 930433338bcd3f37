"""Why runs that a verdict counted no longer count, where nothing in the records says so."""

from __future__ import annotations

from collections.abc import Mapping

from planner.evidence.selection import RunSelector
from planner.records.runs import DIGEST_LENGTH
from planner.records.verdict import Verdict


def lost_grounds(recall: RunSelector, verdicts: Mapping[str, Verdict]) -> dict[str, str]:
    """Phase -> why runs of its verdict no longer count; phases whose runs all do are left out."""
    known = {phase: v for phase, v in verdicts.items() if phase in recall.program.phases}
    found = {phase: _why_lost(recall, verdict) for phase, verdict in known.items()}
    return {phase: why for phase, why in found.items() if why}


def _why_lost(recall: RunSelector, verdict: Verdict) -> str:
    phase, fidelity = verdict.phase, verdict.fidelity
    arms = recall.program.phases[phase].arms
    counting = {run.id for arm in arms for run in recall.candidates(phase, arm, fidelity)}
    lost = set(verdict.run_ids) - counting
    if not lost:
        return ""
    found = [run for run in recall.snapshot.finished if run.id in lost]
    if len(found) < len(lost):
        return "runs that it counted are no longer in MLflow"
    described = [recall.catalog.described.get((phase, arm, fidelity)) for arm in arms]
    today = {told.data_digest[:DIGEST_LENGTH] for told in described if told is not None}
    if any(run.data_digest not in today for run in found):
        return "the data have changed"
    return "the configuration of its arms has changed"
