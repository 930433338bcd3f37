"""Conditions on runs in MLflow's words."""

from __future__ import annotations

import pytest

from planner.errors import UsageError
from planner.history.filtering import parse_condition
from planner.history.logged_run import LoggedRun

RUN = LoggedRun(
    "r1",
    params={"lr": "0.001", "model/depth": "3", "a b": "x"},
    tags={"team": "blue"},
    name="calm",
    experiment="pl",
)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("params.lr = '1e-3'", True),
        ("params.lr != '1e-3'", False),
        ("params.lr < 0.01 and tags.team = 'blue'", True),
        ("params.lr<0.01 AND tags.team='red'", False),
        ("parameters.`model/depth` >= 3", True),
        ('params."a b" = "x"', True),
        ("params.lr IN ('0.001', '0.1')", True),
        ("params.lr not in ('0.001')", False),
        ("tags.team LIKE 'bl%'", True),
        ("tags.team ILIKE 'BL_E'", True),
        ("attributes.status = 'FINISHED'", True),
        ("status = 'FINISHED'", True),
        ("run_name = 'calm' and experiment = 'pl'", True),
        ("params.absent != 'x'", False),
        ("params.lr in ('1e-3')", True),
        ("params.lr = 'nan'", False),
    ],
)
def test_a_condition_is_met_as_mlflow_means_it(text: str, holds: bool) -> None:
    assert parse_condition(text)(RUN) is holds


@pytest.mark.parametrize(
    "text",
    [
        "params.lr",
        "lr",
        "params.lr = ",
        "params.lr = 1 or x = 2",
        "params.lr in '0.1'",
        "a.b.c = ",
        "and",
        "params.lr in (a, 'b')",
        "params.lr in (0 1 2)",
    ],
)
def test_what_is_no_condition_is_refused_with_the_form_of_one(text: str) -> None:
    with pytest.raises(UsageError, match="write params.NAME"):
        parse_condition(text)


def test_an_attribute_that_no_run_has_is_named() -> None:
    with pytest.raises(UsageError, match="a run has no 'colour'"):
        parse_condition("colour = 'red'")(RUN)
