"""A planner that dies at any write, and goes on, comes to stand where an undisturbed one stands."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from twin_worlds import FLAKY, Life
from worlds import Crash


@pytest.mark.slow
def test_a_life_that_is_cut_off_at_any_write_comes_to_the_same_end(tmp_path: Path) -> None:
    twin = Life(tmp_path / "twin")
    twin.advance(True)
    for crash_at in count():
        life = Life(tmp_path / str(crash_at))
        if life.advance(True, crash_at):
            break
        life.advance(True)
        assert life.story() == twin.story(), crash_at
    assert crash_at > 200


def test_what_a_first_try_left_is_not_taken_for_the_second(tmp_path: Path) -> None:
    life = Life(tmp_path / "life")

    def die_before_the_second_try(_: str) -> None:
        if any(w.attempt == 2 and w.state == "planned" for w in life.world.journal.work("small")):
            raise Crash

    life.world.fail = die_before_the_second_try
    with pytest.raises(Crash):
        life.world.advance(every=True)
    life.advance(True)
    assert all(life.tries[run] == 2 for run in FLAKY)
