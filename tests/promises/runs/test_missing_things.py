"""What an experiment lacks is no answer: the phase is blocked, and goes on when the thing is there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.cli_schemas import assert_fits
from tests.support.small_homes import QUICK, cli, put_into_experiment
from tests.support.store_view import mlflow_runs_of

pytestmark = pytest.mark.in_turn

READS = """
    import pathlib
    pathlib.Path("data/train.csv").read_text()
"""
COMMAND = QUICK.replace(
    "experiment: quick", 'command: [sh, -c, "measure-it --seed {seed} --params {params} --out {out}"]'
)


@pytest.fixture
def home_without_data(fresh_home: Callable[..., Path]) -> Path:
    home = fresh_home(QUICK)
    put_into_experiment(home, READS)
    return home


def test_a_phase_of_which_no_run_worked_is_blocked_and_goes_on_when_the_file_is_there(
    home_without_data: Path,
) -> None:
    home = home_without_data
    reply = cli("advance", "quick", "--all", "--json", "--exit-code", home=home)
    assert (reply.code, reply.json["state"]) == (15, "blocked")
    (step,) = reply.json["steps"]
    assert (step["phase"], step["outcome"]) == ("first", "blocked")
    assert reply.json["next"]["action"] == "wait"
    runs = mlflow_runs_of(home, "run")
    assert {run.outcome for run in runs} == {"environment"}
    assert "FileNotFoundError" in runs[0].note
    (home / "data").mkdir()
    (home / "data" / "train.csv").write_text("1,2\n")
    reply = cli("advance", "quick", "--all", "--json", home=home)
    assert (reply.code, reply.json["state"]) == (0, "done")
    assert [(s["phase"], s["outcome"]) for s in reply.json["steps"]][-1] == ("second", "pass")


def test_while_the_file_is_missing_each_advance_tries_once_and_ends(home_without_data: Path) -> None:
    for advances in (1, 2):
        reply = cli("advance", "quick", "--all", "--jobs", "1", "--json", home=home_without_data)
        assert reply.json["state"] == "blocked"
        assert len(mlflow_runs_of(home_without_data, "run")) == 2 * advances  # one of each arm, and no more


def test_the_cause_is_told_once_wherever_a_failure_is(home_without_data: Path) -> None:
    home = home_without_data
    reply = cli("advance", "quick", "--keep-going", "--jobs", "1", "--json", home=home)
    line = 1 + (home / "experiments" / "quick.py").read_text().splitlines().index(
        '    pathlib.Path("data/train.csv").read_text()'
    )
    (cause,) = {run.reason for run in mlflow_runs_of(home, "run")}
    text = f"6 runs of base and worse ended as environment: {cause} (experiments/quick.py:{line})"
    assert "FileNotFoundError" in cause
    assert text in reply.json["next"]["reason"]
    assert text in cli("status", "quick", home=home).out
    explained = cli("explain", "quick", "--phase", "first", "--json", home=home).json
    assert_fits(explained, "explain")
    (failure,) = explained["failures"]
    assert (failure["arms"], failure["outcome"], failure["cause"]) == (
        ["base", "worse"],
        "environment",
        cause,
    )
    assert (failure["raised_at"], len(failure["run_ids"])) == (f"experiments/quick.py:{line}", 6)
    status = cli("status", "quick", "--json", home=home).json
    assert_fits(status, "status")
    assert status["programs"][0]["phases"][0]["failures"] == [failure]
    memo = Path(reply.json["steps"][0]["memo"]).read_text()
    assert f"6 runs of base and worse ended as environment: {cause}" in memo.replace("\\", "")


def test_where_two_arms_fail_alike_and_another_works_advance_and_its_dry_run_say_what_holds_it(
    fresh_home: Callable[..., Path],
) -> None:
    arms = QUICK.replace("  better:", "  worst: {shift: -2.0}\n  better:")
    arms = arms.replace("arms: [base, worse]", "arms: [base, worse, worst]")
    criterion = "metric: score, each_of: [worse, worst], versus: base, better_by: 0.2"
    home = fresh_home(arms.replace("metric: score, arm: worse, versus: base, better_by: 0.2", criterion))
    put_into_experiment(home, '\n    if config.shift:\n        raise ValueError("no rows left")\n')
    reply = cli("advance", "quick", "--jobs", "1", "--json", home=home)
    assert reply.code == 0, reply.err
    assert "2 runs of worse and worst crashed: ValueError: no rows left" in reply.json["stopped"]
    dry = cli("advance", "quick", "--dry-run", "--json", home=home)
    assert_fits(dry.json, "advance-dry-run")
    assert (dry.json["stopped"], dry.json["runs"]) == (reply.json["stopped"], [])
    text = cli("advance", "quick", "--dry-run", home=home).out
    assert f"stopped: {dry.json['stopped']}" in text and "no run is missing" not in text


def test_a_program_that_a_command_cannot_find_is_the_environments_fault(
    fresh_home: Callable[..., Path],
) -> None:
    home = fresh_home(COMMAND)
    reply = cli("advance", "quick", "--all", "--json", home=home)
    assert reply.json["state"] == "blocked"
    assert {run.outcome for run in mlflow_runs_of(home, "run")} == {"environment"}


def test_a_command_that_fails_is_tried_again_when_its_file_is_edited(fresh_home: Callable[..., Path]) -> None:
    home = fresh_home(
        QUICK.replace("experiment: quick", "command: [sh, measure.sh, '{seed}', '{params}', '{out}']")
    )
    script = home / "measure.sh"
    script.write_text("exit 3\n")
    cli("advance", "quick", "--all", home=home)
    broken = {run.id for run in mlflow_runs_of(home, "run")}
    assert {run.outcome for run in mlflow_runs_of(home, "run")} == {"code_error"}
    cli("advance", "quick", "--all", home=home)
    assert {run.id for run in mlflow_runs_of(home, "run")} == broken
    script.write_text("""printf '{"score": %s, "loss": 1}' "$1" > "$3/metrics.json"\n""")
    cli("advance", "quick", home=home)
    made = [run for run in mlflow_runs_of(home, "run") if run.id not in broken]
    assert {run.outcome for run in made} == {"ok"}
    assert len(made) >= 6


def test_an_arm_that_crashes_beside_one_that_works_blocks_nothing(fresh_home: Callable[..., Path]) -> None:
    home = fresh_home(QUICK.replace("worse: {shift: -1.0}", "worse: {shift: -1.0, action: raise}"))
    reply = cli("advance", "quick", "--json", home=home)
    assert reply.json["steps"][0]["outcome"] == "inconclusive"
