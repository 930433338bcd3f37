"""Where a program stands, read from its records alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from planner.deciding.triage import choices
from planner.language.program import Program
from planner.lineage.disputed import disputed_phases
from planner.lineage.in_force import follows_verdict, overrides_today
from planner.lineage.staleness import Data, Validity, build_validity
from planner.records.decision import Decision
from planner.records.journal_entry import (
    AnyEntry,
    JournalEntry,
    entries_of,
    judged_entries,
    of_other_homes,
)
from planner.records.person import Override
from planner.records.repeats import Repeat
from planner.records.verdict import Verdict


@dataclass(frozen=True)
class RunAtWork:
    """A run that is being made.

    Attributes:
        since: when it began (ISO 8601).
        seconds: how long ago that was.
        step: of what it measured last; None where it measured nothing yet, or not by steps.
        repeats: the run that it makes a second time; None where it is the first.
    """

    phase: str
    arm: str
    seed: int
    run_id: str | None
    since: str
    seconds: float
    step: int | None
    repeats: str | None = None


@dataclass(frozen=True)
class ProgramState:
    """What the records say of a program today.

    Attributes:
        fidelity: the rung that was worked on last.
        verdicts: the latest verdict of each phase at that rung (each phase's own, where none was
            asked for).
        decisions: the latest decision after each phase.
        decided_at: decision id -> when it was recorded.
        of_other_homes: ids of records that other homes wrote to a store that this one uses too.
        latest: the decision at which the program stands; None where nothing was decided.
        path: the phases that lead there, in order.
        opened_by: phase -> the phase whose decision opened it.
        overrides: those that stand.
        pending: an override that the next ``advance`` will follow.
        withdrawn: a decision that followed an override which no longer stands.
        at_work: the runs that are being made.
        passed_over: phases that were not done and that later verdicts went past.
        checks: id of each run that came to its end -> whether its code and data were looked at after it.
        repeats: what came of making runs twice, of whatever code and fidelity.
    """

    program: Program
    fidelity: str
    verdicts: dict[str, Verdict]
    decisions: dict[str, Decision]
    decided_at: dict[str, str]
    latest: Decision | None
    path: tuple[str, ...]
    overrides: Sequence[Override]
    pending: Override | None
    withdrawn: Decision | None
    validity: Validity
    passed_over: frozenset[str] = frozenset()
    opened_by: Mapping[str, str] = field(default_factory=dict)
    running: bool = False
    at_work: tuple[RunAtWork, ...] = ()
    spent_runs: int = 0
    spent_seconds: float = 0.0
    checks: Mapping[str, bool] = field(default_factory=dict)
    of_other_homes: frozenset[str] = frozenset()
    repeats: tuple[Repeat, ...] = ()

    @property
    def reopened(self) -> bool:
        """Whether a person's word makes a decision anew."""
        return self.pending is not None or self.withdrawn is not None

    @property
    def to_judge_again(self) -> list[str]:
        """The phases on the way whose verdicts no longer follow from what is there."""
        return [phase for phase in self.path if phase in self.validity.changed]


def build_program_state(
    program: Program,
    entries: Sequence[AnyEntry],
    now: str,
    code: str | None = None,
    accepted: frozenset[str] = frozenset(),
    running: bool = False,
    spent: tuple[int, float] = (0, 0.0),
    data: Mapping[str, Data] | None = None,
) -> ProgramState:
    """Reads journal entries (oldest first) into what stands today.

    Args:
        code: digest of the experiment's code today; None where it cannot be told.
        spent: runs and seconds so far.
        data: phase -> the data of its arms today, where that is known.
    """
    judged = judged_entries(entries)
    fidelity = judged[-1].record.fidelity if judged else "standard"
    here = [e for e in judged if e.record.fidelity == _fidelity(program, e.record.phase, judged[-1].record)]
    verdicts = {e.record.phase: e.record for e in entries_of(here, Verdict)}
    last = {e.record.phase: e for e in entries_of(here, Decision)}
    decisions = {phase: e.record for phase, e in last.items()}
    path, latest = _walk(program, verdicts, last)
    opened = _opened(decisions, path)
    overrides = overrides_today(entries, now)
    stand = {override.id for override in overrides}
    disputed = disputed_phases(here, entries)
    return ProgramState(
        program=program,
        fidelity=fidelity,
        verdicts=verdicts,
        decisions=decisions,
        decided_at={e.record.id: e.written_at for e in entries_of(here, Decision)},
        latest=latest,
        path=path,
        overrides=overrides,
        pending=_pending(program, entries, last, overrides, path),
        withdrawn=next((decisions[p] for p in path if not set(decisions[p].override_ids) <= stand), None),
        validity=build_validity(program, verdicts, code, accepted, opened, disputed, data),
        passed_over=_passed_over(program, verdicts, path),
        opened_by=opened,
        running=running,
        spent_runs=spent[0],
        spent_seconds=spent[1],
        of_other_homes=of_other_homes(entries),
    )


def _opened(decisions: Mapping[str, Decision], path: Sequence[str]) -> dict[str, str]:
    """Phase -> the one whose decision led to it."""
    opened = {d.target: p for p, d in decisions.items() if d.action != "wait" and d.target not in (None, p)}
    return {phase: by for phase, by in opened.items() if phase} | dict(zip(path[1:], path, strict=False))


def _fidelity(program: Program, phase: str, last: Verdict | Decision) -> str:
    """The rung that counts for a phase: the one worked on last, or each phase's own if that was its own."""
    worked_on = program.phases.get(last.phase)
    if phase in program.phases and worked_on is not None and worked_on.fidelity == last.fidelity:
        return program.phases[phase].fidelity
    return last.fidelity


def _walk(
    program: Program, verdicts: Mapping[str, Verdict], last: Mapping[str, JournalEntry[Decision]]
) -> tuple[tuple[str, ...], Decision | None]:
    """(the judged phases on the way, the decision at which it ends), as the rules would walk it.

    Args:
        last: phase -> the entry of its latest decision.
    """
    path: list[str] = []
    here: str | None = program.first
    latest: Decision | None = None
    while here is not None and here not in path:
        beyond = _beyond(here, verdicts, last)
        if beyond is not None and beyond not in path:
            here = beyond
        if here not in last:
            break
        latest = last[here].record
        if here in verdicts:
            path.append(here)
        here = latest.target if follows_verdict(latest) and latest.action != "wait" else None
    return tuple(path), latest


def _beyond(
    phase: str, verdicts: Mapping[str, Verdict], last: Mapping[str, JournalEntry[Decision]]
) -> str | None:
    """The phase that was judged next where this one was passed over since anything was run for it."""
    if phase in verdicts:
        return None
    since = last[phase].position if phase in last else 0
    after = [p for p, v in verdicts.items() if phase in v.passed_over and p in last]
    newer = [p for p in after if last[p].position > since]
    return min(newer, key=lambda p: len(verdicts[p].passed_over), default=None)


def _pending(
    program: Program,
    entries: Sequence[AnyEntry],
    last: Mapping[str, JournalEntry[Decision]],
    overrides: Sequence[Override],
    path: Sequence[str],
) -> Override | None:
    """The newest override on the way after which nothing was decided yet."""
    standing = {o.id for o in overrides if o.phase in path}
    undecided = [
        e.record
        for e in entries_of(entries, Override)
        if e.record.id in standing
        and e.position > last[e.record.phase].position
        and (
            e.record.choose is None
            or e.record.choose in choices(program, e.record.phase, last[e.record.phase].record.due)
        )
    ]
    return undecided[-1] if undecided else None


def _passed_over(program: Program, verdicts: Mapping[str, Verdict], path: Sequence[str]) -> frozenset[str]:
    named = {name for phase in path if phase in verdicts for name in verdicts[phase].passed_over}
    return frozenset(named & set(program.phases))
