"""What the loop needs of the world, as protocols; ``planner/io`` has the real parts and their twins."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from planner.evidence.evidence import Evidence
from planner.evidence.repeats import DueRepeat
from planner.evidence.run_selection import Snapshot
from planner.language.program import Program
from planner.records.decision import Decision
from planner.records.jobs import Description, Ended, Event, Job
from planner.records.journal_entry import Copy
from planner.records.person import PersonRecord
from planner.records.repeats import Repeat
from planner.records.runs import PlannedRun, RunOutcome, UnfinishedRun
from planner.records.verdict import Verdict

if TYPE_CHECKING:  # explaining is more than a command needs that only reads where a program stands
    from planner.explaining.trace import Trace


class Launcher(Protocol):
    """Runs jobs in workers.

    Attributes:
        workers: how many there may be.
    """

    workers: int

    def describe(self, experiment: str, wanted: Sequence[tuple[dict[str, Any], str]]) -> list[Description]:
        """What an experiment says of each (params, fidelity).

        Raises:
            ProgramError: the experiment is not there, or refuses a parameter (named).
        """
        ...

    def run(self, jobs: Iterable[Job]) -> Generator[Event, None, None]:
        """Runs jobs side by side and yields what happens, each job ending in exactly one ``Ended``.

        Jobs are taken from the iterable only as workers become free, so a caller can stop giving
        them; a job that says so is taken with those that train with it. Closing the generator ends the
        workers and what they run.
        """
        ...

    def close(self) -> None:
        """Ends the workers."""
        ...


class EndedRun(NamedTuple):
    """A run that has ended; ``run_id`` is its name in the store."""

    fingerprint: str
    attempt: int
    run_id: str
    outcome: str
    seconds: float
    checked: bool = False


class WrittenMemo(NamedTuple):
    """A memo that was written.

    Attributes:
        note: its text for a page without pictures.
    """

    path: Path
    note: str
    figures: Sequence[Path]


class RunStore(Protocol):
    """Runs: which there are, and how one is written down.

    Raises:
        StoreUnavailable: from every method, where the store cannot be reached or read.
    """

    def snapshot(self, program: Program, stepped: Collection[str] = ()) -> Snapshot:
        """Every run of a program, finished and unfinished apart.

        Args:
            stepped: metrics of which every step is wanted, besides those that the program asks for.
        """
        ...

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
        ...

    def variables(self, program: Program, run_id: str) -> Mapping[str, str]:
        """The variables by which what runs there finds its own record."""
        ...

    def finish(self, run_id: str, folder: Path, ended: Ended, started_at: float) -> Ended:
        """Writes down what a run left in its folder; its outcome comes last.

        Returns:
            How it ended, with what it logged by itself looked at.
        """
        ...

    def start_repeat(
        self, program: Program, due: DueRepeat, description: Description, started_at: float
    ) -> str:
        """Makes the record of a run that is made a second time, which is no evidence; returns its id."""
        ...

    def finish_repeat(
        self, program: Program, run_id: str, due: DueRepeat, folder: Path, ended: Ended, started_at: float
    ) -> Repeat:
        """Writes down what a second time left in its folder, and how far it is from the first."""
        ...

    def abandon(self, run_id: str, outcome: RunOutcome, reason: str, output: str = "") -> bool:
        """Ends a run that was cut off from outside; its attempt is not counted.

        Args:
            reason: a sentence about why.
            output: what it had printed.

        Returns:
            Whether it is this home's to end; nothing is changed where it is not.
        """
        ...

    def in_progress(self, program: Program) -> list[UnfinishedRun]:
        """The runs that this home began and nobody has finished, in order of their start.

        In a store that nobody shares that is every one; in another a machine of others may be at work.
        """
        ...

    def end_orphans(self, program: Program) -> list[EndedRun]:
        """Ends the runs in progress, and the phases."""
        ...


class RecordStore(Protocol):
    """Verdicts, decisions and overrides where people browse them."""

    def copies(self, program: Program) -> Iterator[Copy]:
        """Every record as it lies there, altered or not.

        In the order in which they became the last word, and as often as they did.
        """
        ...

    def memo(self, page: str) -> str | None:
        """The memo on the page of a phase; None where there is none."""
        ...

    def held(self, program: Program) -> Mapping[str, str]:
        """Record id -> place."""
        ...

    def stood(self, page: str, at: str, position: int) -> None:
        """Notes that a record became the last word then.

        Args:
            position: its place in the journal, which orders what happened in one second.
        """
        ...

    def phase_run(self, program: Program, phase: str, fidelity: str) -> str:
        """The place of the open attempt at a phase; made if none is open."""
        ...

    def write_verdict(self, page: str, verdict: Verdict, at: str) -> None:
        """Closes an attempt at a phase with its verdict."""
        ...

    def write_memo(
        self, page: str, text: str, note: str, figures: Sequence[Path], explain: Mapping[str, Any]
    ) -> None:
        """Puts a memo on the page of a phase."""
        ...

    def write_decision(
        self, decision: Decision, verdict: Verdict | None, parent: str, note: str, at: str
    ) -> str:
        """Writes a decision down and returns its place."""
        ...

    def write_person(self, record: PersonRecord, parent: str | None, note: str, at: str) -> str:
        """Writes down what a person did and returns its place."""
        ...


class MemoStore(Protocol):
    """Memos and their figures as files."""

    def write(self, trace: Trace, evidence: Evidence | None, at: str) -> WrittenMemo:
        """Writes the memo of a trace."""
        ...

    def has(self, verdict: Verdict) -> bool:
        """Whether there is a memo of the verdict's phase at its fidelity."""
        ...


class Clock(Protocol):
    """The time."""

    def now(self) -> str:
        """ISO 8601 in UTC, to the second."""
        ...

    def seconds(self) -> float:
        """Seconds since the epoch."""
        ...
