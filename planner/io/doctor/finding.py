"""What the doctor finds, and what it knows of the home while it looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from planner.io.journal.journal import Journal
from planner.io.store.record_store import MlflowRecords
from planner.io.store.run_store import MlflowRuns
from planner.language.program import Program
from planner.paths import Home


@dataclass(frozen=True)
class HealthFinding:
    """One thing that is wrong.

    Attributes:
        id: of the sort of thing, as ``docs/troubles.md`` lists them.
        about: the file, run, record or program.
        what: a sentence that says what is wrong.
        mend: what mends it.
        program: whose lock a repair needs; empty where it needs those of all.
        repair: mends it and says in a sentence what was done; None where a person has to.
        warning: nothing is wrong yet, or the next ``advance`` mends it by itself.
        done: what the repair did; None where there was none.
    """

    id: str
    about: str
    what: str
    mend: str
    program: str = ""
    repair: Callable[[], str] | None = None
    warning: bool = False
    done: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same finding when it is looked for again."""
        return self.id, self.about


@dataclass
class HomeUnderCheck:
    """A home under examination.

    Attributes:
        programs: those that load.
        busy: programs that another process is advancing now; they are left alone.
        journal_sound: whether the journal can be read.
        runs, records: MLflow; None where it cannot be read or nothing was ever written to it.
    """

    home: Home
    programs: Sequence[Program] = ()
    busy: frozenset[str] = frozenset()
    journal_sound: bool = True
    runs: MlflowRuns | None = None
    records: MlflowRecords | None = None
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.home.journal)

    @property
    def idle(self) -> Sequence[Program]:
        """The programs that nobody is advancing."""
        return [program for program in self.programs if program.program not in self.busy]
