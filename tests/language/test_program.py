"""The written form: what it accepts, what it refuses, and its JSON Schema."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pydantic
import pytest
import yaml

from planner.errors import ProgramError
from planner.io.programs.yaml_reader import read_yaml
from planner.language.json_schema import json_schema
from planner.language.program import Program, build

PROGRAMS = Path(__file__).parents[1] / "programs"
DRAFTS = sorted(p.stem for p in PROGRAMS.glob("*.yaml"))


def raw(name: str = "dropout") -> dict[str, Any]:
    return dict(read_yaml((PROGRAMS / f"{name}.yaml").read_bytes()).value)


def criterion(**keys: Any) -> Any:
    program = raw()
    program["phases"]["first_look"]["criteria"]["c"] = {"metric": "val_accuracy", **keys}
    return build(program).phases["first_look"].criteria["c"]


@pytest.mark.parametrize("name", DRAFTS)
def test_every_draft_is_built(name: str) -> None:
    assert build(raw(name)).program == name


def test_what_is_left_out_has_the_documented_default() -> None:
    program = build(raw())
    phase = program.phases["first_look"]
    assert (phase.seeds, phase.fidelity, phase.asks_for, phase.on_confound) == (
        3,
        "standard",
        "provisional",
        "caveat",
    )
    budget = program.budget
    assert (budget.runs, budget.seconds, budget.seeds_per_arm) == (None, None, 32)
    assert (budget.false_pass, budget.false_fail, program.confirm) == (0.05, 0.10, False)


def test_a_program_does_not_change_after_loading() -> None:
    with pytest.raises(pydantic.ValidationError):
        setattr(build(raw()).phases["first_look"], "seeds", 4)  # noqa: B010


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ({"arm": "plain", "above": 0.5}, "level"),
        ({"each_of": ["plain", "dropout"], "below": 1}, "level"),
        ({"arm": "dropout", "versus": "plain", "better_by": 0.1}, "comparison"),
        ({"arm": "dropout", "versus_metric": "val_accuracy", "within": 0.1, "versus": "plain"}, "comparison"),
        ({"best_first": ["dropout", "plain"]}, "order"),
        ({"spread_of": ["dropout", "plain"], "at_most": 0.1}, "spread"),
    ],
)
def test_the_keys_say_the_kind_of_a_criterion(keys: dict[str, Any], kind: str) -> None:
    assert criterion(**keys).kind == kind


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        ({"arm": "plain"}, "exactly one of above"),
        ({"arm": "plain", "above": 1, "below": 2}, "exactly one of above"),
        ({"above": 1}, "exactly one of arm, each_of, any_arm"),
        ({"arm": "plain", "any_arm": "dropout", "above": 1}, "exactly one of arm, each_of, any_arm"),
        ({"arm": "plain", "better_by": 1}, "needs versus"),
        ({"arm": "plain", "versus": "dropout", "better_by": 1, "as": "ratio"}, "leave out 'as: ratio'"),
        ({"arm": "plain", "between": [2, 1]}, "lower end comes first"),
        ({"arm": "plain", "within": 0}, "greater than 0"),
        ({"best_first": ["plain", "dropout"], "above": 1}, "needs no bound"),
        ({"spread_of": ["plain", "dropout"], "at_least": 1}, "needs at_most"),
        ({"arm": "plain", "above": 1, "colour": "blue"}, "unknown key 'colour'"),
        ({"arm": "plain", "above": float("nan")}, "finite"),
        ({"arm": "a b", "above": 1}, "is no name"),
    ],
)
def test_a_criterion_that_makes_no_sense_is_refused(keys: dict[str, Any], what: str) -> None:
    with pytest.raises(ProgramError, match="phases.first_look.criteria.c") as caught:
        criterion(**keys)
    assert what in str(caught.value)


def test_a_program_measures_by_an_experiment_or_a_command() -> None:
    program = raw()
    with pytest.raises(ProgramError, match="has an experiment and a command: leave out one"):
        build({**program, "command": ["train"]})
    del program["experiment"]
    with pytest.raises(
        ProgramError, match="needs an experiment, a command, or evidence that is there already"
    ):
        build(program)


def test_the_most_special_parameter_wins() -> None:
    program = copy.deepcopy(raw())
    program["with"] = {"lr": 1, "epochs": 2, "dropout": 9}
    program["phases"]["first_look"]["with"] = {"lr": 3}
    assert build(program).params("first_look", "dropout") == {"lr": 3, "epochs": 2, "dropout": 0.3}


def test_a_row_is_a_case_or_a_tier_of_that_name() -> None:
    program = copy.deepcopy(raw())
    phase = program["phases"]["first_look"]
    phase["cases"] = {"up": {"means": "it rises", "otherwise": True}}
    phase["tiers"] = [{"tier": "2", "means": "far", "otherwise": True}]
    rules = build(program).phases["first_look"]
    assert [row.means for row in rules.rows] == ["it rises", "far"]
    assert rules.row("up") == rules.rows[0]
    assert rules.row("2") == rules.rows[1]
    assert (rules.row("down"), rules.row(None)) == (None, None)


@pytest.mark.parametrize(
    ("keys", "treated"),
    [
        ({"arm": "plain", "above": 1}, "bounds"),
        ({"arm": "plain", "versus": "dropout", "better_by": 1}, "bounds"),
        ({"arm": "plain", "above": 1, "treatment": "bounds"}, "bounds"),
        ({"arm": "plain", "above": 1, "treatment": "point"}, "point"),
        ({"arm": "plain", "versus": "dropout", "better_by": 1, "treatment": "point"}, "point"),
    ],
)
def test_a_criterion_is_judged_by_bounds_unless_it_takes_the_values_as_they_are(
    keys: dict[str, Any], treated: str
) -> None:
    assert criterion(**keys).treated == treated


@pytest.mark.parametrize("treatment", ["interval", "sequential", "anytime"])
@pytest.mark.parametrize("bound", [{"above": 1}, {"within": 1}, {"better_by": 1}])
def test_every_earlier_word_for_a_treatment_is_read_as_bounds(treatment: str, bound: dict[str, Any]) -> None:
    assert criterion(arm="plain", versus="dropout", treatment=treatment, **bound).treated == "bounds"


@pytest.mark.parametrize(
    ("written", "probes"),
    [({}, True), ({"probe": "on"}, True), ({"probe": "off"}, False), ({"probe": False}, False)]
    + [({"probe": True}, True)],
)
def test_the_probe_is_on_unless_it_is_off_in_whichever_yaml(written: dict[str, Any], probes: bool) -> None:
    program = build({**raw(DRAFTS[0]), **written})
    assert (program.probes, program.probe) == (probes, "on" if probes else "off")


@pytest.mark.parametrize("written", ["no", "never", 0, None, ["off"]])
def test_a_probe_is_nothing_else(written: object) -> None:
    with pytest.raises(ProgramError, match="probe|'on' or 'off'"):
        build({**raw(DRAFTS[0]), "probe": written})


def test_the_schema_takes_the_probe_as_a_word_or_a_truth_value() -> None:
    kinds = json_schema()["properties"]["probe"]["anyOf"]
    assert [kind.get("enum") or kind["type"] for kind in kinds] == [["on", "off"], "boolean"]


def test_the_schema_describes_the_written_form() -> None:
    schema = json_schema()
    assert {"program", "question", "metrics", "arms", "phases", "with"} <= set(schema["properties"])
    assert schema["additionalProperties"] is False
    assert "with_" not in yaml.safe_dump(schema)


@pytest.mark.parametrize("name", DRAFTS)
def test_a_program_survives_being_written_and_read(name: str) -> None:
    program = build(raw(name))
    assert Program.model_validate_json(program.model_dump_json(by_alias=True)) == program
