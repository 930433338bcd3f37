"""Compares each recorded decision with that of an edited program on the same runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planner.deciding.policy import seeds_next
from planner.judging.caveats import SHORT
from planner.judging.verdict import build_test_design
from planner.language.program import Program
from planner.lineage.in_force import follows_verdict
from planner.records.base import Record
from planner.records.decision import Decision
from planner.records.verdict import Verdict
from planner.replay.archive import Log
from planner.replay.rederive import rederive_decision, rederive_evidence, rederive_verdicts

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
    for entry in log.judged:
        record = entry.record
        if isinstance(record, Verdict) and not log.is_older(record) and record.phase in edited.phases:
            judged[record.id] = _rejudge(program, edited, entry, log, judged)
    return [
        _compare_launch(edited, entry, log, judged)
        if entry.record.action == "add_seeds"
        else _compare(edited, entry, log, judged)
        for entry in log.judged
        if isinstance(entry.record, Decision) and not log.is_older(entry.record)
        if entry.record.action == "add_seeds" or follows_verdict(entry.record)
    ]


Rejudged = tuple[Verdict, Mapping[str, int]]
"""A verdict under the edited program, and the seeds that it would have asked for first, by arm."""


def _rejudge(
    program: Program, edited: Program, entry: Any, log: Log, judged: Mapping[str, Rejudged]
) -> Rejudged:
    """A verdict under the edited program; final where no more runs could be made for the recorded one."""
    open_, final = rederive_verdicts(edited, entry, log, _earlier(entry, log, judged))
    if _was_final(program, entry, log):
        return final, {}
    return open_, _wanted(edited, open_, entry, log)


def _was_final(program: Program, entry: Any, log: Log) -> bool:
    """Whether a verdict was given although more seeds were wanted, or on runs of others alone."""
    recorded: Verdict = entry.record
    if recorded.phase not in program.phases or SHORT in recorded.caveats:
        return SHORT in recorded.caveats
    runs = log.runs_of(recorded.phase, recorded.considered)
    if not any(run.own for of_arm in runs.values() for run in of_arm):
        return True
    open_, _ = rederive_verdicts(program, entry, log, log.earlier(entry))
    return bool(_wanted(program, open_, entry, log))


def _wanted(program: Program, verdict: Verdict, entry: Any, log: Log) -> Mapping[str, int]:
    recorded: Verdict = entry.record
    phase, fidelity = recorded.phase, recorded.fidelity
    design = build_test_design(program, phase, fidelity, final=False)
    evidence = rederive_evidence(program, phase, fidelity, recorded.considered, log, entry)
    return seeds_next(program, verdict, design, evidence, log.previously_judged(entry))


def _earlier(entry: Any, log: Log, judged: Mapping[str, Rejudged]) -> dict[str, Verdict]:
    return {phase: judged.get(v.id, (v, {}))[0] for phase, v in log.earlier(entry).items()}


def _compare(edited: Program, entry: Any, log: Log, judged: Mapping[str, Rejudged]) -> DecisionComparison:
    decision: Decision = entry.record
    identity = {"id": decision.id, "phase": decision.phase, "fidelity": decision.fidelity}
    recorded = log.verdicts.get(decision.verdict_id or "")
    if recorded is None or recorded.id not in judged:
        return DecisionComparison(**identity, field="phase", was=decision.phase)
    verdict, wanted = judged[recorded.id]
    pairs = _pairs(recorded, verdict, _VERDICT_FIELDS)
    if wanted:
        more = ", ".join(f"{arm} to {count} seeds" for arm, count in wanted.items())
        pairs.append(("action", decision.action, f"add_seeds ({more})"))
    else:
        new = rederive_decision(edited, entry, log, verdict, _earlier(entry, log, judged))
        pairs += _pairs(decision, new, _DECISION_FIELDS)
    return next(
        (DecisionComparison(**identity, field=f, was=a, would_be=b) for f, a, b in pairs if a != b),
        DecisionComparison(**identity),
    )


def _compare_launch(
    edited: Program, entry: Any, log: Log, judged: Mapping[str, Rejudged]
) -> DecisionComparison:
    """Runs that were added: which ones an edited program asks for."""
    decision: Decision = entry.record
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


def _pairs(old: Any, new: Any, fields: tuple[str, ...]) -> list[tuple[str, str | None, str | None]]:
    return [(name, getattr(old, name), getattr(new, name)) for name in fields]
