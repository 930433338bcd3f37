"""Programs on runs in the stores that they name: which count, for which arm, under which seed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from planner.errors import ProgramError
from planner.io.store.evidence_sources import runs_in_sources
from planner.language.program import Program, build
from planner.paths import Home
from planner.records.runs import Run
from tests.support.small_homes import cli_here

FIXTURES = Path(__file__).parents[2] / "fixtures"
GAINS = [0.10, 0.12, 0.11, 0.09, 0.13]
SEEDS = [42, 7, 123, 5, 99]


def program_of(evidence: Sequence[Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "program": "others",
        "question": "Is adam better than sgd?",
        "evidence": list(evidence),
        "metrics": {"acc": {"unit": "fraction", "better": "higher", "logged_as": "val/acc"}},
        "arms": {"adam": {"optimizer": "adam"}, "sgd": {"optimizer": "sgd"}},
        "phases": {
            "compare": {
                "question": "Is adam better?",
                "arms": ["adam", "sgd"],
                "factor": "optimizer",
                "criteria": {"better": {"metric": "acc", "arm": "adam", "versus": "sgd", "above": 0.0}},
                "gate": ["better"],
            }
        },
        **more,
    }


def write_table(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [",".join(names), *(",".join(str(row.get(name, "")) for name in names) for row in rows)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def rows_of(seed: str = "seed", **more: Any) -> list[dict[str, Any]]:
    rows = []
    for number, gain in zip(SEEDS, GAINS, strict=True):
        rows.append({"optimizer": "adam", seed: number, "val/acc": 0.5 + gain, **more})
        rows.append({"optimizer": "sgd", seed: number, "val/acc": 0.5 + gain / 50, **more})
    return rows


def write_program(home: Path, program: Mapping[str, Any]) -> None:
    folder = home / "knowledge" / "programs"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{program['program']}.yaml").write_text(json.dumps(program), encoding="utf-8")


def runs(home: Path, *evidence: Mapping[str, Any], **more: Any) -> list[Run]:
    return runs_in_sources(Home(home), build(program_of(evidence, **more)))


def verdict(home: Path, name: str = "others") -> Any:
    reply = cli_here("advance", name, "--all", home=home)
    assert reply.code == 0, reply.err
    return explained(home, name)["verdict"]


def explained(home: Path, name: str = "others") -> Any:
    return json.loads(cli_here("explain", name, "--json", home=home).out)


# --- from a table to a memo ----------------------------------------------------------------------


def test_a_table_is_judged_by_a_program_that_names_it_and_nothing_else(tmp_path: Path) -> None:
    write_table(tmp_path / "data" / "runs.csv", rows_of())
    write_program(tmp_path, program_of([{"store": "data/runs.csv", "same_data": "declared"}]))
    assert cli_here("check", "others", home=tmp_path).out == "no faults found\n"
    judged = verdict(tmp_path)
    assert (judged["outcome"], judged["confidence"], judged["caveats"]) == ("pass", "confirmed", [])
    said = explained(tmp_path)
    better = said["criteria"][0]
    assert better["n"] == 5
    assert "makes no runs itself" in said["cheapest_flip"]["reason"]
    assert better["observed"] == pytest.approx(sum(GAINS) / 5 * 0.98)
    memo = cli_here("memo", "others", home=tmp_path).out
    assert "seeds are read from the parameter seed" in memo
    assert cli_here("replay", "others", home=tmp_path).code == 0
    assert cli_here("memo", "others", "--verify", home=tmp_path).code == 0
    assert "nothing" in cli_here("advance", "others", "--all", home=tmp_path).out


def test_without_a_statement_the_data_are_not_known_to_be_the_same(tmp_path: Path) -> None:
    write_table(tmp_path / "runs.csv", rows_of())
    write_program(tmp_path, program_of([{"store": "runs.csv"}]))
    judged = verdict(tmp_path)
    assert judged["confidence"] == "provisional"
    (caveat,) = judged["caveats"]
    assert "logged no dataset digest" in caveat


def test_a_dry_run_reads_the_table_and_writes_nothing(tmp_path: Path) -> None:
    write_table(tmp_path / "runs.csv", rows_of())
    write_program(tmp_path, program_of([{"store": "runs.csv"}]))
    reply = cli_here("advance", "others", "--dry-run", "--json", home=tmp_path)
    assert json.loads(reply.out)["runs"] == []
    assert not (tmp_path / "mlruns").exists()


# --- which runs ----------------------------------------------------------------------------------


def test_arms_are_known_by_their_parameters_however_these_are_written(tmp_path: Path) -> None:
    rows = [{**row, "lr": lr} for row in rows_of() for lr in ("1e-3", "0.01")]
    write_table(tmp_path / "runs.csv", rows)
    arms = {"adam": {"optimizer": "adam", "lr": 0.001}, "sgd": {"optimizer": "sgd", "lr": 1e-3}}
    there = runs(tmp_path, {"store": "runs.csv"}, arms=arms)
    assert len(there) == 10
    assert {run.params["lr"] for run in there} == {"1e-3"}


def test_a_condition_and_a_selection_choose_runs(tmp_path: Path) -> None:
    write_table(tmp_path / "runs.csv", [*rows_of(dataset="cifar"), *rows_of(dataset="svhn")])
    chosen = runs(tmp_path, {"store": "runs.csv", "where": "params.dataset = 'svhn'"})
    assert {run.params["dataset"] for run in chosen} == {"svhn"}
    program = program_of([{"store": "runs.csv"}])
    program["phases"]["compare"]["select"] = {"adam": "params.optimizer = 'sgd' and params.dataset = 'cifar'"}
    selected = runs_in_sources(Home(tmp_path), build(program))
    assert {run.params["optimizer"] for run in selected if run.arm == "adam"} == {"sgd"}


def test_several_stores_are_one_evidence(tmp_path: Path) -> None:
    rows = rows_of()
    write_table(tmp_path / "one.csv", rows[:6])
    write_table(tmp_path / "two.jsonl", [])
    (tmp_path / "two.jsonl").write_text("\n".join(json.dumps(row) for row in rows[6:]))
    there = runs(tmp_path, {"store": "one.csv"}, {"store": "two.jsonl"})
    assert sorted({run.id.partition("#")[0] for run in there}) == ["one.csv", "two.jsonl"]
    assert sorted(run.seed for run in there if run.arm == "adam") == sorted(SEEDS)


def test_a_seed_is_read_from_the_parameter_that_is_named(tmp_path: Path) -> None:
    write_table(tmp_path / "runs.csv", rows_of(seed="fold_no"))
    there = runs(tmp_path, {"store": "runs.csv", "seed_from": "params.fold_no"})
    assert sorted(run.seed for run in there if run.arm == "sgd") == sorted(SEEDS)
    assert {run.seed_from for run in there} == {"fold_no"}
    assert all("fold_no" not in run.params for run in there)


def test_runs_without_seeds_pair_with_nobody(tmp_path: Path) -> None:
    write_table(tmp_path / "runs.csv", [{k: v for k, v in row.items() if k != "seed"} for row in rows_of()])
    there = runs(tmp_path, {"store": "runs.csv"})
    assert len({run.seed for run in there}) == 10
    assert max(run.seed for run in there) < 0


def test_a_run_left_running_and_one_without_the_metric_are_named_and_are_no_evidence(tmp_path: Path) -> None:
    rows = [{**row, "status": "FINISHED"} for row in rows_of()]
    rows[0]["status"] = "RUNNING"
    rows[1]["val/acc"] = ""
    write_table(tmp_path / "runs.csv", rows)
    lost = [run for run in runs(tmp_path, {"store": "runs.csv"}) if run.outcome == "lost"]
    assert [run.reason for run in lost] == ["it is still RUNNING", "it has no acc"]


def test_an_old_database_is_read_beside_the_home_s_own_store(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as db:
        db.executescript((FIXTURES / "mlflow-2.9.sql").read_text())
    before = path.read_bytes()
    write_program(tmp_path, program_of([{"store": "old.db", "same_data": "declared"}]))
    judged = verdict(tmp_path)
    assert judged["outcome"] == "pass"
    assert path.read_bytes() == before


# --- how many there are was nobody's plan -----------------------------------------------------------


def test_the_first_look_at_others_runs_is_the_final_one(tmp_path: Path) -> None:
    program = build(program_of([{"store": "runs.csv"}]))
    assert program.most_seeds("compare", "standard") == 3
    stated = build(program_of([{"store": "runs.csv"}], budget={"seeds_per_arm": 10}))
    assert stated.most_seeds("compare", "standard") == 10
    makes_runs = build(program_of([{"store": "runs.csv"}], experiment="made_up"))
    assert makes_runs.most_seeds("compare", "standard") == 32


# --- what is wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "path", "said"),
    [
        ({"store": "nowhere.csv"}, ("evidence", 0, "store"), "there is no store"),
        ({"store": "runs.csv", "seed_from": "sede"}, ("evidence", 0, "seed_from"), "did you mean 'seed'"),
        ({"store": "runs.csv", "experiments": ["x"]}, ("evidence", 0, "experiments"), "has no experiments"),
        ({"store": "other.csv"}, ("evidence", 0, "store"), "has no column 'val/acc'"),
    ],
)
def test_a_source_that_leads_nowhere_is_a_fault_of_its_key(
    tmp_path: Path, source: dict[str, Any], path: tuple[Any, ...], said: str
) -> None:
    write_table(tmp_path / "runs.csv", rows_of())
    write_table(tmp_path / "other.csv", [{"optimizer": "adam", "loss": 1.0}])
    with pytest.raises(ProgramError) as caught:
        runs(tmp_path, source)
    ((where, what),) = caught.value.problems
    assert where == path
    assert said in what


def test_check_names_the_arm_of_which_there_is_no_run(tmp_path: Path) -> None:
    write_table(tmp_path / "runs.csv", [row for row in rows_of() if row["optimizer"] == "adam"])
    write_program(tmp_path, program_of([{"store": "runs.csv"}]))
    assert "no run in the evidence is of arm 'sgd'" in cli_here("check", "others", home=tmp_path).out


def test_a_program_without_runs_of_its_own_names_its_evidence() -> None:
    with pytest.raises(ProgramError, match="evidence that is there already"):
        build({**program_of([]), "evidence": []})


def test_a_metric_is_found_under_the_name_that_its_runs_logged() -> None:
    program: Program = build(program_of([{"store": "runs.csv"}]))
    assert program.logged_names == {"acc": "val/acc"}
