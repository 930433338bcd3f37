"""Compares an edited program with everything on record: decisions, phases, and runs saved or added."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from pydantic import Field

from planner.language.program import Program
from planner.records.base import Record
from planner.records.decision import Decision
from planner.records.journal_entry import AnyEntry
from planner.records.runs import PlannedRun, Run
from planner.records.verdict import Verdict
from planner.replay.archive import Log
from planner.replay.edited_decisions import DecisionComparison, compare_decisions
from planner.replay.rewalk import Rewalk, recorded_fidelities, recorded_path, walk


class PhaseOutcome(Record):
    """What a phase concluded, and what was decided then."""

    outcome: str
    confidence: str
    case: str | None
    tier: str | None
    action: str
    choice: str | None

    def __str__(self) -> str:
        row = f" Case {self.case}" if self.case else f" Tier {self.tier}" if self.tier else ""
        then = f"{self.action} {self.choice or ''}".strip()
        return f"{self.outcome}{row} ({self.confidence}), then {then}"


class Cost(Record):
    """Runs of ours that a program uses from beginning to end, and how an edited one's use differs.

    Both are walked over the runs that were made, so that detours of the past, such as seeds in place of
    an excluded run that counts again, are on no side.

    Attributes:
        before: runs that the program as it is uses.
        after: runs that the edited program uses, so far as its path is known.
        saved: used before and not after.
        added: used after and not before.
        unmade: of those, how many nobody has made.
        seconds_saved: that those took.
        seconds_added: that those took, or would take at the mean of the runs that were made.
    """

    before: int = 0
    after: int = 0
    saved: int = 0
    added: int = 0
    unmade: int = 0
    seconds_saved: float = 0.0
    seconds_added: float = 0.0


class PhaseComparison(Record):
    """One phase on record and under the edited program; None where it was, or would be, not judged."""

    phase: str
    recorded: PhaseOutcome | None
    edited: PhaseOutcome | None
    cost: Cost

    @property
    def differs(self) -> bool:
        """Whether anything came out otherwise."""
        return self.recorded != self.edited or bool(self.cost.saved or self.cost.added)


class PathComparison(Record):
    """The path through the phases at one fidelity, on record and under the edited program.

    Attributes:
        fidelity: None where each phase has its own.
        open_at: the phase for which runs would be needed that nobody has made; what follows is unknown.
        refused_at: the phase whose threshold lies under its noise floor, so that nothing is run for it.
    """

    fidelity: str | None
    phases: tuple[PhaseComparison, ...]
    total: Cost
    open_at: str | None = None
    refused_at: str | None = None


class WhatIf(Record):
    """What an edited program would have made of everything on record."""

    decisions: tuple[DecisionComparison, ...]
    paths: tuple[PathComparison, ...] = Field(serialization_alias="ways")


def what_if(
    program: Program,
    edited: Program,
    runs: Iterable[Run],
    entries: Sequence[AnyEntry],
    older: Collection[str] = (),
) -> WhatIf:
    """Holds an edited program against everything on record.

    Args:
        program: as it is now.
        runs: every finished run that MLflow holds, in any order.
        entries: those of the journal, oldest first.
        older: ids of records whose form this version no longer writes.
    """
    log = Log(entries, runs, rules_kept=False, older=older)
    return WhatIf(
        decisions=tuple(compare_decisions(program, edited, log)),
        paths=tuple(
            _compare_path(program, edited, log, fidelity) for fidelity in recorded_fidelities(program, log)
        ),
    )


def _compare_path(program: Program, edited: Program, log: Log, fidelity: str | None) -> PathComparison:
    path, walked = recorded_path(program, log, fidelity), walk(program, edited, log, fidelity)
    before = _used(_runs_requested(log, walk(program, program, log, fidelity)))
    after = _used(_runs_requested(log, walked))
    lacking = walked.plan.phase if walked.lacking else None
    recorded_outcomes = {v.phase: _outcome(v, d) for v, d in path}
    edited_outcomes = {s.verdict.phase: _outcome(s.verdict, s.decision) for s in walked.plan.steps}
    seconds = _mean_seconds([*_all(before), *_all(after)])

    def cost(phase: str | None) -> Cost:
        missing = [run for run in walked.lacking if phase in (None, run.phase)]
        return _cost(_of(before, phase), _of(after, phase), _all(before), _all(after), missing, seconds)

    names = dict.fromkeys([*recorded_outcomes, *edited_outcomes, *after, *([lacking] if lacking else [])])
    phases = tuple(
        PhaseComparison(
            phase=name,
            recorded=recorded_outcomes.get(name),
            edited=edited_outcomes.get(name),
            cost=cost(name),
        )
        for name in names
    )
    refused = walked.plan.phase if walked.plan.refused else None
    return PathComparison(
        fidelity=fidelity, phases=phases, total=cost(None), open_at=lacking, refused_at=refused
    )


def _outcome(verdict: Verdict, decision: Decision) -> PhaseOutcome:
    facts = {name: getattr(verdict, name) for name in ("outcome", "confidence", "case", "tier")}
    return PhaseOutcome(**facts, action=decision.action, choice=decision.choice)


Used = Mapping[str, Mapping[str, Run]]
"""Phase -> run id -> the run, where it was used first."""


def _looked_at(log: Log, verdict: Verdict) -> list[Run]:
    """Our runs that a verdict looked at, failed ones too."""
    return [
        run for of_arm in log.runs_of(verdict.phase, verdict.considered).values() for run in of_arm if run.own
    ]


def _runs_requested(log: Log, walked: Rewalk) -> dict[str, list[Run]]:
    """Phase -> the runs that a walk asked for; where it asked for none, those that its verdicts looked at."""
    if walked.requested:
        return walked.requested
    return {s.verdict.phase: _looked_at(log, s.verdict) for s in walked.plan.steps}


def _used(by_phase: Mapping[str, Sequence[Run]]) -> Used:
    """Each run once, at the phase that used it first."""
    seen: set[str] = set()
    used: dict[str, dict[str, Run]] = {}
    for phase, runs in by_phase.items():
        used[phase] = {run.id: run for run in runs if run.id not in seen}
        seen |= used[phase].keys()
    return used


def _all(used: Used) -> list[Run]:
    return [run for runs in used.values() for run in runs.values()]


def _of(used: Used, phase: str | None) -> list[Run]:
    return _all(used) if phase is None else list(used.get(phase, {}).values())


def _mean_seconds(runs: Sequence[Run]) -> float:
    return math.fsum(run.seconds for run in runs) / len(runs) if runs else 0.0


def _cost(
    before: Sequence[Run],
    after: Sequence[Run],
    all_before: Sequence[Run],
    all_after: Sequence[Run],
    lacking: Sequence[PlannedRun],
    seconds: float,
) -> Cost:
    used_after, used_before = {run.id for run in all_after}, {run.id for run in all_before}
    saved = [run for run in before if run.id not in used_after]
    added = [run for run in after if run.id not in used_before]
    return Cost(
        before=len(before),
        after=len(after) + len(lacking),
        saved=len(saved),
        added=len(added) + len(lacking),
        unmade=len(lacking),
        seconds_saved=round(math.fsum(run.seconds for run in saved), 3),
        seconds_added=round(math.fsum(run.seconds for run in added) + seconds * len(lacking), 3),
    )
