"""Scripts that log with MLflow by themselves: what they log lands in the planner's run, and is judged."""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from planner.io.mlflow.client import client_of
from tests.support.small_homes import Reply, cli

pytestmark = pytest.mark.slow

SCRIPT = """
import argparse
import mlflow

parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float)
parser.add_argument("--nesterov")
parser.add_argument("--seed", type=int)
given = parser.parse_args()

with mlflow.start_run():
    mlflow.log_params({"lr": given.lr, "nesterov": given.nesterov == "true", "batch": 32})
    for step in range(3):
        mlflow.log_metric("val/acc", 0.5 + given.lr + 0.001 * given.seed + 0.01 * step, step=step)
"""


def home_of(folder: Path, script: str, **more: Any) -> Path:
    program = {
        "program": "scripted",
        "question": "Is a larger step better?",
        "command": [sys.executable, "train.py", "{flags}", "--seed", "{seed}"],
        "metrics": {"acc": {"unit": "fraction", "better": "higher", "logged_as": "val/acc"}},
        "arms": {"small": {"lr": 0.1, "nesterov": True}, "large": {"lr": 0.2, "nesterov": True}},
        "phases": {
            "compare": {
                "question": "Is it better?",
                "arms": ["small", "large"],
                "factor": "lr",
                "seeds": 2,
                "criteria": {
                    "better": {
                        "metric": "acc",
                        "arm": "large",
                        "versus": "small",
                        "above": 0.0,
                        "treatment": "point",
                    }
                },
                "gate": ["better"],
            }
        },
        "probe": "off",
        **more,
    }
    programs = folder / "knowledge" / "programs"
    programs.mkdir(parents=True)
    (programs / "scripted.yaml").write_text(json.dumps(program))
    (folder / "train.py").write_text(textwrap.dedent(script))
    return folder


def advanced(home: Path) -> Reply:
    return cli("advance", "scripted", "--all", "--jobs", "2", home=home)


def runs_of(home: Path) -> list[Any]:
    client = client_of(f"sqlite:///{home / 'mlruns' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("scripted")
    return list(client.search_runs([experiment.experiment_id], "tags.`planner.kind` = 'run'"))


def test_what_a_script_logs_is_in_the_planner_s_run_and_is_judged(tmp_path: Path) -> None:
    home = home_of(tmp_path, SCRIPT)
    reply = advanced(home)
    assert (reply.code, "pass" in reply.out) == (0, True), reply.out + reply.err
    runs = runs_of(home)
    assert len(runs) == 4
    for run in runs:
        params = run.data.params
        assert (params["batch"], params["nesterov"]) == ("32", "True")  # in the script's own words
        assert params["seed"] == run.data.tags["planner.seed"]  # which it did not log
        assert run.info.status == "FINISHED"
        lr, seed = float(params["lr"]), int(params["seed"])
        assert run.data.metrics["val/acc"] == pytest.approx(0.52 + lr + 0.001 * seed)
    assert not (tmp_path / "mlflow.db").exists()
    assert cli("replay", "scripted", home=home).code == 0
    assert cli("doctor", home=home).out == "nothing to mend\n"
    again = advanced(home)
    assert "nothing to do" in again.out


def test_a_script_that_is_made_twice_is_held_against_what_it_logged(tmp_path: Path) -> None:
    home = home_of(tmp_path, SCRIPT, probe="on")
    assert "the same numbers when run twice" in cli("advance", "scripted", "--all", home=home).err


@pytest.mark.parametrize(
    ("script", "outcome", "said"),
    [
        ("print('done')\n", "code_error", "the command logged no metric"),
        ("import mlflow\nmlflow.log_metric('val/acc', float('nan'))\n", "bad_metric", "acc is NaN"),
        ("import sys\nsys.exit('no rows left')\n", "code_error", "no rows left"),
    ],
)
def test_a_script_that_logs_nothing_of_use_says_so(
    tmp_path: Path, script: str, outcome: str, said: str
) -> None:
    home = home_of(tmp_path, script)
    reply = advanced(home)
    outcomes = {run.data.tags["planner.outcome"] for run in runs_of(home)}
    assert outcomes == {outcome}
    shown = reply.out + reply.err + cli("explain", "scripted", home=home).out
    assert said in shown
