"""The first run is made twice by the real command line, and what came of it can be verified."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from planner.io.commands.open_home import open_program
from planner.io.journal.journal import Journal
from planner.io.workers.program_code import code_of
from planner.paths import Home
from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import QUICK, cli_here, make_home, put_into_experiment

pytestmark = pytest.mark.in_turn

MakeHome = Callable[..., Path]
SCRIPT = """
import json, pathlib, sys
params, out = json.loads(pathlib.Path(sys.argv[1]).read_text()), pathlib.Path(sys.argv[2])
seed = int(sys.argv[3])
begun = pathlib.Path("begun")
often = begun.read_text().split().count(f"{params['shift']}/{seed}") if begun.exists() else 0
with begun.open("a") as file:
    file.write(f"{params['shift']}/{seed}\\n")
score = params["shift"] + 0.01 * seed * (1 + params["shift"]) + 0.5 * often
(out / "metrics.json").write_text(json.dumps({"score": score, "loss": 1.0 + 0.1 * seed}))
"""
LENT = """
    import os
    print("lent:", os.environ.get("PHASEGATE_SHARED"))
"""


def kinds_in_mlflow(home: Path) -> Counter[str]:
    with closing(sqlite3.connect(home / "mlruns" / "mlflow.db")) as db:
        return Counter(kind for (kind,) in db.execute("SELECT value FROM tags WHERE key = 'planner.kind'"))


@pytest.fixture
def drifting(fresh_home: MakeHome) -> Path:
    """A home whose command measures otherwise whenever it is called again; one phase was judged."""
    words = f"[{sys.executable}, work.py, '{{params}}', '{{out}}', '{{seed}}']"
    home = fresh_home(QUICK.replace("experiment: quick", f"command: {words}"))
    (home / "work.py").write_text(SCRIPT)
    reply = cli_here("advance", "quick", "--jobs", "1", "--json", home=home)
    assert reply.code == 0, reply.err
    assert [step["runs_launched"] for step in reply.json["steps"]] == [6]
    return home


def test_a_command_that_measures_otherwise_is_told_of_and_every_number_can_be_verified(
    drifting: Path,
) -> None:
    assert Counter((drifting / "begun").read_text().split())["0.0/0"] == 2
    said = "ot reproducible: score differs by 0.5 at seed 0 of 'base' when it is run twice"
    memo = cli_here("memo", "quick", "first", home=drifting).out
    assert f"- **N{said}**" in memo
    assert "loss differs" not in memo
    assert f"n{said}" in cli_here("explain", "quick", home=drifting).out
    assert f"n{said}" in cli_here("status", "quick", home=drifting).out
    for words in (("memo", "quick", "--verify"), ("replay", "quick"), ("doctor",)):
        reply = cli_here(*words, home=drifting)
        assert reply.code == 0, reply.out + reply.err
    assert kinds_in_mlflow(drifting)["probe"] == 1


def test_replies_say_it_in_fields(drifting: Path) -> None:
    explained = cli_here("explain", "quick", "--json", home=drifting).json
    assert_fits(explained, "explain")
    (repeat,) = explained["repeats"]
    assert [one["metric"] for one in repeat["differing"]] == ["score"]
    assert (repeat["compared"], repeat["outcome"]) == (["score", "loss"], "ok")
    status = cli_here("status", "quick", "--json", home=drifting).json
    assert_fits(status, "status")
    assert status["programs"][0]["repeats"] == [repeat]
    assert status["programs"][0]["spent"]["runs"] == 6


def test_the_second_time_takes_nothing_that_other_runs_lend(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK)
    put_into_experiment(home, LENT)
    assert cli_here("advance", "quick", "--jobs", "1", home=home).code == 0
    work = Journal(home / "mlruns" / "journal.db").work("quick")
    (second,) = [one for one in work if one.repeats is not None]
    (first,) = [one for one in work if one.mlflow_run == second.repeats]
    assert cli_here("logs", str(second.mlflow_run), home=home).out == "lent: None\n"
    assert cli_here("logs", str(first.mlflow_run), home=home).out.rstrip().endswith("/shared")
    assert not list((home / "mlruns" / "work" / "quick").glob("*"))


def test_a_dry_run_says_that_one_run_will_be_made_twice_while_none_was(
    drifting: Path, tmp_path: Path
) -> None:
    said = "one of them is made twice, to see whether it gives the same numbers\n"
    dry = ("advance", "quick", "--dry-run")
    assert said not in cli_here(*dry, home=drifting).out
    fresh = make_home(tmp_path / "fresh", QUICK)
    assert said in cli_here(*dry, home=fresh).out
    assert cli_here(*dry, "--json", home=fresh).json["estimate"]["probe"] is True
    without = make_home(tmp_path / "without", QUICK + "probe: off\n")
    assert said not in cli_here(*dry, home=without).out


def test_off_leaves_it_out_and_on_later_makes_nothing_again(fresh_home: MakeHome) -> None:
    home = fresh_home(QUICK + "probe: off\n")
    assert cli_here("advance", "quick", "--all", "--jobs", "1", home=home).code == 0
    file = home / "knowledge" / "programs" / "quick.yaml"
    file.write_text(file.read_text().replace("probe: off", "probe: on"))
    reply = cli_here("advance", "quick", "--all", "--jobs", "1", home=home)
    assert "nothing to do" in reply.out
    assert kinds_in_mlflow(home)["probe"] == 0


def test_the_code_of_a_command_lies_with_its_first_run(drifting: Path) -> None:
    (script,) = (drifting / "mlruns" / "artifacts").rglob("code-*/work.py")
    assert script.read_text() == SCRIPT


def test_code_that_was_kept_runs_again_as_the_same_code(fresh_home: MakeHome, tmp_path: Path) -> None:
    home = fresh_home(QUICK)
    put_into_experiment(home, "\n    from helpers import SIGN\n    noise *= SIGN")
    (home / "helpers.py").write_text("SIGN = -1.0\n")
    assert cli_here("advance", "quick", "--jobs", "1", home=home).code == 0
    (kept,) = (home / "mlruns" / "artifacts").rglob("code-*/kept.json")
    again = make_home(tmp_path / "again", QUICK)
    assert code_of(Home(again), open_program(Home(again), "quick")) != json.loads(kept.read_text())["digest"]
    shutil.copytree(kept.parent, again, dirs_exist_ok=True)
    assert code_of(Home(again), open_program(Home(again), "quick")) == json.loads(kept.read_text())["digest"]
