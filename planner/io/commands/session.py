"""Joins stores, launcher and clock into what the loop asks of the world."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from experiments.watched import State

from planner.deciding.situation import Plan, PlanningState, Step
from planner.engine.loop import Launched, Recorded
from planner.engine.options import AdvanceOptions
from planner.engine.ports import Clock, Launcher, MemoStore, RecordStore, RunStore
from planner.errors import StoreUnavailable
from planner.evidence.failures import FailuresAlike
from planner.explaining.in_json import as_json
from planner.explaining.trace import Trace, trace_of
from planner.io.commands.situation import Situation, Sources, load_situation
from planner.io.journal.journal import Journal
from planner.io.journal.work import measured_in
from planner.io.leases.heartbeat import beating
from planner.io.leases.reaper import Reaper
from planner.io.sync.mirror import mirror, write_person
from planner.io.system.signals import Stopped, whole
from planner.io.workers.batch import Batch
from planner.io.workers.code_digest import Code
from planner.io.workers.descriptions import Describer
from planner.io.workers.repeat_probe import RepeatProbe
from planner.io.workers.silence import SilenceWatch, last_sign
from planner.io.workers.watched_files import WatchedFiles
from planner.judging.rules_digest import rules_of_every_phase
from planner.language.program import Program
from planner.lineage.in_force import (
    latest_step,
    opened_by,
    overrides_today,
    rules_before,
)
from planner.lineage.staleness import Validity, build_validity
from planner.memo.mlflow_notes import decision_note
from planner.paths import Home
from planner.records.decision import Decision
from planner.records.jobs import Event, Job
from planner.records.journal_entry import AnyEntry
from planner.records.person import Override
from planner.records.runs import PlannedRun
from planner.records.verdict import Verdict
from planner.scoring.overrides import score_overrides

MOST_CHANGES = 3
"""So often a command begins anew because a file changed while runs were at work; some change their own."""


MOST_REPEATS = 3
"""So often a command makes a run a second time whose worker somebody kills."""


@dataclass
class Session:
    """One program's work on one home.

    Args:
        code: digest of the experiment's code as it is now; empty where it is not at hand.
        notify: told (label, total) when runs begin, (job, event) for each event, None when they have
            ended, a line where an arm is given up, and every step that is written down.
        read_code: reads what measures, and lets the launcher run it; told whether to read modules anew, which
            stay as they were when the command began.

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
    options: AdvanceOptions = AdvanceOptions()
    notify: Callable[[Any], None] = lambda _: None
    read_code: Callable[[bool], Code] | None = None
    _situation: Situation = field(init=False)
    _tried: set[str] = field(default_factory=set)
    _repeated: dict[str, int] = field(default_factory=dict)
    _changes: int = 0
    _code_files: Mapping[str, State | None] = field(default_factory=dict)
    _modules_outdated: bool = False

    # --- what is known -------------------------------------------------------------------------

    def load_state(self) -> PlanningState:
        """Reads everything that is known."""
        self._read_code_again()
        describer = Describer(self.program, self.code, self.journal, self.launcher)
        sources = Sources(
            code=self.code,
            snapshot=lambda: self.runs.snapshot(self.program),
            journal=self.journal,
            clock=self.clock,
            describe=describer.describe,
            tried=frozenset(self._tried),
        )
        self._situation = load_situation(self.home, self.program, self.options, sources)
        return self._situation.state

    def _read_code_again(self) -> None:
        """Files may have been edited since: what runs now is what they hold now.

        Modules are read anew only where a run imported one that nobody had read.
        """
        if self.read_code is not None:
            code = self.read_code(self._modules_outdated)
            self.code, self._code_files, self._modules_outdated = code.digest, code.files, False

    # --- launch --------------------------------------------------------------------------------

    def launch(self, runs: tuple[PlannedRun, ...], decision: Decision, interim: Verdict | None) -> Launched:
        """Makes runs: decision, intent, lease, MLflow run, result, outcome, in this order of writing."""
        phase, fidelity = runs[0].phase, runs[0].fidelity
        self._tried |= {run.fingerprint for run in runs}
        with whole():
            self.journal.add(decision, self.clock.now())
            parent = self.records.phase_run(self.program, phase, fidelity)
            self._mirror_decision(decision, interim, parent)
        batch = Batch(
            home=self.home,
            program=self.program,
            journal=self.journal,
            runs=self.runs,
            clock=self.clock,
            run_selector=self._situation.run_selector,
            parent=parent,
            workers=self.launcher.workers,
            limits=self._situation.limits,
            watched=WatchedFiles(self._code_files),
        )
        self.notify((f"{self.program.program} / {phase} ({fidelity})", len(runs)))
        alike = FailuresAlike(self._situation.state.evidence_of(phase, fidelity))
        self._make(batch, self._until_two_fail_alike(batch.jobs(runs), alike), alike.take)
        self._say_given_up(batch)
        self._changes += bool(batch.outdated)
        self._modules_outdated = batch.imported_late
        stopped = f"{batch.outdated}, again and again" if self._changes >= MOST_CHANGES else ""
        return Launched(batch.finished, batch.stopped or stopped, bool(batch.outdated))

    def _make(
        self, made: Batch | RepeatProbe, jobs: Iterator[Job], *followers: Callable[[Job, Event], None]
    ) -> None:
        """Has jobs done and writes down what becomes of them; a signal ends them and says so."""
        silence = SilenceWatch(self.clock.seconds, last_sign, self.notify)
        try:
            with (
                beating(silence.look),
                beating(self._beat),
                closing(self.launcher.run(jobs)) as events,
            ):
                self._follow(made, events, (*followers, silence.take))
        except Stopped as stop:
            with whole():
                stop.marked = self.reaper().settle("killed", f"{stop.name} stopped its planner")
            raise
        finally:
            self.notify(None)

    def repeat_due(self) -> bool:
        """Whether a run is to be made a second time, and this command has not tried to."""
        due, limits = self._situation.due, self._situation.limits
        if due is None or self._repeated.get(due.planned.fingerprint, 0) >= MOST_REPEATS:
            return False
        return limits.stop_at is None or self.clock.seconds() < limits.stop_at

    def repeat(self) -> None:
        """Makes a run a second time: intent, lease, MLflow run, outcome, in this order of writing."""
        due, catalog = self._situation.due, self._situation.run_selector.catalog
        assert due is not None
        planned = due.planned
        tries = self._repeated.get(planned.fingerprint, 0)
        probe = RepeatProbe(
            home=self.home,
            program=self.program,
            journal=self.journal,
            runs=self.runs,
            clock=self.clock,
            due=due,
            description=catalog.described[planned.phase, planned.arm, planned.fidelity],
            limits=self._situation.limits,
            watched=WatchedFiles(self._code_files),
        )
        self.notify((f"{self.program.program} / {planned.phase} ({planned.fidelity}), made twice", 1))
        self._make(probe, probe.jobs())
        self._repeated[planned.fingerprint] = tries + 1 if probe.was_killed else MOST_REPEATS
        if probe.repeat is not None:
            self.notify(probe.repeat.text)

    def _say_given_up(self, batch: Batch) -> None:
        for arm in batch.given_up():
            ended = f"{arm.arm}: {arm.count} runs ended as {arm.outcome}"
            self.notify(f"{ended} and none well; no more of them are begun")

    def _beat(self) -> None:
        self.journal.beat(self.program.program, self.clock.seconds())

    def _until_two_fail_alike(self, jobs: Iterator[Job], alike: FailuresAlike) -> Iterator[Job]:
        """The jobs of a batch, as long as no two arms have failed in the same way."""
        while self.options.keep_going or not alike.befell_two_arms:
            if (job := next(jobs, None)) is None:
                return
            yield job

    def _follow(
        self,
        batch: Batch | RepeatProbe,
        events: Iterable[Event],
        followers: Sequence[Callable[[Job, Event], None]],
    ) -> None:
        """Writes down what happens to a batch.

        Args:
            followers: are shown each event, too.

        Raises:
            StoreUnavailable: what happened could not be written down. What was at work has come to its end
                first: its results lie in their folders, and the next ``advance`` adopts them.
        """
        trouble: StoreUnavailable | None = None
        for event in events:
            if trouble is None:
                try:
                    with whole():
                        batch.take(event)
                except StoreUnavailable as error:
                    trouble = error
                    batch.stop("what happens cannot be written down")
            job = batch.job_of(event)
            for follow in followers:
                follow(job, event)
            self.notify((job, event))
        if trouble is not None:
            raise trouble

    def reaper(self) -> Reaper:
        """What settles runs that were cut off."""
        return Reaper(self.home, self.program, self.journal, self.runs, self.records, self.clock)

    # --- record --------------------------------------------------------------------------------

    def is_recorded(self, step: Step) -> bool:
        """Whether verdict and decision of a step are the last word, in MLflow too, and its memo is written.

        A step that was cut off before its memo, and stood no more when it was mirrored, has none.
        """
        verdict, entries = step.verdict, self.journal.entries(self.program.program)
        if latest_step(entries, verdict.phase, verdict.fidelity) != (verdict.id, step.decision.id):
            return False
        page = self.records.held(self.program).get(verdict.id, "")
        return self.memos.has(verdict) or self.records.memo(page) is not None

    def record(self, step: Step, plan: Plan, launched: int) -> Recorded:
        """Writes a step down: journal first, then memo, then MLflow."""
        with whole():
            return self._record(step, plan, launched)

    def _record(self, step: Step, plan: Plan, launched: int) -> Recorded:
        verdict, decision, now = step.verdict, step.decision, self.clock.now()
        before = self._entry(verdict.id)
        self.journal.add(self._with_rules_there(verdict, before), now)
        self.journal.add(decision, now)
        upto = plan.steps[: plan.steps.index(step) + 1]
        memo, page = self._write_memo(step, upto, before.written_at if before else now)
        self._refresh_superseded(step, plan.steps)
        self._mirror_decision(decision, verdict, page)  # last: the step counts as recorded from here on
        done = Recorded(
            phase=verdict.phase,
            action=decision.action,
            outcome=verdict.outcome,
            confidence=verdict.confidence,
            tier=verdict.tier,
            case=verdict.case,
            memo=memo,
            decision_id=decision.id,
            runs_launched=launched,
            runs_reused=max(len(verdict.run_ids) - launched, 0),
            judged=before is None or not before.mirrored,
        )
        self.notify(done)
        return done

    def _with_rules_there(self, verdict: Verdict, before: AnyEntry | None) -> Verdict:
        """A verdict that stands again keeps the rules that were there when it first showed its runs."""
        first = before.record if before is not None else None
        there = first.rules_there if isinstance(first, Verdict) else rules_of_every_phase(self.program)
        return verdict.model_copy(update={"rules_there": there}) if there is not None else verdict

    def _write_memo(self, step: Step, steps: tuple[Step, ...], judged_at: str) -> tuple[str, str]:
        """Writes the memo of a step as it stands among these steps; gives its path and its page."""
        verdict, entry = step.verdict, self._entry(step.decision.id)
        trace = self._trace(step, steps, entry.written_at if entry else judged_at)
        evidence = self._situation.state.evidence_of(verdict.phase, verdict.fidelity)
        memo = self.memos.write(trace, evidence, judged_at)
        page = mirror(self.journal, self.records, self.program, verdict.id, self._close_phase)
        text = memo.path.read_text(encoding="utf-8")
        self.records.write_memo(page, text, memo.note, memo.figures, as_json(trace))
        return str(memo.path), page

    def _close_phase(self, entry: AnyEntry) -> str:
        verdict = entry.record
        assert isinstance(verdict, Verdict)
        page = self.records.phase_run(self.program, verdict.phase, verdict.fidelity)
        self.records.write_verdict(page, verdict, entry.written_at)
        return page

    def _mirror_decision(self, decision: Decision, verdict: Verdict | None, parent: str) -> None:
        def write(entry: AnyEntry) -> str:
            note = decision_note(decision)
            return self.records.write_decision(decision, verdict, parent, note, entry.written_at)

        mirror(self.journal, self.records, self.program, decision.id, write)

    def _entry(self, record_id: str) -> AnyEntry | None:
        """Where the journal holds a record last."""
        entries = self.journal.entries(self.program.program)
        return next((e for e in reversed(entries) if e.record.id == record_id), None)

    def _trace(self, step: Step, steps: tuple[Step, ...], decided_at: str) -> Trace:
        entries = self.journal.entries(self.program.program)
        return trace_of(
            program=self.program,
            phase=step.verdict.phase,
            verdict=step.verdict,
            decision=step.decision,
            verdicts={s.verdict.phase: s.verdict for s in steps},
            overrides=overrides_today(entries, self.clock.now()),
            validity=self._validity(steps),
            decided_at=decided_at,
            scores=score_overrides(self.program, entries),
            decisions={s.verdict.phase: s.decision for s in steps},
            before=rules_before(entries, step.verdict),
            checks=measured_in(self.journal.work(self.program.program)),
            repeats=self.journal.repeats(self.program.program),
        )

    def _validity(self, steps: tuple[Step, ...]) -> Validity:
        verdicts = {s.verdict.phase: s.verdict for s in steps}
        return build_validity(self.program, verdicts, opened_by=opened_by(steps))

    def _refresh_superseded(self, step: Step, steps: tuple[Step, ...]) -> None:
        """Writes the memo of a verdict that this one supersedes again, so that it says so."""
        rule = self.program.phases[step.verdict.phase].supersedes
        loser = next((s for s in steps if rule and s.verdict.phase == rule.phase), None)
        if loser and self._validity(steps).superseded_by.get(loser.verdict.phase) == step.verdict.phase:
            entry = self._entry(loser.verdict.id)
            self._write_memo(loser, steps, entry.written_at if entry else self.clock.now())

    # --- people --------------------------------------------------------------------------------

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
        with whole():
            write_person(self.journal, self.records, self.program, override)


def user_name() -> str:
    """Who is at the keyboard; ``unknown`` where the system does not say."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
