"""Two lives of one scripted world: one is killed and goes on, its twin is never disturbed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from planner.errors import ProgramBusy, StoreUnavailable
from planner.io.journal.journal import Journal
from planner.io.leases.program_lock import program_lock
from planner.io.sync.sync import import_records
from planner.language.program import Program, build
from planner.lineage.in_force import overrides_today
from planner.paths import Home
from planner.records.person import Override
from tests.support.worlds import Crash, Measured, World, steady

MEANS = {"base": 0.0, "new": -1.0, "other": 1.0, "last": -1.0, "more": 3.0}
FLAKY = {("other", 1), ("base", 2)}
"""Runs that are killed on their first try, by nobody that the planner knows of."""
OPTIONS = {"turn": "second", "repeat": "third", "more": "fourth"}
MEASURE = steady({arm: {"score": value} for arm, value in MEANS.items()})


def program_of(threshold: float = 0.5, longer: bool = False) -> Program:
    """``first`` fails; triage opens ``second``, which passes below a threshold of 1, then ``third``.

    Args:
        longer: there is a ``fourth`` phase, as the last option.
    """
    arms = {"second": "other", "third": "last", **({"fourth": "more"} if longer else {})}
    higher = {"metric": "score", "arm": "new", "versus": "base", "at_least": threshold}
    options = [
        {"option": option, "rationale": "why not", "opens": phase, "expects": ["higher"]}
        for option, phase in OPTIONS.items()
        if phase in arms
    ]
    first = {"arms": ["base", "new"], "criteria": {"higher": higher}, "gate": ["higher"]}
    others = {
        name: {"question": "Or so?", "factor": "kind", "same_as": "first", "swap": {"new": arm}}
        for name, arm in arms.items()
    }
    return build(
        {
            "program": "small",
            "question": "Is it higher?",
            "experiment": "made_up",
            "probe": "off",  # kills at it have a test of their own (test_repeat_probe.py)
            "metrics": {"score": {"unit": "points", "better": "higher"}},
            "arms": {name: {"kind": name} for name in MEANS if longer or name != "more"},
            "phases": {
                "first": {"question": "Higher?", "factor": "kind", **first, "triage": {"options": options}},
                **others,
            },
            "budget": {"seeds_per_arm": 6},
        }
    )


@dataclass
class Life:
    """A world whose runs keep account of themselves.

    Attributes:
        script: what each arm measures with each seed.
        flaky: runs that are killed on their first try, by nobody that the planner knows of.
        again: runs that were begun although a finished run of the same arm and seed was there.
        within: called in the middle of every run.
    """

    folder: Path
    program: Program = field(default_factory=lambda: program_of())
    script: Callable[[str, int], Measured] = MEASURE
    flaky: Collection[tuple[str, int]] = frozenset(FLAKY)
    again: list[tuple[str, int]] = field(default_factory=list)
    within: Callable[[], None] = lambda: None
    tries: Counter[tuple[str, int]] = field(default_factory=Counter)
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.folder, self.program, self.measure)

    def measure(self, arm: str, seed: int) -> Measured:
        """What a run measures; the flaky ones are killed the first time."""
        if any((r.arm, r.seed) == (arm, seed) for r in self.finished):
            self.again.append((arm, seed))
        self.within()
        self.tries[arm, seed] += 1
        return (
            "killed" if (arm, seed) in self.flaky and self.tries[arm, seed] == 1 else self.script(arm, seed)
        )

    @property
    def finished(self) -> list[Any]:
        """The runs that measured what they should."""
        return [run for run in self.world.runs.finished.values() if run.outcome == "ok"]

    def advance(self, every: bool, crash_at: int | None = None) -> bool:
        """One advance under the program's lock; whether it came to its end."""

        def crash(step: int) -> None:
            if crash_at is not None and step >= crash_at:  # the dead do nothing more
                raise Crash

        return self._advance(every, crash)

    def advance_and_lose_the_journal(self, at: int) -> bool:
        """One advance, which loses the journal in its midst; whether it came to its end all the same."""

        def remove(step: int) -> None:
            if step == at:
                self._remove_journal()

        done = self._advance(True, remove)
        if not self.world.journal.path.exists():
            self.delete_journal()
        return done

    def _advance(self, every: bool, disturb: Callable[[int], None]) -> bool:
        steps = itertools.count()
        self.world.fail = lambda _: disturb(next(steps))
        try:
            with program_lock(Home(self.folder), "small", "now"):
                self.world.advance(every=every)
        except (Crash, StoreUnavailable):
            return False
        finally:
            self.world.fail = lambda _: None
        return True

    def _remove_journal(self) -> None:
        for file in self.world.journal.path.parent.glob("journal.db*"):
            file.unlink()

    def edit(self, program: Program) -> None:
        """The program's file has changed."""
        self.world.program = program

    def delete_journal(self) -> None:
        """The journal is gone, and is rebuilt from the record store."""
        world = self.world
        self._remove_journal()
        world.journal = Journal(world.journal.path, durable=False)
        import_records(world.journal, world.records, world.runs, world.program)

    def written(self) -> tuple[Any, ...]:
        """How much is written down anywhere."""
        world = self.world
        states = [(w.fingerprint, w.attempt, w.state) for w in world.journal.work("small")]
        return (
            world.ids(),
            states,
            len(world.records.places),
            len(world.runs.finished),
            set(world.runs.unfinished),
        )

    def chosen(self) -> dict[str, str]:
        """Phase -> the option that a person chose there and has not taken back."""
        entries = self.world.journal.entries("small")
        return {o.phase: o.choose or "" for o in overrides_today(entries, self.world.clock.now())}

    def story(self) -> list[Any]:
        """Where the program stands, without what a store happened to call things."""
        at = self.world.at
        events = []
        for phase in at.path:
            if phase in at.verdicts:
                v, d = at.verdicts[phase], at.decisions[phase]
                values = [(row.arm, row.metric, row.estimate.values) for row in v.table]
                concluded = v.outcome, v.confidence, v.cause, v.seeds, v.post_hoc
                events.append((phase, *concluded, values, d.action, d.choice, str(d.rule), d.recommended))
        return events


@contextmanager
def trying_to_advance(life: Life, other: Callable[[], bool]) -> Iterator[list[str]]:
    """In the middle of every run somebody else tries to advance the program; gives what was wrong with it."""
    wrong: list[str] = []

    def attempt() -> None:
        before = life.written()
        try:
            other()
            wrong.append("a second advance was let in")
        except ProgramBusy:
            if life.written() != before:
                wrong.append("a second advance that was refused wrote something")

    life.within = attempt
    try:
        yield wrong
    finally:
        life.within = lambda: None


def choose(life: Life, phase: str, option: str) -> Override:
    """A person chooses an option."""
    return life.world.say(phase, choose=option)
