"""Killed at random moments, again and again, an advance still ends as if it had not been disturbed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from tests.promises.crashes.endings import assert_ended_well
from tests.promises.crashes.mortal_homes import (
    PROGRAM,
    kill_group,
    mortal_home,
    said,
    start,
    until_gone,
    workers_of,
)
from tests.support.rotation import in_turn
from tests.support.warm import Script

pytestmark = pytest.mark.slow

SEED, KILLS, HOMES = 20240607, 13, 4
NAPS = 0.3
"""Seconds that a run takes on average: long enough to be hit."""
ADVANCE = ("advance", PROGRAM, "--all", "--jobs", "2")


@dataclass
class Storm:
    """Kills at uniformly random moments.

    Attributes:
        longest: seconds within which an advance is hit.
        hit: who was killed, how many milliseconds after the start.
    """

    chance: random.Random
    longest: float
    hit: list[tuple[str, int]] = field(default_factory=list)

    def strike(self, home: Path) -> None:
        """Starts an advance and kills it, its workers, or both, if it has not ended before."""
        planner = start(home, *ADVANCE)
        try:
            who = self.chance.choice(["planner", "planner", "worker", "both"])
            self._wait(planner, who)
            if who == "worker":
                self._kill_a_worker(home)
                who = self.chance.choice(["planner", "both"])
                self._wait(planner, who)
            if planner.poll() is None:
                (kill_group if who == "both" else _kill)(psutil.Process(planner.pid))
                for worker in workers_of(home) if who == "both" else ():
                    kill_group(worker)
        finally:
            kill_group(planner)
            planner.wait()

    def _wait(self, planner: Script, who: str) -> None:
        seconds = self.chance.uniform(0.0, self.longest)
        try:
            planner.wait(seconds)
        except subprocess.TimeoutExpired:
            self.hit.append((who, round(seconds * 1000)))

    def _kill_a_worker(self, home: Path) -> None:
        workers = sorted(workers_of(home), key=lambda worker: worker.pid)
        if workers:
            _kill(self.chance.choice(workers))


def _kill(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A home that nobody disturbed, and how many seconds it took."""
    home, begun = mortal_home(tmp_path_factory.mktemp("unbroken") / "home", NAPS), time.monotonic()
    assert start(home, *ADVANCE).wait(timeout=900) == 0, said(home)
    return home, time.monotonic() - begun


@pytest.mark.parametrize("number", in_turn(range(HOMES)))
def test_kills_at_random_times_lose_nothing_and_repeat_only_what_was_cut_off(
    unbroken: tuple[Path, float], tmp_path: Path, number: int
) -> None:
    whole, seconds = unbroken
    storm = Storm(random.Random(SEED + number), seconds)
    homes = 0
    while len(storm.hit) < KILLS:
        homes += 1
        home, before = mortal_home(tmp_path / str(homes), NAPS), len(storm.hit)
        while len(storm.hit) < KILLS and not _is_done(home):
            storm.strike(home)
        print(f"seed {SEED + number}, home {homes}: killed {storm.hit[before:]}")
        assert start(home, *ADVANCE).wait(timeout=900) == 0, said(home)
        assert until_gone(home) == []
        assert_ended_well(home, whole, 2 * (len(storm.hit) - before))


def _is_done(home: Path) -> bool:
    return "next: wait costly" in said(home) if (home / "said").exists() else False
