"""Tables as people export them."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from planner.errors import UsageError
from planner.history.logged_run import History
from planner.history.question import HistoryQuestion
from planner.history.table import history_of_rows

ROWS = [{"optimizer": o, "seed": s, "acc": 0.5 + s / 100} for o in ("adam", "sgd") for s in range(3)]


def read(rows: list[dict[str, Any]], metric: str = "acc", **question: Any) -> History:
    return history_of_rows(rows, "made up", HistoryQuestion(metric, **question))


def test_a_row_is_a_run_with_its_number_as_its_id() -> None:
    runs = read(ROWS).runs
    assert [run.id for run in runs] == ["1", "2", "3", "4", "5", "6"]
    assert runs[0].params == {"optimizer": "adam", "seed": "0"}
    assert runs[4].value == 0.51


def test_a_long_table_holds_a_value_in_each_row() -> None:
    rows = [
        {"optimizer": "adam", "seed": s, "metric": metric, "value": v + s}
        for s in range(3)
        for metric, v in (("acc", 0.5), ("loss", 2.0))
    ]
    runs = read(rows).runs
    assert [run.value for run in runs] == [0.5, 1.5, 2.5]
    assert all(run.params.keys() == {"optimizer", "seed"} for run in runs)


@pytest.mark.parametrize(
    ("at", "better", "value"),
    [("last", None, 0.6), ("best", None, 0.9), ("best", "lower", 0.1), ("1", None, 0.9)],
)
def test_a_table_of_steps_gives_each_run_once_at_the_step_that_is_asked_for(
    at: str, better: Any, value: float
) -> None:
    steps = [0.1, 0.9, 0.6]
    rows = [
        {"optimizer": "adam", "seed": s, "step": i, "acc": v} for s in range(3) for i, v in enumerate(steps)
    ]
    runs = read(rows, at=at, better=better).runs
    assert [run.value for run in runs] == [value] * 3


def test_mlflows_own_columns_say_what_is_a_parameter() -> None:
    rows = [
        {
            "run_id": "a",
            "status": status,
            "metrics.acc": 0.5,
            "metrics.loss": 1.0,
            "params.lr": "0.1",
            "tags.x": "y",
        }
        for status in ("FINISHED", "FAILED")
    ]
    runs = read(rows).runs
    assert [(r.value, r.params, r.tags["x"], r.status) for r in runs] == [
        (0.5, {"lr": "0.1"}, "y", "finished"),
        (0.5, {"lr": "0.1"}, "y", "failed"),
    ]


def test_wandbs_export_is_read_with_its_states_and_nested_config() -> None:
    table = [
        {
            "Name": "calm-sea-1",
            "State": "crashed",
            "Created": "2024-01-01",
            "Group": "a",
            "lr": 0.1,
            "acc": 0.4,
        }
    ]
    run = read(table).runs[0]
    assert (run.status, run.name, run.params) == ("failed", "calm-sea-1", {"Group": "a", "lr": "0.1"})
    nested = [
        {
            "name": "x",
            "state": "finished",
            "config": {"lr": {"value": 0.1, "desc": None}, "model": {"depth": 2}},
            "summary": {"acc": 0.4, "_step": 10},
        }
    ]
    run = read(nested).runs[0]
    assert (run.value, run.params) == (0.4, {"lr": "0.1", "model.depth": "2"})


def test_columns_that_are_another_number_in_each_row_are_measurements() -> None:
    rows = [{**row, "train_time": 1.5 + i / 7, "lr": 0.1} for i, row in enumerate(ROWS)]
    history = read(rows)
    assert all("train_time" not in run.params for run in history.runs)
    assert all("lr" in run.params for run in history.runs)
    assert any("train_time" in remark for remark in history.remarks)


def test_a_table_without_rows_or_the_metric_is_refused() -> None:
    with pytest.raises(UsageError, match="holds no runs"):
        read([])
    with pytest.raises(UsageError, match="did you mean 'acc'"):
        read(ROWS, metric="accc")


def test_cells_that_are_empty_or_no_number_are_no_value() -> None:
    values: list[Any] = [None, "", " ", "n/a", float("nan"), "0.5"]
    runs = read([{"optimizer": "adam", "seed": i, "acc": value} for i, value in enumerate(values)]).runs
    assert [run.value for run in runs][:4] == [None] * 4
    assert runs[5].value == 0.5


# --- kinds of faults that attacks brought to light ---------------------------------------------------


@pytest.mark.parametrize("column", ["agent", "version", "name", "sweep", "user"])
def test_a_column_of_a_plain_table_is_a_setting_whatever_exports_call_so(column: str) -> None:
    rows = [{column: kind, "seed": s, "acc": 0.5 + s / 100} for kind in ("ppo", "dqn") for s in range(3)]
    assert {run.params[column] for run in read(rows).runs} == {"ppo", "dqn"}


def test_epochs_are_no_runs() -> None:
    rows = [
        {
            "arm": arm,
            "run": f"{arm}{run}",
            "epoch": e,
            "step": 10 * e,
            "acc": 0.5 + e / 10,
            "n_correct": 50 + e,
        }
        for arm in ("a", "b")
        for run in range(3)
        for e in range(6)
    ]
    runs = read(rows, arms_by=("arm",)).runs
    assert [(run.value, run.step) for run in runs] == [(1.0, 50)] * 6


def test_rows_that_are_alike_but_for_their_value_are_runs_of_their_own() -> None:
    rows = [{"arm": arm, "epoch": 10, "acc": 0.5 + i / 10} for arm in ("a", "b") for i in range(5)]
    assert len(read(rows).runs) == 10
    long = [{"arm": "a", "metric": "acc", "value": i / 10} for i in range(5)]
    assert len(read(long).runs) == 5


def test_of_an_mlflow_export_the_later_run_counts_and_parents_are_known() -> None:
    row = {"status": "FINISHED", "metrics.acc": 0.5, "params.seed": "1", "tags.mlflow.parentRunId": "p"}
    rows = [
        {**row, "run_id": "b", "end_time": "2024-01-02 10:00:00.5+00:00"},
        {**row, "run_id": "a", "end_time": "2024-01-01 10:00:00+00:00"},
        {**row, "run_id": "p", "end_time": "2024-01-03 10:00:00+00:00", "tags.mlflow.parentRunId": ""},
    ]
    later, earlier, parent = read(rows).runs
    assert later.ended is not None
    assert earlier.ended is not None
    assert later.ended > earlier.ended
    assert later.parent == parent.id


@pytest.mark.parametrize(
    ("word", "status"),
    [("PRUNED", "killed"), ("FAIL", "failed"), ("Killed (OOM)", "killed"), ("weird", "failed")],
)
def test_a_run_that_ended_otherwise_than_well_is_not_finished(word: str, status: str) -> None:
    rows = [{"arm": "a", "seed": i, "status": w, "acc": 0.5} for i, w in enumerate(["FINISHED", word])]
    assert [run.status for run in read(rows).runs] == ["finished", status]


def test_a_column_named_state_that_holds_no_status_is_a_setting() -> None:
    rows = [{"state": name, "seed": s, "acc": 0.5} for name in ("Ohio", "Utah") for s in range(3)]
    assert {(run.status, run.params["state"]) for run in read(rows).runs} == {
        ("finished", "Ohio"),
        ("finished", "Utah"),
    }


def test_a_step_cannot_be_asked_of_a_table_without_steps() -> None:
    with pytest.raises(UsageError, match="no column of steps"):
        read(ROWS, at="7")


@pytest.mark.parametrize(
    ("cell", "value"), [("1,400", 1400.0), ("91.2%", 91.2), ("1,40", None), ("-2,000.5", -2000.5)]
)
def test_numbers_as_people_write_them_are_read(cell: str, value: float | None) -> None:
    assert read([{"arm": "a", "acc": cell}]).runs[0].value == value


def test_a_learning_rate_is_a_setting_and_a_score_is_not_however_their_numbers_look() -> None:
    rows = [
        {"lr": lr, "f1": 0.5 + i / 100, "seed": 0, "acc": i} for i, lr in enumerate([0.1, 0.2, 0.3, 0.51234])
    ]
    assert all(set(run.params) == {"lr", "seed"} for run in read(rows).runs)


def test_the_rows_of_one_run_have_one_number_whatever_metric_stands_there() -> None:
    rows = [
        {"arm": arm, "seed": seed, "metric": metric, "value": value}
        for arm in ("a", "b")
        for seed in (1, 2)
        for metric, value in (("acc", 0.5), ("loss", 1.0))
    ]
    ids = [
        [run.id for run in history_of_rows(rows, "made up", HistoryQuestion(metric)).runs]
        for metric in ("acc", "loss")
    ]
    assert ids == [["1", "3", "5", "7"]] * 2


CHART = "\n".join(
    [
        '"Step","adam_seed_42 - acc","adam_seed_42 - acc__MIN","adam-seed7 - acc","sgd seed=42 - acc"',
        '"0","0.5","0.5","0.6",""',
        '"1","0.9","0.9","","0.4"',
    ]
)


def test_a_chart_that_wandb_exported_has_a_run_in_each_column() -> None:
    rows = list(csv.DictReader(io.StringIO(CHART)))
    runs = history_of_rows(rows, "chart.csv", HistoryQuestion("acc")).runs
    assert [(run.params["run"], run.params["seed"], run.value, run.step) for run in runs] == [
        ("adam", "42", 0.9, 1),
        ("adam", "7", 0.6, 0),
        ("sgd", "42", 0.4, 1),
    ]


def test_a_history_that_wandb_exported_has_its_last_step_and_no_settings_of_the_clock() -> None:
    rows = [
        {
            "name": name,
            "lr": lr,
            "_step": step,
            "_runtime": 1.5 * step,
            "_timestamp": 1.7e9 + step,
            "loss": 1 / step,
        }
        for name, lr in (("a", "0.1"), ("b", "0.2"))
        for step in (1, 2, 4)
    ]
    runs = history_of_rows(rows, "history.csv", HistoryQuestion("loss", arms_by=("lr",))).runs
    assert [(run.value, run.step, set(run.params)) for run in runs] == [(0.25, 4, {"name", "lr"})] * 2
