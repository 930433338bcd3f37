"""What is a table of runs, what it may hold, and what is said where it holds something else."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

import planner
from planner.api.table_runs import runs_of_table
from planner.language.program import Program, build
from planner.testing import example_program, example_table


def columns() -> dict[str, list[Any]]:
    rows = example_table()
    return {name: [row[name] for row in rows] for name in rows[0]}


def long_form() -> pd.DataFrame:
    return pd.DataFrame(example_table()).melt(["arm", "seed"], var_name="metric")


class Polars:
    """What is known of a polars frame."""

    def to_dicts(self) -> list[dict[str, Any]]:
        return example_table()


class Arrow:
    """What is known of an Arrow table."""

    def to_pylist(self) -> list[dict[str, Any]]:
        return example_table()


FORMS: dict[str, Callable[[], object]] = {
    "a list of mappings": example_table,
    "a generator of mappings": lambda: (row for row in example_table()),
    "a mapping of columns": columns,
    "pandas": lambda: pd.DataFrame(example_table()),
    "pandas with arm and seed in the index": lambda: pd.DataFrame(example_table()).set_index(["arm", "seed"]),
    "pandas with columns as MLflow names them": lambda: pd.DataFrame(example_table()).rename(
        columns={"val_accuracy": "metrics.val_accuracy"}
    ),
    "pandas of 32-bit floats and categories": lambda: pd.DataFrame(example_table()).astype(
        {"val_accuracy": "float64", "seed": "int8", "arm": "category"}
    ),
    "pandas in the long form": long_form,
    "polars": Polars,
    "Arrow": Arrow,
    "rows in another order": lambda: example_table()[::-1],
    "columns that mean nothing to the program": lambda: pd.DataFrame(example_table()).assign(note="x", lr=1),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_table_gives_the_same_verdict(form: str) -> None:
    program = example_program()
    assert program.judge(FORMS[form]()).id == program.judge(example_table()).id


def row(**changes: Any) -> dict[str, Any]:
    return {"arm": "plain", "seed": 0, "val_accuracy": 0.9, **changes}


def without(name: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row().items() if key != name}]


def two_phases() -> Program:
    """The example's program with its phase twice."""
    raw = example_program().model_dump(mode="json", by_alias=True, exclude_unset=True)
    raw["phases"]["second_look"] = {"question": "Again?", "same_as": "first_look"}
    return build(raw)


REFUSED = [
    ("empty", [], "the table is empty: give one row per run, with the columns arm, seed and one per metric"),
    ("an empty frame", pd.DataFrame({"arm": [], "seed": []}), "the table is empty"),
    ("a number", 3, "a table is a DataFrame or a list of mappings, not int"),
    ("a text", "runs.csv", "a table is a DataFrame or a list of mappings, not str"),
    ("rows that are lists", [["plain", 0, 0.9]], "a row of the table is list, not a mapping"),
    (
        "columns of two lengths",
        {"arm": ["plain"], "seed": [0, 1]},
        "every column is a list, and all",
    ),
    ("no arm", without("arm"), "the table has no column 'arm': give one row per run"),
    ("a misspelt arm", [{"arms": "plain", "seed": 0}], "no column 'arm'; did you mean 'arms'? rename it"),
    ("no seed", without("seed"), "the table has no column 'seed'"),
    ("no metric", without("val_accuracy"), "the table holds no metric of dropout; known: val_accuracy"),
    (
        "a misspelt metric",
        [{"arm": "plain", "seed": 0, "val_acuracy": 1}],
        "did you mean 'val_accuracy'?",
    ),
    ("an unknown arm", [row(arm="drop")], "row 0: dropout has no arm 'drop'; did you mean 'dropout'?"),
    ("an arm that is a number", [row(arm=3)], "row 0: arm is 3, and should be a text"),
    ("an empty arm", [row(), row(arm=None)], "row 1: arm is empty; fill it in, or drop the row"),
    (
        "an unknown phase",
        [row(phase="first")],
        "has no phase 'first'; did you mean 'first_look'",
    ),
    (
        "an unknown fidelity",
        [row(fidelity="ful")],
        "has no fidelity 'ful'; did you mean 'full'?",
    ),
    ("half a seed", [row(seed=0.5)], "row 0: seed is 0.5, and should be a whole number"),
    ("a seed that is a text", [row(seed="0")], "row 0: seed is '0', and should be a whole number"),
    ("a seed that is a flag", [row(seed=True)], "row 0: seed is True, and should be a whole number"),
    ("a seed that is NaN", [row(seed=math.nan)], "row 0: seed is empty"),
    (
        "a value that is a text",
        [row(val_accuracy="0.9")],
        "row 0: val_accuracy is '0.9', and should be",
    ),
    ("a value that is a list", [row(val_accuracy=[0.9])], "val_accuracy is [0.9], and should be a number"),
    ("a complex value", [row(val_accuracy=1j)], "val_accuracy is 1j, and should be a number"),
    (
        "a run twice",
        [row(), row(arm="dropout"), row()],
        "rows 0 and 2 are both arm 'plain', seed 0",
    ),
    ("a step twice", [row(step=1), row(step=1)], "both arm 'plain', seed 0 at step 1: keep one"),
    ("an unknown outcome", [row(outcome="fine")], "row 0: outcome: Input should be 'ok'"),
    (
        "rows that disagree",
        [row(step=0, device="cpu"), row(step=1, device="cuda")],
        "the rows of arm 'plain', seed 0 disagree in device: 'cpu' and 'cuda'",
    ),
]


@pytest.mark.parametrize(("table", "sentence"), [one[1:] for one in REFUSED], ids=[one[0] for one in REFUSED])
def test_what_is_no_table_of_runs_is_refused_in_a_sentence_that_says_what_would_be(
    table: object, sentence: str
) -> None:
    with pytest.raises(planner.UsageError) as caught:
        example_program().judge(table)
    assert sentence in str(caught.value)


def test_a_frame_with_two_columns_of_one_name_is_refused() -> None:
    table = pd.DataFrame([["plain", 0, 0.9, 0.8]], columns=["arm", "seed", "val_accuracy", "val_accuracy"])
    with pytest.raises(planner.UsageError, match="more than one column 'val_accuracy': rename one"):
        example_program().judge(table)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan"), 1e308, None, pd.NA])
def test_a_value_that_is_no_number_never_passes_and_never_fails(value: Any) -> None:
    rows = example_table()
    rows[3]["val_accuracy"] = value
    assert example_program().judge(rows).outcome == "invalid"


def test_a_run_that_failed_is_no_evidence_and_its_empty_cells_are_no_nan() -> None:
    rows = [*example_table(), row(seed=3, outcome="out_of_memory", val_accuracy=math.nan)]
    verdict = example_program().judge(rows)
    assert verdict.outcome == "pass"
    assert any("out_of_memory" in guard.reason for guard in verdict.guards)


def test_optional_columns_are_what_the_runs_logged() -> None:
    settings = {"plain": 0.0, "dropout": 0.3}
    rows = [{**r, "data_digest": "d", "params.dropout": settings[r["arm"]]} for r in example_table()]
    verdict = example_program().judge(rows)
    assert (verdict.confidence, verdict.caveats) == ("confirmed", ())
    as_mapping = [
        {**r, "data_digest": "d", "params": {"dropout": settings[r["arm"]]}} for r in example_table()
    ]
    assert example_program().judge(as_mapping).id == verdict.id


def test_a_parameter_that_differs_and_is_not_the_factor_is_a_confound() -> None:
    rates = {"plain": 0.1, "dropout": 0.2}
    rows = [{**r, "params.lr": rates[r["arm"]]} for r in example_table()]
    assert any("lr" in caveat for caveat in example_program().judge(rows).caveats)


def test_values_by_step_make_a_series_whose_last_value_is_the_final_one() -> None:
    rows = [row(step=step, val_accuracy=value) for step, value in ((2, 0.9), (0, 0.5), (1, 0.7))]
    (run,) = runs_of_table(example_program(), rows)
    assert run.metrics == {"val_accuracy": 0.9}
    assert run.series == {"val_accuracy": ((0, 0.5), (1, 0.7), (2, 0.9))}


def test_rows_without_a_phase_stand_for_every_phase_that_has_their_arm() -> None:
    runs = runs_of_table(two_phases(), [row(), row(seed=1, phase="first_look")])
    assert [(run.phase, run.seed) for run in runs] == [
        ("first_look", 0),
        ("second_look", 0),
        ("first_look", 1),
    ]
