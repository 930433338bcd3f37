"""What is known of a program at one moment: read alike by ``advance``, a dry run, a what-if and ``check``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from planner.deciding.situation import PlanningState
from planner.engine.options import AdvanceOptions
from planner.engine.ports import Clock
from planner.evidence.repeats import DueRepeat, due_repeat
from planner.evidence.run_selection import Catalog, RunSelector, Snapshot, spent_by
from planner.io.journal.journal import Journal
from planner.io.mlflow.client import has_store
from planner.io.store.evidence_sources import runs_in_sources
from planner.io.system.clock import SystemClock
from planner.io.workers.descriptions import Describer, Place
from planner.io.workers.launcher import LocalLauncher, workers
from planner.io.workers.limits import Limits
from planner.io.workers.program_code import code_at_hand
from planner.judging.earlier_rules import recorded_earlier
from planner.language.program import Program
from planner.lineage.in_force import exclusions_today, kept_code, past_looks, retries_asked, runs_seen
from planner.lineage.lost_runs import lost_grounds
from planner.lineage.program_state import build_program_state
from planner.paths import Home
from planner.records.decision import Decision
from planner.records.jobs import Description
from planner.records.journal_entry import AnyEntry, entries_of
from planner.records.verdict import Verdict

_NO_LIMIT = 1_000_000


@dataclass(frozen=True)
class Sources:
    """Where everything that is known of a program is read.

    Attributes:
        code: digest of the experiment's code as it is now; empty where it is not at hand.
        snapshot: reads every run of the program.
        describe: (fidelity asked for) -> what the experiment says of each configuration.
        tried: fingerprints of the runs that this command has made; what failed in others for a reason
            outside of the experiment is tried again.
    """

    code: str
    snapshot: Callable[[], Snapshot]
    journal: Journal
    clock: Clock
    describe: Callable[[str | None], Mapping[Place, Description]]
    tried: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Situation:
    """A program at one moment.

    Attributes:
        state: everything that a decision may depend on.
        run_selector: which runs count, among all that there are.
        limits: when no more runs are begun.
        due: the run that is to be made a second time; None where none is.
    """

    state: PlanningState
    run_selector: RunSelector
    limits: Limits
    due: DueRepeat | None = None


def load_situation(
    home: Home, program: Program, options: AdvanceOptions, sources: Sources | None = None
) -> Situation:
    """Reads everything that is known of a program.

    Args:
        sources: where it is read; None reads the home and leaves it as it is.

    Raises:
        StoreUnavailable: MLflow or the journal cannot be read.
        ProgramError: the experiment is not there, or refuses a parameter.

    Side effects: may start a worker that describes configurations.
    """
    options = options.of(program)
    if sources is not None:
        return _read(program, options, sources)
    with _reading_only(home, program, options) as read_only:
        return _read(program, options, read_only)


def _read(program: Program, options: AdvanceOptions, sources: Sources) -> Situation:
    entries = sources.journal.entries(program.program)
    snapshot = sources.snapshot()
    accepted = kept_code(entries, sources.code)
    at_fidelity, now = _at_fidelity(program, options.fidelity, entries), sources.clock.now()
    today = build_program_state(program, at_fidelity, now, sources.code or None, accepted)
    mended = [o.phase for o in today.overrides if o.done is not None]
    catalog = _catalog(sources, options, snapshot, accepted)
    again = frozenset(
        run.id
        for run in snapshot.finished
        if run.own and run.outcome == "environment" and run.fingerprint not in sources.tried
    )
    selector = RunSelector(
        program, snapshot, catalog, exclusions_today(entries), mended, again, retries_asked(entries)
    )
    (runs, seconds), budget = spent_by(snapshot.finished), program.budget
    seconds_left = None if budget.seconds is None else budget.seconds - seconds
    affordable = _NO_LIMIT if budget.runs is None else max(budget.runs - runs, 0)
    state = PlanningState(
        program=program,
        evidence_of=selector.evidence_of,
        missing=selector.missing,
        fidelity=options.fidelity,
        overrides=today.overrides,
        no_run=options.no_run,
        keep_going=options.keep_going,
        affordable=0 if seconds_left is not None and seconds_left <= 0 else affordable,
        seen=runs_seen(program, entries),
        past_looks=past_looks(entries),
        recorded_earlier=recorded_earlier(e.record for e in entries_of(entries, Verdict)),
        stale={**lost_grounds(selector, today.verdicts), **today.validity.stale},
        judged=frozenset(today.verdicts),
    )
    limits = Limits(options.deadline, seconds_left, budget.run_seconds)
    due = None if options.no_run else due_repeat(program, snapshot, catalog)
    return Situation(state, selector, limits, due)


def _at_fidelity(program: Program, fidelity: str | None, entries: Sequence[AnyEntry]) -> list[AnyEntry]:
    """The entries, without verdicts and decisions at another fidelity than the one asked for."""
    rungs = {name: fidelity or phase.fidelity for name, phase in program.phases.items()}
    return [
        e
        for e in entries
        if not isinstance(e.record, Verdict | Decision) or e.record.fidelity == rungs.get(e.record.phase)
    ]


def _catalog(
    sources: Sources, options: AdvanceOptions, snapshot: Snapshot, accepted: frozenset[str]
) -> Catalog:
    if options.no_run and not any(run.own for run in snapshot.finished):
        return Catalog()  # nothing of ours to recognise, so the experiment need not be there
    return Catalog(sources.code, accepted, sources.describe(options.fidelity))


class _ReadOnlyJournal(Journal):
    """A journal that forgets what it is told, so that reading leaves no trace."""

    def note_described(self, descriptions: dict[str, str]) -> None:
        """Keeps nothing."""


@contextmanager
def _reading_only(home: Home, program: Program, options: AdvanceOptions) -> Iterator[Sources]:
    """What a home holds; workers write to a temporary folder."""
    code = code_at_hand(home, program, needed=not options.no_run).digest
    journal = _ReadOnlyJournal(home.journal)
    with tempfile.TemporaryDirectory() as scratch:
        launcher = LocalLauncher(home.root, workers(options.jobs), Path(scratch))
        try:
            yield Sources(
                code=code,
                snapshot=lambda: _snapshot(home, program),
                journal=journal,
                clock=SystemClock(),
                describe=Describer(program, code, journal, launcher).describe,
            )
        finally:
            launcher.close()


def _snapshot(home: Home, program: Program) -> Snapshot:
    if not has_store(home):
        return Snapshot(tuple(runs_in_sources(home, program)))
    from planner.io.store.run_store import MlflowRuns

    return MlflowRuns(home).snapshot(program)
