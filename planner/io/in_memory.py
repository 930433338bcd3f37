"""In-memory twins of the MLflow stores, for tests: they keep the same promises."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from experiments.contract import artifact_names
from experiments.recording import read_metrics

from planner.engine.ports import EndedRun
from planner.evidence.metric_names import under_own_names
from planner.evidence.repeats import NO_ANSWER, DueRepeat, latest_of_each, repeat_of
from planner.evidence.run_selection import Snapshot
from planner.io.mlflow.run_reader import device_of, param_text
from planner.io.store.repeat_runs import second_run
from planner.language.program import Program
from planner.records.decision import Decision
from planner.records.jobs import Description, Ended
from planner.records.journal_entry import Copy, Stand, body_of, in_order, kind_of
from planner.records.person import AnyRecord, PersonRecord
from planner.records.repeats import Repeat
from planner.records.runs import PlannedRun, Run, RunOutcome, UnfinishedRun
from planner.records.verdict import Verdict


@dataclass
class MemoryRuns:
    """Runs in a dictionary; ``finished`` may be filled beforehand with runs that others logged.

    Example:
        >>> from planner.testing import example_program
        >>> MemoryRuns().snapshot(example_program()).finished
        ()
    """

    finished: dict[str, Run] = field(default_factory=dict)
    unfinished: dict[str, UnfinishedRun] = field(default_factory=dict)
    repeats: list[Repeat] = field(default_factory=list)
    _begun: dict[str, Run] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def snapshot(self, program: Program, stepped: Collection[str] = ()) -> Snapshot:
        """Every run, finished and unfinished apart."""
        repeats = latest_of_each(repeat for repeat in self.repeats if repeat.outcome not in NO_ANSWER)
        finished = tuple(under_own_names(program, run) for run in self.finished.values())
        return Snapshot(finished, tuple(self.unfinished.values()), repeats)

    def start(
        self,
        program: Program,
        planned: PlannedRun,
        description: Description,
        phase_run: str,
        attempt: int,
        lineage: str | None,
        started_at: float,
    ) -> str:
        """Makes the record of a run that has begun and returns its id."""
        run_id = f"run-{next(self._numbers)}"
        labels: dict[str, Any] = {"phase": planned.phase, "arm": planned.arm, "seed": planned.seed}
        labels |= {"attempt": attempt, "checked": True}
        self.unfinished[run_id] = UnfinishedRun(
            id=run_id, fingerprint=planned.fingerprint, began=started_at, **labels
        )
        self._begun[run_id] = Run(
            id=run_id,
            fidelity=planned.fidelity,
            params={k: param_text(v) for k, v in planned.params.items()},
            fingerprint=planned.fingerprint,
            data_digest=planned.data_digest,
            code_digest=planned.code_digest,
            overlap=description.overlap,
            probed=program.probes,
            **labels,
        )
        return run_id

    def variables(self, program: Program, run_id: str) -> Mapping[str, str]:
        """None: nothing outside finds its record here."""
        return {}

    def finish(self, run_id: str, folder: Path, ended: Ended, started_at: float) -> Ended:
        """Writes down what a run left in its folder."""
        series: dict[str, dict[int, float]] = {}
        for name, step, value in read_metrics(folder):
            series.setdefault(name, {})[step or 0] = value
        ordered = {name: tuple(sorted(values.items())) for name, values in series.items()}
        self.finished[run_id] = self._begun[run_id].model_copy(
            update={
                "outcome": ended.outcome,
                "reason": ended.cause,
                "versions": ended.versions,
                "raised_at": ended.raised_at,
                "seconds": ended.seconds,
                "device": device_of(ended.device, self._begun[run_id].params),
                "metrics": {name: values[-1][1] for name, values in ordered.items()},
                "series": ordered,
                "artifacts": tuple(artifact_names(folder)),
            }
        )
        self.unfinished.pop(run_id, None)
        return ended

    def start_repeat(
        self, program: Program, due: DueRepeat, description: Description, started_at: float
    ) -> str:
        """Begins a second time, of which nothing is kept until it has ended; returns its id."""
        return f"probe-{due.first.id}"

    def finish_repeat(
        self, program: Program, run_id: str, due: DueRepeat, folder: Path, ended: Ended, started_at: float
    ) -> Repeat:
        """Keeps what a second time says of the first."""
        again = second_run(program, due.first, run_id, folder, ended)
        repeat = repeat_of(program, due.first, again, due.together)
        self.repeats.append(repeat)
        return repeat

    def abandon(self, run_id: str, outcome: RunOutcome, reason: str, output: str = "") -> bool:
        """Ends a run that was cut off from outside; its attempt is not counted."""
        if run_id in self.finished or run_id.startswith("probe-"):
            return True
        begun = self._begun[run_id]
        changes = {"outcome": outcome, "attempt": begun.attempt - 1}
        self.finished[run_id] = begun.model_copy(update=changes)
        self.unfinished.pop(run_id, None)
        return True

    def in_progress(self, program: Program) -> list[UnfinishedRun]:
        """Our own runs that were begun and never finished."""
        return [run for run in self.unfinished.values() if run.fingerprint is not None]

    def end_orphans(self, program: Program) -> list[EndedRun]:
        """Ends our own runs that were begun and never finished."""
        ended: list[EndedRun] = []
        for run in self.in_progress(program):
            self.abandon(run.id, "lost", "its planner ended")
            attempt = self.finished[run.id].attempt
            ended.append(EndedRun(run.fingerprint or "", attempt, run.id, "lost", 0.0))
        return ended


@dataclass
class MemoryRecords:
    """Records in a dictionary, by place.

    Example:
        >>> from planner.testing import example_program
        >>> MemoryRecords().phase_run(example_program(), "first_look", "standard")
        'phase-1'
    """

    places: dict[str, tuple[AnyRecord, str]] = field(default_factory=dict)
    memos: dict[str, str] = field(default_factory=dict)
    parents: dict[str, str | None] = field(default_factory=dict)
    stands: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    _open: dict[tuple[str, str, str], str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def copies(self, program: Program) -> Iterator[Copy]:
        """Every record held, in the order in which they became the last word."""
        stands = [
            Stand(position, at, kind_of(record), page)
            for page, (record, first) in self.places.items()
            if record.program == program.program
            for at, position in self.stands.get(page, [(first, 0)])
        ]
        for position, at, kind, page in in_order(stands):
            record = self.places[page][0]
            yield Copy(record.id, kind, body_of(record), at, position, page)

    def memo(self, page: str) -> str | None:
        """The memo on a phase's page; None where there is none."""
        return self.memos.get(page)

    def stood(self, page: str, at: str, position: int) -> None:
        """Notes that a record became the last word then."""
        if (at, position) not in self.stands.setdefault(page, []):
            self.stands[page].append((at, position))

    def held(self, program: Program) -> Mapping[str, str]:
        """Record id -> place."""
        return {r.id: page for page, (r, _) in self.places.items() if r.program == program.program}

    def phase_run(self, program: Program, phase: str, fidelity: str) -> str:
        """The place of the open attempt at a phase."""
        key = program.program, phase, fidelity
        if key not in self._open:
            self._open[key] = f"phase-{next(self._numbers)}"
        return self._open[key]

    def write_verdict(self, page: str, verdict: Verdict, at: str) -> None:
        """Closes an attempt at a phase with its verdict."""
        self.places[page] = verdict, at
        self._open = {key: held for key, held in self._open.items() if held != page}

    def write_memo(
        self, page: str, text: str, note: str, figures: Sequence[Path], explain: Mapping[str, Any]
    ) -> None:
        """Puts a memo on the page of a phase."""
        self.memos[page] = text

    def write_decision(
        self, decision: Decision, verdict: Verdict | None, parent: str, note: str, at: str
    ) -> str:
        """Writes a decision down and returns its place."""
        return self._put(decision, parent, at)

    def write_person(self, record: PersonRecord, parent: str | None, note: str, at: str) -> str:
        """Writes down what a person did and returns its place."""
        return self._put(record, parent, at)

    def _put(self, record: AnyRecord, parent: str | None, at: str) -> str:
        page = f"record-{next(self._numbers)}"
        self.places[page] = record, at
        self.parents[page] = parent
        return page
