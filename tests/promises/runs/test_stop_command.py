"""``stop`` ends an ``advance`` elsewhere in good order; whoever else holds the program is left alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from planner.errors import ProgramBusy
from planner.io.leases.program_lock import Holder, holder_of, program_lock, this_process
from planner.io.leases.stopping import end_planner
from planner.io.system.processes import home_mark, start_time
from planner.paths import Home
from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import QUICK, cli_here
from tests.support.store_view import mlflow_runs_of
from tests.support.waiting_homes import ends, let_runs_wait, start, wait_until_started
from tests.support.warm import Script

AT = "2026-01-02T03:04:05+00:00"


@pytest.fixture
def working(fresh_home: Callable[..., Path]) -> Iterator[tuple[Path, Script]]:
    """A home with an ``advance`` in the middle of its first run, which waits."""
    home = let_runs_wait(fresh_home(QUICK))
    script = start(home, "advance", "quick", "--jobs", "1")
    wait_until_started(home, 1, script)
    yield home, script
    script.kill()
    script.communicate()


@pytest.mark.slow
def test_stop_ends_an_advance_in_good_order_and_says_what_became_of_its_runs(
    working: tuple[Path, Script],
) -> None:
    home, script = working
    workers = psutil.Process(script.pid).children(recursive=True)
    reply = cli_here("stop", "quick", "--json", home=home)
    assert (reply.code, reply.err) == (0, "")
    assert_fits(reply.json, "stop")
    assert (reply.json["stopped"], reply.json["pid"]) == (True, script.pid)
    assert script.poll() is not None, "stop waits until it has ended"
    code, _, err = ends(script)
    assert code == 143
    assert "stopped by SIGTERM: what is finished is kept; 1 in progress marked as killed" in err
    assert psutil.wait_procs(workers, timeout=60)[1] == []
    (run,) = reply.json["runs"]
    assert (run["phase"], run["arm"], run["seed"], run["outcome"]) == ("first", "base", 0, "killed")
    (marked,) = [run for run in mlflow_runs_of(home) if run.outcome == "killed"]
    assert run["run_id"] == marked.id
    (home / "go").touch()
    again = cli_here("advance", "quick", "--jobs", "1", "--json", home=home).json
    assert [step["runs_launched"] for step in again["steps"]] == [6]


@pytest.mark.slow
def test_stop_says_what_it_did_in_words_and_plainly_that_nothing_is_at_work(
    working: tuple[Path, Script],
) -> None:
    home, script = working
    lines = cli_here("stop", "quick", home=home).out.splitlines()
    assert lines[0].startswith(f"stopped the advance of quick (process {script.pid} on ")
    assert lines[1:] == [
        "  first · base · seed 0: cut off, to be made again",
        "go on with: phasegate advance quick",
    ]
    again = cli_here("stop", "quick", home=home)
    assert (again.code, again.out, again.err) == (0, "no advance of quick is at work\n", "")
    reply = cli_here("stop", "quick", "--json", home=home).json
    assert_fits(reply, "stop")
    assert (reply["stopped"], reply["pid"], reply["runs"]) == (False, None, [])


@pytest.mark.slow
def test_a_copy_of_a_home_does_not_stop_the_planner_of_the_original(
    working: tuple[Path, Script], tmp_path: Path
) -> None:
    home, script = working
    copy = tmp_path / "copy"
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    reply = cli_here("stop", "quick", home=copy)
    assert (reply.code, reply.out) == (0, "no advance of quick is at work\n")
    assert script.poll() is None
    assert holder_of(Home(copy), "quick") is None
    assert holder_of(Home(home), "quick") is not None


def test_an_unknown_program_is_wrong_usage(judged_home: Path) -> None:
    assert cli_here("stop", "quik", home=judged_home).code == 2


def note(at: Path, /, **changes: object) -> None:
    """Notes that this very process holds the program, with changes."""
    file = Home(at).lock("quick").with_suffix(".json")
    file.parent.mkdir(parents=True, exist_ok=True)
    homes = {"home": home_mark(Home(at)), "works_on": str(at.resolve())}
    file.write_text(json.dumps({**this_process(AT), **homes, **changes}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": "elsewhere"}, ("on elsewhere since", "run 'phasegate stop quick' on elsewhere")),
        ({"works_on": "/other/home"}, ("works on the home /other/home", "stop it there")),
        ({"works_on": None}, ("a home that it does not name",)),
        ({"command": "doctor"}, ("held by 'doctor'", "let it come to its end")),
    ],
)
def test_whoever_else_holds_the_program_is_named_and_left_alone(
    fresh_home: Callable[..., Path], changes: dict[str, object], words: tuple[str, ...]
) -> None:
    home = fresh_home(QUICK)
    note(home, **changes)
    reply = cli_here("stop", "quick", home=home)
    assert (reply.code, reply.out) == (75, "")
    for word in words:
        assert word in reply.err


def test_an_advance_of_another_home_that_uses_the_same_database_is_named(
    fresh_home: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = fresh_home(QUICK)
    guest = tmp_path / "guest"
    shutil.copytree(owner, guest)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{owner / 'mlruns' / 'mlflow.db'}")
    with program_lock(Home(owner), "quick", AT):
        reply = cli_here("stop", "quick", home=guest)
    assert reply.code == 75
    assert f"in the home {owner.resolve()}, by process {os.getpid()}" in reply.err


def test_a_planner_that_does_not_end_is_told(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    script = tmp_path / "deaf.py"
    script.write_text(
        "import pathlib, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(600)\n"
    )
    deaf = Script([str(script)], dict(os.environ))
    try:
        while not ready.exists():
            assert deaf.poll() is None
        holder = Holder(deaf.pid, AT, this_process(AT)["host"], start_time(deaf.pid))
        with pytest.raises(ProgramBusy, match="has not ended after 0.1 s"):
            end_planner(holder, patience=0.1)
    finally:
        deaf.kill()
        deaf.communicate()
