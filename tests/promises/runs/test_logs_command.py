"""``logs`` prints what a run printed, while it is at work and afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from planner.engine.ports import EndedRun
from planner.io.journal.journal import Journal
from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import QUICK, cli_here, put_into_experiment
from tests.support.waiting_homes import ends, let_runs_wait, start, wait_until_started

MakeHome = Callable[..., Path]
PRINTS = """
    import sys
    print(f"\\x1b[31mseed {seed}\\x1b[0m of {config.shift}\\x07")
    print("half\\rwhole", file=sys.stderr)
    if seed == 2 and config.shift == 0:
        raise ValueError("no rows left")
"""


def run_of(home: Path, arm: str, seed: int) -> str:
    """The MLflow run of an arm's seed in this home's journal."""
    rows = Journal(home / "mlruns" / "journal.db").work("quick")
    firsts = [w for w in rows if w.repeats is None]
    (run_id,) = {w.mlflow_run for w in firsts if (w.planned["arm"], w.planned["seed"]) == (arm, seed)}
    assert run_id is not None
    return run_id


def test_logs_prints_what_a_run_printed_without_what_steers_a_terminal(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    put_into_experiment(home, PRINTS)
    cli_here("advance", "quick", "--jobs", "1", home=home)
    for seed in (0, 1):
        reply = cli_here("logs", run_of(home, "base", seed)[:8], home=home)
        assert (reply.code, reply.err) == (0, "")
        assert reply.out == f"seed {seed} of 0.0\ufffd\nhalf\nwhole\n"
    (second,) = (w for w in Journal(home / "mlruns" / "journal.db").work("quick") if w.repeats is not None)
    assert "seed 0 of 0.0" in cli_here("logs", str(second.mlflow_run), home=home).out
    failed = run_of(home, "base", 2)
    reply = cli_here("logs", failed, "--json", home=home)
    assert_fits(reply.json, "logs")
    assert (reply.json["program"], reply.json["run_id"], reply.json["running"]) == ("quick", failed, False)
    assert "ValueError: no rows left" in reply.json["text"]


@pytest.mark.slow
def test_logs_of_a_run_at_work_shows_what_it_has_printed_so_far(fresh_home: MakeHome) -> None:
    home = let_runs_wait(fresh_home(QUICK))
    put_into_experiment(home, '\n    print("on my way", flush=True)\n', before="\n    import pathlib, time")
    working = start(home, "advance", "quick", "--jobs", "1")
    try:
        wait_until_started(home, 1, working)
        reply = cli_here("logs", run_of(home, "base", 0), "--json", home=home)
    finally:
        (home / "go").touch()
        ends(working)
    assert (reply.code, reply.err) == (0, "")
    assert (reply.json["running"], reply.json["text"]) == (True, "on my way\n")


@pytest.mark.slow
def test_logs_of_a_run_that_was_cut_off_shows_what_it_had_printed(fresh_home: MakeHome) -> None:
    home = let_runs_wait(fresh_home(QUICK))
    put_into_experiment(home, '\n    print("on my way", flush=True)\n', before="\n    import pathlib, time")
    working = start(home, "advance", "quick", "--jobs", "1")
    wait_until_started(home, 1, working)
    cut_off = run_of(home, "base", 0)
    working.kill()
    ends(working)
    (home / "go").touch()
    assert cli_here("advance", "quick", "--jobs", "1", home=home).code == 0
    assert cli_here("logs", cut_off, home=home).out == "on my way\n"


@pytest.mark.slow
def test_status_shows_the_runs_at_work_since_when_and_how_far(fresh_home: MakeHome) -> None:
    home = let_runs_wait(fresh_home(QUICK))
    put_into_experiment(home, '\n    log.metric("loss", 1.0, 7)', before="\n    import pathlib, time")
    working = start(home, "advance", "quick", "--jobs", "1")
    try:
        wait_until_started(home, 1, working)
        reply = cli_here("status", "quick", "--json", home=home)
        text = cli_here("status", "quick", home=home).out
    finally:
        (home / "go").touch()
        ends(working)
    assert_fits(reply.json, "status")
    (run,) = reply.json["programs"][0]["running"]
    assert (run["phase"], run["arm"], run["seed"], run["step"]) == ("first", "base", 0, 7)
    assert run["run_id"] == run_of(home, "base", 0)
    assert datetime.fromisoformat(run["since"]) <= datetime.now(UTC)
    assert f"step 7 (run {run['run_id'][:8]})" in text
    assert cli_here("status", "quick", "--json", home=home).json["programs"][0]["running"] == []


def test_a_run_that_printed_nothing_says_so(judged_home: Path) -> None:
    run = run_of(judged_home, "base", 0)
    reply = cli_here("logs", run, home=judged_home)
    assert (reply.code, reply.out) == (0, "")
    assert reply.err == f"run {run} of quick: nothing of what it printed was kept\n"
    assert cli_here("logs", run, "--json", home=judged_home).json["text"] == ""


@pytest.mark.parametrize(
    ("word", "says"),
    [("abc", "no run id"), ("../../etc", "no run id"), ("abcdef012345", "no program has run")],
)
def test_what_names_no_run_is_wrong_usage(judged_home: Path, word: str, says: str) -> None:
    reply = cli_here("logs", word, home=judged_home)
    assert (reply.code, reply.out) == (2, "")
    assert says in reply.err


def test_an_id_that_fits_two_runs_is_refused(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    journal = Journal(home / "mlruns" / "journal.db")
    journal.note_finished("quick", [EndedRun(f"f{n}", 1, f"abcdef0{n}", "ok", 1.0) for n in (1, 2)])
    reply = cli_here("logs", "abcdef", home=home)
    assert reply.code == 2
    assert "more than one run begins with 'abcdef'" in reply.err


def test_a_run_that_another_tool_logged_is_shown_by_its_own_log(judged_home: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    from planner.io.mlflow.home_store import store_uri
    from planner.paths import Home
    from tests.support.small_homes import copy_home

    home = copy_home(judged_home, tmp_path / "home")
    client = MlflowClient(store_uri(Home(home)))
    experiment = client.get_experiment_by_name("quick").experiment_id
    tags = {"program": "quick", "phase": "first", "arm": "base", "seed": "9"}
    run = client.create_run(experiment, tags={f"planner.{key}": value for key, value in tags.items()})
    client.log_text(run.info.run_id, "theirs\n", "log.txt")
    client.set_terminated(run.info.run_id)
    assert cli_here("logs", run.info.run_id[:10], home=home).out == "theirs\n"
