"""Walks a program once more over the runs that were made, each shown only when the walk asks for it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from planner.deciding.situation import Plan, PlanningState
from planner.deciding.walk import build_plan
from planner.evidence.run_selection import RunSelector, Snapshot, spent_by
from planner.evidence.values import as_text
from planner.judging.looks_made import looks_among
from planner.language.program import Program
from planner.lineage.in_force import (
    exclusions_today,
    follows_verdict,
    kept_code,
    overrides_today,
    past_looks,
    retries_asked,
)
from planner.records.base import canonical
from planner.records.decision import Decision
from planner.records.journal_entry import entries_of
from planner.records.runs import PlannedRun, Run
from planner.records.verdict import Verdict
from planner.replay.archive import Log
from planner.replay.recorded_runs import PhaseFidelity, RecordedRuns


@dataclass
class Rewalk:
    """Where a walk ended and which runs it took.

    Attributes:
        requested: phase -> runs that it asked for first, in the order of asking.
        lacking: runs that it asked for and that nobody has made; the walk ends there.
    """

    plan: Plan
    requested: dict[str, list[Run]] = field(default_factory=dict)
    lacking: Sequence[PlannedRun] = ()


def recorded_fidelities(program: Program, log: Log) -> list[str | None]:
    """The fidelities that were worked on; None stands for each phase's own, where these differ."""
    decided = [e.record for e in entries_of(log.judged, Decision)]
    own = {rules.fidelity for rules in program.phases.values()}
    fidelities = list(dict.fromkeys(d.fidelity for d in decided))
    if len(own) == 1:
        return [*fidelities]
    at_home = any(
        d.phase in program.phases and d.fidelity == program.phases[d.phase].fidelity for d in decided
    )
    return [*([None] if at_home else []), *(fidelity for fidelity in fidelities if fidelity not in own)]


def fidelity_of(program: Program, phase: str, fidelity: str | None) -> str:
    """The fidelity at which a phase is judged; that asked for where the program has no such phase."""
    return fidelity or (program.phases[phase].fidelity if phase in program.phases else "standard")


def recorded_path(program: Program, log: Log, fidelity: str | None) -> list[tuple[Verdict, Decision]]:
    """The verdicts and decisions on the current path of a program at a fidelity."""
    decided = {
        e.record.verdict_id or "": e.record
        for e in entries_of(log.entries, Decision)
        if follows_verdict(e.record) and e.record.fidelity == fidelity_of(program, e.record.phase, fidelity)
    }
    decisions = [e.record for e in entries_of(log.entries, Decision)]
    last = next((d for d in reversed(decisions) if d.verdict_id in decided), None)
    if last is None or last.inputs is None:
        return []
    path = (*last.inputs.verdicts, last.verdict_id or "")
    verdict_ids = [i for i in path if i in decided and i in log.verdicts]
    return [(log.verdicts[i], decided[i]) for i in verdict_ids]


def walk(program: Program, edited: Program, log: Log, fidelity: str | None) -> Rewalk:
    """Walks an edited program at a fidelity, as if its rules had been there from the start.

    Overrides and exclusions stand as they did when the last record was written. Runs of others are
    there from the beginning; ours come when they are asked for, all tries of a seed at once. Where every
    run is that of others, or phases were passed over, nothing is asked for and all is there at once.
    """
    recorded_runs = RecordedRuns(edited, _counted(program, edited, log, fidelity), ())
    pool: dict[str, list[Run]] = defaultdict(list)
    for run in recorded_runs.runs:
        if run.own:
            pool[run.fingerprint or ""].append(run)
    available = [run for run in recorded_runs.runs if not run.own]
    if _launched_nothing(program, log, fidelity):
        everything = [*available, *(run for runs in pool.values() for run in runs)]
        return Rewalk(_plan_on(edited, log, recorded_runs, everything, fidelity, no_run=True))
    walked = Rewalk(_plan_on(edited, log, recorded_runs, available, fidelity))
    while walked.plan.launch:
        made, lacking = _reveal(edited, walked, pool)
        walked.requested.setdefault(walked.plan.phase, []).extend(made)
        if lacking or not made:
            walked.lacking = lacking
            break
        available = [*available, *made]
        walked.plan = _plan_on(edited, log, recorded_runs, available, fidelity)
    return walked


def _reveal(
    edited: Program, walked: Rewalk, pool: dict[str, list[Run]]
) -> tuple[list[Run], list[PlannedRun]]:
    """(the runs that were asked for and were made, those that were not), as far as the seconds go."""
    spent = sum(run.seconds for runs in walked.requested.values() for run in runs)
    made: list[Run] = []
    lacking = []
    for planned in walked.plan.launch:
        left = edited.budget.seconds
        if left is not None and spent + sum(run.seconds for run in made) >= left:
            break
        tries = pool.pop(planned.fingerprint, [])
        made += tries
        lacking += [] if tries else [planned]
    return made, lacking


def _plan_on(
    edited: Program,
    log: Log,
    recorded_runs: RecordedRuns,
    available: Sequence[Run],
    fidelity: str | None,
    no_run: bool = False,
) -> Plan:
    """The plan of the edited program when these runs are all there is."""
    now = log.entries[-1].written_at
    overrides = overrides_today(log.entries, now)
    mended = [o.phase for o in overrides if o.done is not None]
    snapshot = Snapshot(tuple(available))
    selector = RunSelector(
        edited,
        snapshot,
        recorded_runs.catalog,
        exclusions_today(log.entries),
        mended,
        retried=retries_asked(log.entries),
    )
    (runs, seconds), budget = spent_by(available), edited.budget
    spent = budget.seconds is not None and seconds >= budget.seconds
    left = 1_000_000 if budget.runs is None else max(budget.runs - runs, 0)
    return build_plan(
        PlanningState(
            program=edited,
            evidence_of=selector.evidence_of,
            missing=selector.missing,
            fidelity=fidelity,
            overrides=overrides,
            no_run=no_run,
            affordable=0 if spent else left,
            past_looks=looks_among(past_looks(log.entries), {run.id for run in available}),
        )
    )


def _launched_nothing(program: Program, log: Log, fidelity: str | None) -> bool:
    """Whether what was judged last was judged without launching anything."""
    path = recorded_path(program, log, fidelity)
    runs = [run for v, _ in path for of_arm in log.runs_of(v.phase, v.considered).values() for run in of_arm]
    return any(v.passed_over for v, _ in path) or not any(run.own for run in runs)


# --- which runs there are ------------------------------------------------------------------------


def _counted(
    program: Program, edited: Program, log: Log, fidelity: str | None
) -> Mapping[PhaseFidelity, Mapping[str, Sequence[Run]]]:
    """(phase, fidelity) -> arm -> the runs that were made of what the edited program declares for it.

    Ours are known by what was declared when they were counted, in whichever phase; those of others by
    their phase and arm.
    """
    ours: dict[tuple[str, str], dict[str, Run]] = defaultdict(dict)
    for params, rung, run in _declared(program, log):
        ours[params, rung].setdefault(run.id, run)
    counted: dict[PhaseFidelity, dict[str, list[Run]]] = {}
    for phase, rules in edited.phases.items():
        rung = fidelity_of(edited, phase, fidelity)
        others = [r for r in log.all_runs if not r.own and r.phase in {phase, rules.runs_of or phase}]
        counted[phase, rung] = {
            arm: sorted(
                [
                    *ours.get((_key(edited.params(phase, arm)), rung), {}).values(),
                    *(run for run in others if run.arm == arm and run.fidelity in (None, rung)),
                ],
                key=lambda run: (not run.own, run.seed, run.attempt, run.id),
            )
            for arm in rules.arms
        }
    return counted


class _Made(NamedTuple):
    """A run of ours, with the configuration that it was made of."""

    declared: str
    fidelity: str
    run: Run


def _declared(program: Program, log: Log) -> Iterator[_Made]:
    """Our runs and what was declared for them, of the code that was judged last."""
    verdicts = [e.record for e in entries_of(log.entries, Verdict)]
    codes = {rung: _codes(log, rung, verdicts) for rung in {v.fidelity for v in verdicts}}
    for verdict in verdicts:
        for arm, runs in log.runs_of(verdict.phase, verdict.considered).items():
            params = verdict.rules.get("params", {}).get(arm)
            for run in runs:
                if run.own and params is not None and run.code_digest in codes[verdict.fidelity]:
                    yield _Made(_key(params), verdict.fidelity, run)
    for run in log.all_runs:  # those that no verdict has looked at yet
        rung, rules = run.fidelity or "", program.phases.get(run.phase)
        if run.own and rules is not None and run.arm in rules.arms:
            params = program.params(run.phase, run.arm)
            logged = {k: as_text(v) for k, v in run.params.items()}
            as_declared = all(logged.get(k) == as_text(v) for k, v in params.items())
            if as_declared and run.code_digest in codes.get(rung, {run.code_digest}):
                yield _Made(_key(params), rung, run)


def _codes(log: Log, rung: str, verdicts: Sequence[Verdict]) -> set[str | None]:
    """The digests of the code that was judged last, and of code that was declared equal to it."""
    mine = [v for v in reversed(verdicts) if v.fidelity == rung and v.code_digests]
    last: set[str] = set(mine[0].code_digests) if mine else set()
    return {*last, *(old for code in last for old in kept_code(log.entries, code))}


def _key(params: Mapping[str, Any]) -> str:
    """What a configuration is declared as; the same for every way of writing its values."""
    return canonical({name: as_text(value) for name, value in params.items()})
