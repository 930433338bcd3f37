"""A home is copied while a run is at work: what is done in the copy reaches nobody in the original."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from planner.io.journal.journal import Journal
from tests.support.small_homes import QUICK, cli
from tests.support.store_view import mlflow_runs_of
from tests.support.waiting_homes import ends, let_runs_wait, start, wait_until_started
from tests.support.warm import Script

pytestmark = pytest.mark.slow
PATIENCE = 300.0


@pytest.fixture
def at_work(fresh_home: Callable[..., Path]) -> Iterator[tuple[Path, Script]]:
    """A home with a run that goes on when ``go`` is there, and its planner."""
    home = let_runs_wait(fresh_home(QUICK))
    planner = start(home, "advance", "quick", "--jobs", "1", "--json")
    wait_until_started(home, 1, planner)
    yield home, planner
    planner.kill()
    planner.communicate(timeout=PATIENCE)


def worker_of(home: Path) -> psutil.Process:
    """The process of the run that is at work."""
    (work,) = [one for one in Journal(home / "mlruns" / "journal.db").work("quick") if one.state == "started"]
    return psutil.Process(work.pid)


def test_the_repair_of_a_copy_leaves_the_worker_of_the_original_alone_and_its_run_ends_well(
    at_work: tuple[Path, Script], tmp_path: Path
) -> None:
    home, planner = at_work
    worker = worker_of(home)
    copy = Path(shutil.copytree(home, tmp_path / "copy"))
    reply = cli("doctor", "--repair", "--json", home=copy)
    assert "run.cut_off" in {one["id"] for one in reply.json["findings"] if one["done"]}, reply.out
    assert worker.is_running()
    (home / "go").touch()
    code, _, err = ends(planner)
    assert code == 0, err
    assert [run.outcome for run in mlflow_runs_of(home, "run")] == ["ok"] * 6


def test_a_worker_that_outlived_its_planner_is_ended_by_the_repair_of_its_own_home(
    at_work: tuple[Path, Script],
) -> None:
    home, planner = at_work
    worker = worker_of(home)
    worker.suspend()  # or it would end itself as soon as its planner is dead
    os.kill(planner.pid, signal.SIGKILL)
    planner.communicate(timeout=PATIENCE)
    assert worker.is_running()
    cli("doctor", "--repair", home=home)
    _, alive = psutil.wait_procs([worker], timeout=PATIENCE)
    assert alive == []
