"""Programs that ``adopt`` writes: they ask of the same runs what ``judge`` asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from planner.errors import UsageError
from planner.history.adoption import program_from
from planner.language.program import build
from planner.linting.check import check
from tests.io.store.test_evidence_sources import rows_of, write_table
from tests.support.histories import ADAM, SGD, judged, runs_of
from tests.support.small_homes import cli_here

RMSPROP = [0.85, 0.86, 0.84, 0.87, 0.83]


def test_each_comparison_is_a_phase_and_the_last_one_ends_the_program() -> None:
    history = judged(runs_of({"adam": ADAM, "sgd": SGD, "rmsprop": RMSPROP}))
    program = build(program_from(history, "mine", "runs.csv", []))
    assert list(program.phases) == ["adam_against_sgd", "rmsprop_against_sgd"]
    assert program.budget.gates == history.family.size == 2
    assert {phase.next["fail"] for phase in program.phases.values()} == {"rmsprop_against_sgd", "stop"}
    assert check(program) == []


def test_a_smallest_effect_is_asked_of_every_comparison() -> None:
    history = judged(runs_of({"adam": ADAM, "sgd": SGD}), least_effect=0.05)
    (phase,) = program_from(history, "mine", "runs.csv", [])["phases"].values()
    assert phase["criteria"]["better"]["better_by"] == 0.05


def test_arms_whose_names_read_alike_have_names_of_their_own() -> None:
    history = judged(runs_of({"a b": ADAM, "a/b": SGD}), baseline="best")
    arms = program_from(history, "mine", "runs.csv", [])["arms"]
    assert sorted(arms) == ["a_b", "a_b_2"]
    assert {arm["optimizer"] for arm in arms.values()} == {"a b", "a/b"}


def test_without_a_comparison_there_is_nothing_to_adopt() -> None:
    with pytest.raises(UsageError, match="nothing to adopt"):
        program_from(judged(runs_of({"adam": ADAM}), baseline="none"), "mine", "runs.csv", [])


def test_the_program_says_what_judge_says_and_that_its_runs_were_seen(tmp_path: Path) -> None:
    write_table(tmp_path / "runs.csv", rows_of())
    question = ("--metric", "val/acc", "--baseline", "optimizer=sgd")
    store = str(tmp_path / "runs.csv")
    answer = json.loads(cli_here("judge", store, *question, "--json", home=tmp_path).out)
    adopted = cli_here("adopt", "mine", "--from", store, *question, "--json", home=tmp_path)
    assert json.loads(adopted.out)["phases"] == ["adam_against_sgd"]
    assert cli_here("check", "mine", home=tmp_path).out == "no faults found\n"
    assert cli_here("advance", "mine", "--all", home=tmp_path).code == 0
    explained = json.loads(cli_here("explain", "mine", "--json", home=tmp_path).out)
    (better,) = explained["criteria"]
    (adam,) = [arm for arm in answer["arms"] if arm["answer"] != "baseline"]
    assert better["outcome"] == "met"
    assert adam["answer"] == "better"
    assert better["interval"] == pytest.approx(adam["difference_interval"])
    assert (explained["verdict"]["post_hoc"], explained["verdict"]["confidence"]) == (True, "provisional")
    assert cli_here("replay", "mine", home=tmp_path).code == 0


def test_thresholds_that_were_stated_before_the_runs_are_not_post_hoc(tmp_path: Path) -> None:
    write_table(tmp_path / "runs.csv", rows_of())
    cli_here("adopt", "mine", "--from", str(tmp_path / "runs.csv"), "--metric", "val/acc", home=tmp_path)
    path = tmp_path / "knowledge" / "programs" / "mine.yaml"
    program = yaml.safe_load(path.read_text())
    program["seen_runs"]["thresholds"] = "the plan of May"
    path.write_text(yaml.safe_dump(program, sort_keys=False))
    cli_here("advance", "mine", "--all", home=tmp_path)
    assert not json.loads(cli_here("explain", "mine", "--json", home=tmp_path).out)["verdict"]["post_hoc"]


def test_judge_saves_the_same_program(tmp_path: Path) -> None:
    write_table(tmp_path / "runs.csv", rows_of())
    store, question = str(tmp_path / "runs.csv"), ("--metric", "val/acc")
    said = cli_here("judge", store, *question, "--save", "saved", home=tmp_path)
    cli_here("adopt", "adopted", "--from", store, *question, home=tmp_path)
    folder = tmp_path / "knowledge" / "programs"
    assert said.out.endswith(f"wrote {folder / 'saved.yaml'}\n")
    saved, adopted = ((folder / f"{name}.yaml").read_text() for name in ("saved", "adopted"))
    assert saved.replace("program: saved", "") == adopted.replace("program: adopted", "")


def test_a_program_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    write_table(tmp_path / "runs.csv", rows_of())
    words = ("adopt", "mine", "--from", str(tmp_path / "runs.csv"), "--metric", "val/acc")
    assert cli_here(*words, home=tmp_path).code == 0
    again = cli_here(*words, home=tmp_path)
    assert again.code == 2
    assert "is there already" in again.err
