"""Why runs that a verdict counted no longer count, where nothing in the records says so."""

from __future__ import annotations

from collections.abc import Mapping

from planner.evidence.run_selection import RunSelector
from planner.records.runs import DIGEST_LENGTH
from planner.records.verdict import Verdict


def lost_grounds(run_selector: RunSelector, verdicts: Mapping[str, Verdict]) -> dict[str, str]:
    """Phase -> why runs of its verdict no longer count; phases whose runs all do are left out."""
    judged = {phase: v for phase, v in verdicts.items() if phase in run_selector.program.phases}
    lost = {phase: _why_lost(run_selector, verdict) for phase, verdict in judged.items()}
    return {phase: why for phase, why in lost.items() if why}


def _why_lost(run_selector: RunSelector, verdict: Verdict) -> str:
    phase, fidelity = verdict.phase, verdict.fidelity
    arms = run_selector.program.phases[phase].arms
    counting = {run.id for arm in arms for run in run_selector.candidates(phase, arm, fidelity)}
    lost = set(verdict.run_ids) - counting
    if not lost:
        return ""
    held = [run for run in run_selector.snapshot.finished if run.id in lost]
    if len(held) < len(lost):
        return "runs that it counted are no longer in MLflow"
    described = [run_selector.catalog.described.get((phase, arm, fidelity)) for arm in arms]
    today = {one.data_digest[:DIGEST_LENGTH] for one in described if one is not None}
    if any(run.data_digest not in today for run in held):
        return "the data have changed"
    return "the configuration of its arms has changed"
