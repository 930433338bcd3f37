"""A planner that dies leaves workers that talk to nobody: no run ends in an error because of that."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.small_homes import QUICK, ROOT, clean_environment, cli, put_into_experiment
from tests.support.store_view import mlflow_runs_of
from tests.support.warm import Script

pytestmark = pytest.mark.slow
PATIENCE = 300.0
TALKS = """
    import pathlib, time
    pathlib.Path("talks").touch()
    for step in range(150):
        log.progress(step, 150)
        time.sleep(0.01)
"""
KILLS = 3


@pytest.fixture
def talkative_home(fresh_home: Callable[..., Path]) -> Path:
    """A home whose runs last 1.5 s and report their progress all the time."""
    home = fresh_home(QUICK)
    put_into_experiment(home, TALKS)
    return home


def kill_the_planner_alone(home: Path, after: float) -> None:
    """Starts an advance, and kills it so many seconds after a run began; waits until its workers are gone."""
    (home / "talks").unlink(missing_ok=True)
    words = [str(ROOT / "cli.py"), "--home", str(home), "advance", "quick", "--all", "--jobs", "2"]
    planner = Script(words, clean_environment(), home)
    until = time.monotonic() + PATIENCE
    while not (home / "talks").exists() and planner.poll() is None:
        assert time.monotonic() < until, "no run has begun"
        time.sleep(0.01)
    time.sleep(after)
    workers = psutil.Process(planner.pid).children(recursive=True) if planner.poll() is None else []
    os.kill(planner.pid, signal.SIGKILL)
    planner.communicate(timeout=PATIENCE)
    _, alive = psutil.wait_procs(workers, timeout=PATIENCE)
    assert alive == []


def test_runs_whose_planner_dies_again_and_again_are_cut_off_and_made_again_never_failed(
    talkative_home: Path,
) -> None:
    chance = random.Random(12)
    for _ in range(KILLS):
        kill_the_planner_alone(talkative_home, chance.uniform(0.0, 1.5))
    reply = cli("advance", "quick", "--all", "--json", home=talkative_home)
    assert reply.code == 0
    outcomes = {run.outcome for run in mlflow_runs_of(talkative_home, "run")}
    assert outcomes <= {"ok", "killed", "lost"}
    verdicts = [(step["phase"], step["outcome"]) for step in reply.json["steps"]]
    assert verdicts[-1] == ("second", "pass")
    made = [(run.arm, run.seed) for run in mlflow_runs_of(talkative_home, "run") if run.outcome == "ok"]
    assert len(made) == len(set(made)) == 9
