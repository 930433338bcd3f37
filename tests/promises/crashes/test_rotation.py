"""Every kill comes round: what is left to other changes is theirs in turn."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.promises.crashes.points import LIVES, POINTS
from tests.support.rotation import SHARES_OF_KILLS, share, turn_of_this_change

LEAST_LIVES = 6


def test_the_shares_are_all_the_points_and_none_is_in_two() -> None:
    points = [point for turn in range(SHARES_OF_KILLS) for point in share(POINTS, turn, SHARES_OF_KILLS)]
    assert sorted(map(str, points)) == sorted(map(str, POINTS))
    assert len(set(points)) == len(points)


@pytest.mark.parametrize("turn", range(SHARES_OF_KILLS))
def test_every_share_has_points_of_most_lives(turn: int) -> None:
    lives = {point.life for point in share(POINTS, turn, SHARES_OF_KILLS)}
    assert len(lives) >= LEAST_LIVES
    assert "running" in lives


def test_every_life_has_points() -> None:
    assert {point.life for point in POINTS} == set(LIVES)


def test_a_change_keeps_its_turn_and_others_have_theirs(tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=ana", "-c", "user.email=ana@example.org", "-C", str(tmp_path)]
    when = "2026-01-01T00:00:00+00:00"
    env = {**os.environ, "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    subprocess.run([*git, "init", "--quiet"], check=True)
    turns = []
    for number in range(8):
        words = ["commit", "--quiet", "--allow-empty", "--no-gpg-sign", "-m", str(number)]
        subprocess.run([*git, *words], check=True, env=env)
        turns.append(turn_of_this_change(tmp_path))
        assert turn_of_this_change(tmp_path) == turns[-1]
    assert len(set(turns)) > 1


def test_without_git_the_turn_is_always_the_same(tmp_path: Path) -> None:
    assert turn_of_this_change(tmp_path) == 0
