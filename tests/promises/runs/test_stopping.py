"""A signal stops ``advance`` in good order, a second one at once, and the same command goes on from there."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable, Collection
from pathlib import Path

import psutil
import pytest

from tests.support.small_homes import QUICK, ROOT, clean_environment, cli, put_into_experiment
from tests.support.store_view import mlflow_runs_of
from tests.support.waiting_homes import wait_until_said
from tests.support.warm import Script

pytestmark = pytest.mark.slow
PATIENCE = 300.0
# The third seed waits for a file that nobody has written yet, with a child in a session of its own.
WAITING = """
    if seed == 2:
        import pathlib, subprocess, time
        subprocess.Popen(["sleep", "300"], start_new_session=True)
        pathlib.Path("waits").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.05)
"""
SLOW_STORE = """
import sys, time
sys.path.insert(0, {root!r})
import planner.io.store.run_store as store

finish = store.MlflowRuns.finish

def slow(*given):
    open("writes", "a").write("x")
    time.sleep({seconds})
    ended = finish(*given)
    open("written", "a").write("x")
    return ended

store.MlflowRuns.finish = slow
sys.argv = ["cli.py", *sys.argv[1:]]
import cli
cli.main()
"""


class Advance:
    """An ``advance`` in progress."""

    def __init__(
        self, home: Path, script: Path = ROOT / "cli.py", ignored: Collection[signal.Signals] = ()
    ) -> None:
        self.home = home
        words = [str(script), "--home", str(home), "advance", "--jobs", "1", "--json"]
        self.process = Script(words, clean_environment(), home, ignored=ignored)

    def wait_for(self, name: str) -> list[psutil.Process]:
        """Until the file is there; gives the processes that were started until then."""
        until = time.monotonic() + PATIENCE
        while not (self.home / name).exists():
            assert self.process.poll() is None, self.process.communicate()
            assert time.monotonic() < until, "no run has begun"
            time.sleep(0.02)
        return psutil.Process(self.process.pid).children(recursive=True)

    def ends(self) -> tuple[int, str, str]:
        """Its exit code and what it said."""
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.wait(), out, err


@pytest.fixture
def waiting_home(fresh_home: Callable[..., Path]) -> Path:
    home = fresh_home(QUICK)
    put_into_experiment(home, WAITING)
    return home


def slow_store(home: Path, seconds: float) -> Path:
    """A command line that takes so long to write down how a run has ended."""
    script = home / "slow_store.py"
    script.write_text(SLOW_STORE.format(root=str(ROOT), seconds=seconds))
    return script


def goes_on(home: Path, launched: int) -> None:
    (home / "go").touch()
    steps = cli("advance", "--json", home=home).json["steps"]
    assert [(s["phase"], s["outcome"], s["runs_launched"]) for s in steps] == [("first", "fail", launched)]
    assert "RUNNING" not in {run.status for run in mlflow_runs_of(home)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda s: s.name)
def test_a_signal_marks_the_runs_in_progress_says_how_to_go_on_and_loses_nothing(
    waiting_home: Path, number: signal.Signals
) -> None:
    advance = Advance(waiting_home)
    children = advance.wait_for("waits")
    assert len(children) == 3  # a worker, its run, and what that started
    advance.process.send_signal(number)
    code, out, err = advance.ends()
    assert (code, json.loads(out)["code"]) == (128 + number, 128 + number)
    assert f"stopped by {number.name}: what is finished is kept; 1 in progress marked as killed" in err
    assert f"go on with: cli.py --home {str(waiting_home)!r} advance --jobs 1 --json" in err
    assert "Traceback" not in err
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert alive == []
    marked = [run for run in mlflow_runs_of(waiting_home) if run.outcome == "killed"]
    assert [(run.status, run.attempt) for run in marked] == [("KILLED", 0)]
    assert f"{number.name} stopped its planner" in marked[0].note
    goes_on(waiting_home, launched=2)


def test_a_terminal_that_goes_away_does_not_stop_what_was_started_with_nohup(waiting_home: Path) -> None:
    advance = Advance(waiting_home, ignored=[signal.SIGHUP])
    advance.wait_for("waits")
    advance.process.send_signal(signal.SIGHUP)
    (waiting_home / "go").touch()
    code, out, err = advance.ends()
    assert code == 0, err
    assert [step["runs_launched"] for step in json.loads(out)["steps"]] == [6]


def test_a_write_in_progress_is_finished_first(fresh_home: Callable[..., Path]) -> None:
    home = fresh_home(QUICK)
    advance = Advance(home, slow_store(home, seconds=2))
    advance.wait_for("writes")
    advance.process.send_signal(signal.SIGINT)
    code, _, err = advance.ends()
    assert code == 130
    assert "stopping when what is being written is whole; once more ends at once" in err
    assert (home / "writes").read_text() == (home / "written").read_text() == "x"
    assert [run.outcome for run in mlflow_runs_of(home, "run")].count("ok") == 1
    goes_on(home, launched=5)


def test_a_second_signal_ends_at_once_and_leaves_no_process(fresh_home: Callable[..., Path]) -> None:
    home = fresh_home(QUICK)
    advance = Advance(home, slow_store(home, seconds=600))
    children = advance.wait_for("writes")
    advance.process.send_signal(signal.SIGINT)
    wait_until_said(advance.process, "once more ends at once")
    advance.process.send_signal(signal.SIGINT)
    code, _, err = advance.ends()
    assert (code, "Traceback" in err) == (130, False)
    assert not (home / "written").exists()
    _, alive = psutil.wait_procs(children, timeout=PATIENCE)
    assert alive == []
    # What had ended and was not written down is adopted.
    goes_on(home, launched=5)
