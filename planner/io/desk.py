"""The desk: joins stores, launcher and clock into what the loop asks of the world."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments import command as user_command

from planner.explain import Trace, as_json
from planner.graph import Launched, Recorded
from planner.io.journal import Entry, Journal
from planner.paths import Home
from planner.policy import Position, Situation, Step, program_digest
from planner.ports import Clock, Launcher, MemoStore, RecordStore, RunStore
from planner.program import Program
from planner.recall import Catalog, Recall, Snapshot
from planner.records import (
    Decision,
    Description,
    Ended,
    Exclusion,
    Job,
    Keep,
    Override,
    PlannedRun,
    Revocation,
    Started,
    Verdict,
    digest_of,
)
from planner.standing import opened_by, overrides_today, position_standing, trace_of


@dataclass(frozen=True)
class Wishes:
    """What the caller of ``advance`` asks for beyond the program.

    Attributes:
        fidelity: None means each phase's own.
        stop_at: seconds since the epoch after which no run is started.
        timeout: seconds that one run may take.
    """

    fidelity: str | None = None
    no_run: bool = False
    stop_at: float | None = None
    timeout: float | None = None


@dataclass
class Desk:
    """One program's work on one home.

    Args:
        code: digest of the experiment's code as it is now.
        notify: told (label, total) when runs begin, (job, event) for each event, and None at the end.

    Side effects: everything; each method says what it writes, in the order of writing.
    """

    home: Home
    program: Program
    code: str
    runs: RunStore
    records: RecordStore
    journal: Journal
    launcher: Launcher
    memos: MemoStore
    clock: Clock
    wishes: Wishes = Wishes()
    notify: Callable[[Any], None] = lambda _: None
    _recall: Recall | None = field(default=None, init=False)
    _catalog: Catalog = field(default_factory=Catalog, init=False)

    # --- recall --------------------------------------------------------------------------------

    def recall(self) -> Situation:
        """Reads everything that is known and settles what an interrupted ``advance`` left behind."""
        name = self.program.program
        entries = self.journal.entries(name)
        snapshot = self.runs.snapshot(self.program)
        excluded = exclusions_today(entries)
        self._catalog = self._describe(snapshot, entries)
        self._recall = Recall(self.program, snapshot, self._catalog, excluded)
        own = [run for run in snapshot.finished if run.own]
        return Situation(
            program=self.program,
            evidence_of=self._recall.evidence_of,
            missing=self._recall.missing,
            fidelity=self.wishes.fidelity,
            overrides=overrides_today(entries, self.clock.now()),
            no_run=self.wishes.no_run,
            affordable=self._affordable(len(own), sum(run.seconds for run in own)),
            seen=_seen(entries),
        )

    def _affordable(self, runs: int, seconds: float) -> int:
        budget = self.program.budget
        if budget.seconds is not None and seconds >= budget.seconds:
            return 0
        return 1_000_000 if budget.runs is None else max(budget.runs - runs, 0)

    def _describe(self, snapshot: Snapshot, entries: Sequence[Entry]) -> Catalog:
        """What identifies the program's own runs; asks the experiment only what it was not asked before."""
        if self.wishes.no_run and not any(run.own for run in snapshot.finished):
            return Catalog()
        accepted = kept_code(entries, self.code)
        wanted: dict[tuple[str, str, str], dict[str, Any]] = {}
        for phase, rules in self.program.phases.items():
            fidelity = self.wishes.fidelity or rules.fidelity
            for arm in rules.arms:
                wanted[phase, arm, fidelity] = self.program.params(phase, arm)
        keys = {
            place: digest_of([self.code, self.program.experiment, params, place[2]])
            for place, params in wanted.items()
        }
        known = {key: self._known(key) for key in set(keys.values())}
        unknown = {keys[place]: place for place in wanted if known[keys[place]] is None}
        if unknown:
            asked = list(unknown.values())
            told = self._ask([(wanted[place], place[2]) for place in asked])
            fresh = dict(zip(unknown, told, strict=True))
            self.journal.note_described({k: _with_stamps(d) for k, d in fresh.items()})
            known.update(fresh)
        described = {place: known[keys[place]] for place in wanted}
        return Catalog(self.code, accepted, described)  # type: ignore[arg-type]

    def _ask(self, wanted: Sequence[tuple[dict[str, Any], str]]) -> list[Description]:
        if self.program.experiment is not None:
            return self.launcher.describe(self.program.experiment, wanted)
        argv = tuple(self.program.command or ())
        return [Description.model_validate(user_command.describe(argv, params)) for params, _ in wanted]

    def _known(self, key: str) -> Description | None:
        body = self.journal.described(key)
        if body is None:
            return None
        told = json.loads(body)
        if any(_stamp(Path(file)) != stamp for file, stamp in told.pop("stamps", {}).items()):
            return None
        return Description.model_validate(told)

    # --- launch --------------------------------------------------------------------------------

    def launch(self, runs: tuple[PlannedRun, ...], decision: Decision, interim: Verdict | None) -> Launched:
        """Makes runs: decision, intent, lease, MLflow run, result, outcome, in this order of writing."""
        phase, fidelity = decision.phase, decision.fidelity
        at = self.clock.now()
        self.journal.add(decision, at)
        parent = self.records.phase_run(self.program, phase, fidelity)
        if decision.id not in self.records.held(self.program):
            place = self.records.write_decision(decision, interim, parent, _decision_note(decision), at)
            self.journal.mark_mirrored(decision.id, place)
        round_ = _Round(self, parent)
        label = f"{self.program.program} / {phase} ({fidelity})"
        self.notify((label, len(runs)))
        try:
            with closing(self.launcher.run(round_.jobs(runs))) as events:
                for event in events:
                    job = round_.take(event)
                    self.notify((job, event))
        finally:
            self.notify(None)
        late = "the time given with --max-seconds is up" if round_.stopped else ""
        return Launched(round_.finished, late)

    # --- record --------------------------------------------------------------------------------

    def is_recorded(self, step: Step) -> bool:
        """Whether verdict and decision of a step are written down, in MLflow too."""
        latest = latest_step(
            self.journal.entries(self.program.program), step.verdict.phase, step.verdict.fidelity
        )
        return latest == (step.verdict.id, step.decision.id)

    def record(self, step: Step, position: Position, launched: int) -> Recorded:
        """Writes a step down: journal first, then memo, then MLflow."""
        verdict, decision, at = step.verdict, step.decision, self.clock.now()
        entries = {e.record.id: e for e in self.journal.entries(self.program.program)}
        before = entries.get(verdict.id)
        self.journal.add(verdict, at)
        self.journal.add(decision, at)
        trace = self._trace(step, position, at)
        judged_at = before.at if before else at
        evidence = self._recall.evidence_of(verdict.phase, verdict.fidelity) if self._recall else None
        memo, note, figures = self.memos.write(trace, evidence, judged_at)
        place = self._verdict_place(verdict, before, judged_at)
        self.records.write_memo(place, memo.read_text(encoding="utf-8"), note, figures, as_json(trace))
        self.journal.mark_mirrored(verdict.id, place)
        held = self.records.held(self.program)
        if decision.id not in held:
            done = self.records.write_decision(decision, verdict, place, _decision_note(decision), at)
            self.journal.mark_mirrored(decision.id, done)
        else:
            self.journal.mark_mirrored(decision.id, held[decision.id])
        self.refresh_superseded(position, verdict)
        return Recorded(
            phase=verdict.phase,
            action=decision.action,
            outcome=verdict.outcome,
            confidence=verdict.confidence,
            tier=verdict.tier,
            case=verdict.case,
            memo=str(memo),
            decision_id=decision.id,
            runs_launched=launched,
            runs_reused=max(len(verdict.run_ids) - launched, 0),
            judged=before is None or not before.mirrored,
        )

    def _verdict_place(self, verdict: Verdict, before: Entry | None, at: str) -> str:
        held = self.records.held(self.program)
        if verdict.id in held:
            return held[verdict.id]
        place = self.records.phase_run(self.program, verdict.phase, verdict.fidelity)
        self.records.write_verdict(place, verdict, at)
        return place

    def _trace(self, step: Step, position: Position, at: str) -> Trace:
        entries = self.journal.entries(self.program.program)
        upto = position.steps[: position.steps.index(step) + 1]
        verdicts = {s.verdict.phase: s.verdict for s in upto}
        standing = position_standing(self.program, verdicts, opened_by(upto))
        overrides = overrides_today(entries, self.clock.now())
        return trace_of(
            self.program, step.verdict.phase, step.verdict, step.decision, verdicts, overrides, standing, at
        )

    def refresh_superseded(self, position: Position, verdict: Verdict) -> None:
        """Writes the memo of a verdict that this one supersedes again, so that it says so."""
        rule = self.program.phases[verdict.phase].supersedes
        loser = next((s for s in position.steps if rule and s.verdict.phase == rule.phase), None)
        if loser is None:
            return
        verdicts = {s.verdict.phase: s.verdict for s in position.steps}
        standing = position_standing(self.program, verdicts, opened_by(position.steps))
        if standing.superseded_by.get(loser.verdict.phase) != verdict.phase:
            return
        entries = self.journal.entries(self.program.program)
        entry = next(e for e in entries if e.record.id == loser.verdict.id)
        overrides = overrides_today(entries, self.clock.now())
        trace = trace_of(
            self.program,
            loser.verdict.phase,
            loser.verdict,
            loser.decision,
            verdicts,
            overrides,
            standing,
            entry.at,
        )
        evidence = (
            self._recall.evidence_of(loser.verdict.phase, loser.verdict.fidelity) if self._recall else None
        )
        memo, note, figures = self.memos.write(trace, evidence, entry.at)
        if entry.mlflow_run:
            text = memo.read_text(encoding="utf-8")
            self.records.write_memo(entry.mlflow_run, text, note, figures, as_json(trace))

    def approve(self, decision: Decision, by_person: str) -> None:
        """Writes down that a person takes the recommendation that waits."""
        by = user_name() if by_person == "--accept" else by_person
        override = Override(
            program=self.program.program,
            phase=decision.phase,
            by=by,
            at=self.clock.now(),
            reason="accepted the recommendation",
            choose=decision.choice,
            contradicts=decision.id,
            recommended=decision.choice,
        ).identified("o")
        self.write_person(override, decision.id)

    def write_person(self, record: Override | Revocation | Exclusion | Keep, about: str | None) -> None:
        """Writes down what a person did: journal first, then MLflow.

        Args:
            about: the id of the decision that it is about, whose page becomes its parent.
        """
        self.journal.add(record, record.at)
        parent = self.records.held(self.program).get(about or "")
        place = self.records.write_person(record, parent, _person_note(record), record.at)
        self.journal.mark_mirrored(record.id, place)

    @property
    def digest(self) -> str:
        """The digest of the whole program."""
        return program_digest(self.program)


class _Round:
    """One batch of runs: gives jobs to the launcher and writes down what comes of them."""

    def __init__(self, desk: Desk, parent: str) -> None:
        self.desk = desk
        self.parent = parent
        self.finished = 0
        self.stopped = False
        self._planned: dict[str, tuple[PlannedRun, Job, int, str | None]] = {}
        self._started: dict[str, tuple[str, float]] = {}

    def jobs(self, runs: Sequence[PlannedRun]) -> Iterator[Job]:
        """The jobs, one by one, each after its intent is on record; none after the time is up."""
        desk = self.desk
        for planned in runs:
            if desk.wishes.stop_at is not None and desk.clock.seconds() >= desk.wishes.stop_at:
                self.stopped = True
                return
            earlier = desk._recall.retried(planned) if desk._recall else None
            attempt = earlier.attempt + 1 if earlier else 1
            name = desk.program.program
            folder = desk.home.run_folder(name, planned.fingerprint, attempt)
            desk.journal.plan_work(
                planned.fingerprint, attempt, name, planned.model_dump(mode="json"), str(folder)
            )
            job = Job(
                id=f"{planned.fingerprint}-{attempt}",
                arm=planned.arm,
                seed=planned.seed,
                experiment=desk.program.experiment or "",
                command=tuple(desk.program.command or ()),
                params=planned.params,
                fidelity=planned.fidelity,
                folder=str(folder),
                timeout=desk.wishes.timeout,
            )
            self._planned[job.id] = planned, job, attempt, earlier.id if earlier else None
            yield job

    def take(self, event: Any) -> Job:
        """Writes down one event and says which job it is about."""
        planned, job, attempt, lineage = self._planned[event.job_id]
        if isinstance(event, Started):
            self._begin(event, planned, attempt, lineage)
        elif isinstance(event, Ended):
            if event.job_id not in self._started:
                lost = Started(job_id=job.id, pid=0, process_start=0.0, host=socket.gethostname())
                self._begin(lost, planned, attempt, lineage)
            self._end(event, planned, job, attempt)
        return job

    def _begin(self, event: Started, planned: PlannedRun, attempt: int, lineage: str | None) -> None:
        desk, began = self.desk, self.desk.clock.seconds()
        where = planned.fingerprint, attempt
        desk.journal.update_work(
            *where,
            state="leased",
            pid=event.pid,
            process_start=event.process_start,
            host=event.host,
            heartbeat=began,
            started_at=began,
        )
        told = desk._catalog.described[planned.phase, planned.arm, planned.fidelity]
        run_id = desk.runs.start(desk.program, planned, told, self.parent, attempt, lineage, began)
        desk.journal.update_work(*where, state="started", mlflow_run=run_id)
        self._started[event.job_id] = run_id, began

    def _end(self, event: Ended, planned: PlannedRun, job: Job, attempt: int) -> None:
        desk = self.desk
        run_id, began = self._started[event.job_id]
        desk.runs.finish(run_id, Path(job.folder), event, began)
        desk.journal.update_work(
            planned.fingerprint, attempt, state="finished", outcome=event.outcome, seconds=event.seconds
        )
        shutil.rmtree(job.folder, ignore_errors=True)
        self.finished += 1


# --- what the journal says today ---------------------------------------------------------------


def exclusions_today(entries: Sequence[Entry]) -> list[Exclusion]:
    """The exclusions that stand: the last word on each run."""
    last: dict[str, Exclusion] = {}
    for entry in entries:
        if isinstance(entry.record, Exclusion):
            last[entry.record.run_id] = entry.record
    return [record for record in last.values() if not record.undone]


def kept_code(entries: Sequence[Entry], code: str) -> frozenset[str]:
    """Digests of earlier code that were declared equal to today's, through any number of steps."""
    accepted = {code}
    keeps = [e.record for e in entries if isinstance(e.record, Keep)]
    while True:
        more = {old for keep in keeps if keep.new in accepted for old in keep.old} - accepted
        if not more:
            return frozenset(accepted - {code})
        accepted |= more


def latest_step(entries: Sequence[Entry], phase: str, fidelity: str) -> tuple[str, str] | None:
    """(verdict id, decision id) recorded last for a phase at a fidelity, where MLflow holds both."""
    verdict = _last(entries, Verdict, phase, fidelity)
    found = [e for e in entries if isinstance(e.record, Decision) and _is_at(e.record, phase, fidelity)]
    followed = [e for e in found if isinstance(e.record, Decision) and e.record.action != "add_seeds"]
    followed = [e for e in followed if isinstance(e.record, Decision) and e.record.verdict_id]
    if verdict is None or not followed or not verdict.mirrored or not followed[-1].mirrored:
        return None
    return verdict.record.id, followed[-1].record.id


def _last(entries: Sequence[Entry], kind: type, phase: str, fidelity: str) -> Entry | None:
    found = [e for e in entries if isinstance(e.record, kind) and _is_at(e.record, phase, fidelity)]
    return found[-1] if found else None


def _is_at(record: Any, phase: str, fidelity: str) -> bool:
    return bool(record.phase == phase and record.fidelity == fidelity)


def _seen(entries: Sequence[Entry]) -> Mapping[str, list[tuple[str, frozenset[str]]]]:
    found: dict[str, list[tuple[str, frozenset[str]]]] = {}
    for entry in entries:
        if isinstance(entry.record, Verdict):
            record = entry.record
            found.setdefault(record.phase, []).append((record.rules_digest, frozenset(record.run_ids)))
    return found


def user_name() -> str:
    """Who is at the keyboard; ``unknown`` where the system does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _with_stamps(told: Description) -> str:
    stamps = {file: _stamp(Path(file)) for file in told.files}
    return json.dumps({**told.model_dump(mode="json"), "stamps": stamps})


def _stamp(path: Path) -> list[int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _decision_note(decision: Decision) -> str:
    from planner.memo.notes import decision_note

    return decision_note(decision)


def _person_note(record: Override | Revocation | Exclusion | Keep) -> str:
    from planner.memo.notes import person_note

    return person_note(record)
