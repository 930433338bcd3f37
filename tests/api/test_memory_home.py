"""A program walked in memory comes to what ``advance`` comes to, on scripted and on real measurements."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import planner
from experiments.contract import Config, Data
from planner.records.runs import PlannedRun
from planner.testing import Measurement, MemoryHome, example_program, measure_with, run_experiment
from tests.support.worlds import World, scores, small, steady


def scripted(script: Any) -> Any:
    """A world's script as what a home in memory measures."""
    return lambda run: script(run.arm, run.seed)


@pytest.mark.parametrize("better", [{}, {"new": 1.0}, {"last": 1.0}])
def test_it_judges_and_decides_as_a_whole_advance_over_the_same_runs(
    tmp_path: Path, better: dict[str, float]
) -> None:
    world = World(tmp_path, small(), scores(**better))
    world.advance()
    home = MemoryHome(small(), scripted(scores(**better)))
    home.advance()
    assert list(home.verdicts) == [phase for phase, _, _ in world.steps()]
    for phase, verdict in home.verdicts.items():
        recorded = world.at.verdicts[phase]
        assert (verdict.outcome, verdict.confidence, verdict.seeds) == (
            recorded.outcome,
            recorded.confidence,
            recorded.seeds,
        )
        assert home.decisions[phase].choice == world.at.decisions[phase].choice
    assert len(home.runs) == len(world.launcher.made)


def test_seeds_are_added_while_the_answer_is_open() -> None:
    unclear = {arm: {"score": 0.0 if arm == "base" else 0.2} for arm in ("base", "new", "other", "last")}
    home = MemoryHome(small(), scripted(steady(unclear, noise=0.3)))
    home.advance("first")
    assert home.verdicts["first"].seeds > 3


def test_it_stops_where_the_budget_ends() -> None:
    home = MemoryHome(small(budget={"runs": 6}), scripted(scores()))
    home.advance()
    assert len(home.runs) == 6


def test_a_run_that_fails_is_tried_again_as_often_as_the_budget_says() -> None:
    tried: list[PlannedRun] = []

    def measure(run: PlannedRun) -> Measurement:
        tried.append(run)
        return "timeout" if run.arm == "new" else {"score": 0.0}

    home = MemoryHome(small(), measure)
    home.advance("first")
    assert [run.attempt for run in home.runs if run.arm == "new" and run.seed == 0] == [1, 2]
    assert home.verdicts["first"].outcome == "invalid" or home.verdicts["first"].cause == "missing"


def test_an_override_is_followed_and_kept_beside_the_recommendation() -> None:
    home = MemoryHome(small(), scripted(scores()))
    home.advance("first")
    override = home.override("first", choose="repeat", reason="The other way is dear.", by="ada")
    home.advance()
    decision = home.decisions["first"]
    assert (decision.choice, decision.recommended) == ("repeat", "turn")
    assert decision.override_ids == (override.id,)
    assert "third" in home.verdicts
    assert "override" in str(home.explain("first")) or "ada chose" in str(home.explain("first"))


def test_a_series_reaches_criteria_that_read_steps() -> None:
    raw = example_program().model_dump(mode="json", by_alias=True, exclude_unset=True)
    rises = {"metric": "val_accuracy", "arm": "dropout", "at": "slope", "above": 0.0, "treatment": "point"}
    raw["phases"]["first_look"] |= {"criteria": {"rises": rises}, "gate": ["rises"]}

    def steps(run: PlannedRun) -> Measurement:
        return {"val_accuracy": [0.1, 0.2, 0.3 + run.seed / 100]}

    home = MemoryHome(planner.load_program(raw), steps)
    assert home.advance().verdicts["first_look"].outcome == "pass"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda home: home.advance("frist"), "has no phase 'frist'; did you mean 'first'"),
        (lambda home: home.explain("first"), "'first' has not been judged; judged are: none"),
        (
            lambda home: home.override("first", choose="tunr", reason="r"),
            "offers no 'tunr'; did you mean",
        ),
        (lambda home: home.override("frist", verdict="accept", reason="r"), "has no phase 'frist'"),
    ],
)
def test_what_cannot_be_asked_of_it_is_refused(call: Any, sentence: str) -> None:
    with pytest.raises(planner.UsageError, match=sentence):
        call(MemoryHome(small(), scripted(scores())))


@pytest.mark.parametrize(
    ("measurement", "sentence"),
    [
        ("timed_out", "no run ends as 'timed_out'; did you mean"),
        (0.9, "not float"),
        (None, "not NoneType"),
    ],
)
def test_what_no_run_can_leave_is_refused(measurement: Any, sentence: str) -> None:
    with pytest.raises(planner.UsageError, match=sentence):
        MemoryHome(example_program(), lambda run: measurement).advance()


# --- real experiments ----------------------------------------------------------------------------------


class Settings(Config):
    dropout: float = 0.0
    fails: bool = False


def run(config: Settings, seed: int, log: Any) -> None:
    if config.fails:
        raise RuntimeError("the loss went away")
    for step in range(3):
        log.metric("val_accuracy", (0.8 + step / 20 + config.dropout / 5) * (1 + seed / 1000), step)
    log.artifact("note.txt").write_text("measured")


EXPERIMENT = SimpleNamespace(
    Config=Settings, PRESETS={}, describe=lambda config: Data(name="made up", digest="made-up"), run=run
)


def test_an_experiment_is_run_once_and_everything_that_it_left_is_given() -> None:
    result = run_experiment(EXPERIMENT, {"dropout": 0.5}, seed=2)
    assert result.outcome == "ok"
    assert result.metrics == {"val_accuracy": pytest.approx(1.002)}
    assert [step for step, _ in result.series["val_accuracy"]] == [0, 1, 2]
    assert result.artifacts == ("note.txt",)


def test_an_experiment_that_fails_says_how() -> None:
    result = run_experiment(EXPERIMENT, {"fails": True})
    assert (result.outcome, result.metrics) == ("code_error", {})
    assert "the loss went away" in result.reason


def test_an_experiment_that_does_not_take_a_parameter_is_a_program_error() -> None:
    with pytest.raises(planner.ProgramError, match="has no parameter `width`"):
        run_experiment(EXPERIMENT, {"width": 3})


def test_a_program_is_walked_with_a_real_experiment() -> None:
    home = MemoryHome(example_program(), measure_with(EXPERIMENT))
    assert home.advance().verdicts["first_look"].outcome == "pass"
    assert json.loads(home.runs[0].model_dump_json())["series"]["val_accuracy"][0][0] == 0
