"""Whatever people and crashes do to a program, it comes to stand where an undisturbed one stands."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from planner.records.person import Override
from tests.promises.crashes.twin_worlds import (
    FLAKY,
    MEANS,
    OPTIONS,
    Life,
    choose,
    program_of,
    trying_to_advance,
)
from tests.support.rotation import a_share_of

ARM_OF = {"first": "new", "second": "other", "third": "last", "fourth": "more"}
MOST_EXCLUDED = 2
"""So that the seeds that a program may use are never all spent."""


class Disturbed(RuleBasedStateMachine):
    """A life with crashes beside one without, and what must hold of both.

    Attributes:
        whole: the last advance came to its end, so that both stand at the same place.
        strayed: people spoke while it was not whole, so that the twin may have made more runs.
        chosen: the options that people chose, phase by phase.
    """

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.life, self.twin = (Life(Path(self.folder.name) / name) for name in ("life", "twin"))
        self.whole, self.strayed = True, False
        self.chosen: dict[str, tuple[str, Override, Override]] = {}
        self.excluded: list[tuple[str, int]] = []
        self.threshold, self.longer = 0.5, False
        self.ever_finished: Counter[str] = Counter()
        self.crashes = 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()

    # --- advancing and dying -------------------------------------------------------------------

    @rule(crash_at=st.one_of(st.none(), st.integers(0, 400)))
    def advance_all(self, crash_at: int | None) -> None:
        self.twin.advance(True)
        self.whole = self.life.advance(True, crash_at)
        self.crashes += not self.whole

    @precondition(lambda self: self.whole)
    @rule(crash_at=st.one_of(st.none(), st.integers(0, 150)))
    def advance_one_step(self, crash_at: int | None) -> None:
        self.twin.advance(False)
        self.whole = self.life.advance(False, crash_at)
        self.crashes += not self.whole
        if not self.whole and self.life.story() == self.twin.story():
            self.complete()  # the step was there: one more would be one too many

    def complete(self) -> None:
        """The life goes on until it has come as far as its twin."""
        if not self.whole:
            self.twin.advance(True)
            self.whole = self.life.advance(True)

    @rule()
    def advance_while_somebody_else_tries_to(self) -> None:
        self.twin.advance(True)
        with trying_to_advance(self.life, lambda: self.life.advance(True)) as wrong:
            self.whole = self.life.advance(True)
        assert wrong == []

    @rule()
    def delete_the_journal(self) -> None:
        before = self.life.world.ids(), self.life.story()
        mirrored = all(e.mirrored for e in self.life.world.journal.entries("small"))
        self.life.delete_journal()
        if mirrored:
            assert (self.life.world.ids(), self.life.story()) == before
        else:
            self.whole = False

    @rule(at=st.integers(0, 400))
    def lose_the_journal_in_the_midst_of_an_advance(self, at: int) -> None:
        self.twin.advance(True)
        self.whole = self.life.advance_and_lose_the_journal(at)
        self.crashes += not self.whole

    # --- what people do ------------------------------------------------------------------------

    @precondition(lambda self: "first" in self.life.world.at.verdicts)
    @rule(option=st.sampled_from(sorted(OPTIONS)))
    def choose_an_option(self, option: str) -> None:
        if option == "more" and not self.longer:
            return
        self.strayed |= not self.whole
        said = [choose(life, "first", option) for life in (self.life, self.twin)]
        self.chosen["first"] = option, said[0], said[1]

    @precondition(lambda self: bool(self.chosen))
    @rule()
    def take_the_choice_back(self) -> None:
        self.strayed |= not self.whole
        _, *said = self.chosen.pop("first")
        for life, override in zip((self.life, self.twin), said, strict=True):
            life.world.revoke(override)

    @precondition(lambda self: len(self.excluded) < MOST_EXCLUDED and bool(self.life.finished))
    @rule(data=st.data())
    def exclude_a_run(self, data: Any) -> None:
        run = data.draw(st.sampled_from(sorted(self.life.finished, key=lambda r: (r.arm, r.seed))))
        if (run.arm, run.seed) not in self.excluded:
            self._exclude(run.arm, run.seed, undone=False)
            self.excluded.append((run.arm, run.seed))

    @precondition(lambda self: bool(self.excluded))
    @rule()
    def undo_an_exclusion(self) -> None:
        self._exclude(*self.excluded.pop(), undone=True)

    def _exclude(self, arm: str, seed: int, undone: bool) -> None:
        self.complete()
        for life in (self.life, self.twin):
            run = next(r for r in life.finished if (r.arm, r.seed) == (arm, seed))
            life.world.exclude(run.id, run.phase, undone=undone)

    @precondition(lambda self: not self.strayed)  # which rules a run was judged under before is part of it
    @rule(threshold=st.sampled_from([0.5, 1.5]), longer=st.booleans())
    def edit_the_program(self, threshold: float, longer: bool) -> None:
        self.complete()
        self.threshold, self.longer = threshold, longer or self.longer
        for life in (self.life, self.twin):
            life.edit(program_of(threshold, self.longer))

    # --- what must hold ------------------------------------------------------------------------

    @invariant()
    def no_finished_run_is_lost_or_made_twice(self) -> None:
        if not hasattr(self, "life"):
            return
        finished = Counter(run.fingerprint for run in self.life.finished)
        assert self.ever_finished <= finished
        assert finished.total() == len(finished)
        assert self.life.again == []
        again = {run: tries - 1 - (run in FLAKY) for run, tries in self.life.tries.items()}
        assert sum(max(0, count) for count in again.values()) <= self.crashes
        self.ever_finished = finished

    @invariant()
    def what_people_chose_is_in_force(self) -> None:
        if hasattr(self, "life"):
            assert self.life.chosen() == {phase: said[0] for phase, said in self.chosen.items()}

    @invariant()
    def an_advance_that_ended_left_nothing_open(self) -> None:
        if not hasattr(self, "life") or not self.whole:
            return
        world = self.life.world
        assert world.runs.unfinished == {}
        assert [w for w in world.journal.work("small") if w.state not in ("finished", "abandoned")] == []
        entries = world.journal.entries("small")
        assert all(entry.mirrored for entry in entries)
        assert {entry.record.id for entry in entries} == set(world.records.held(world.program))

    @invariant()
    def the_life_stands_where_its_twin_does(self) -> None:
        if hasattr(self, "life") and self.whole:
            assert self.life.story() == self.twin.story()
            made = [Counter((r.arm, r.seed) for r in life.finished) for life in (self.life, self.twin)]
            assert made[0] == made[1] or (self.strayed and made[0] <= made[1])

    @invariant()
    def every_verdict_is_what_the_world_is_like(self) -> None:
        if not hasattr(self, "life") or not self.whole or self.life.world.at.validity.stale:
            return
        for phase, outcome, *_ in self.life.story():
            better = MEANS[ARM_OF[phase]] >= self.threshold
            assert outcome == ("pass" if better else "fail"), phase


NO_DEADLINE = {"deadline": None, "suppress_health_check": list(HealthCheck)}


class TestDisturbed(Disturbed.TestCase):  # type: ignore[name-defined, misc]
    """A few lives."""

    settings = settings(max_examples=10, stateful_step_count=8, **NO_DEADLINE)


@pytest.mark.slow
class TestDisturbedMore(Disturbed.TestCase):  # type: ignore[name-defined, misc]
    """Many and longer lives."""

    settings = settings(max_examples=a_share_of(250), stateful_step_count=14, **NO_DEADLINE)
