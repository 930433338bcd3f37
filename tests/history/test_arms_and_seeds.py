"""Which runs are seeds of one arm, where nothing but their parameters says so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.history.arms import ALL_BUT_SEED
from planner.history.logged_run import LoggedRun
from planner.history.seeds import read_seeds
from tests.support.histories import ADAM, SGD, judged, runs_of

BOTH = {"adam": ADAM, "sgd": SGD}


@pytest.mark.parametrize(
    "name",
    [
        "seed",
        "random_state",
        "seed_everything",
        "trainer.seed",
        "Seed",
        "random-seed",
        "cfg/train/seed",
        "config.rng_seed",
    ],
)
def test_a_seed_is_read_under_the_names_that_people_log_it_by(name: str) -> None:
    history = judged(runs_of(BOTH, seed_param=name))
    assert history.paired
    assert f"seeds are read from the parameter '{name}'" in history.caveats


@pytest.mark.parametrize("name", ["data_seed", "split_seed", "seeds", "seeding", "lr"])
def test_what_is_no_seed_of_the_run_is_not_taken_for_one(name: str) -> None:
    assert read_seeds(runs_of(BOTH, seed_param=name), None).of_run == {}


def test_the_planners_own_tag_comes_first_then_the_parameter_that_is_named() -> None:
    run = LoggedRun("a", params={"seed": "1", "fold": "2"}, value=0.5)
    assert read_seeds([run], "params.fold").of_run == {"a": 2}
    assert read_seeds([run], None).of_run == {"a": 1}
    assert read_seeds([replace(run, seed=9)], "fold").of_run == {"a": 9}


def test_text_that_is_no_whole_number_is_no_seed() -> None:
    runs = [
        LoggedRun(str(i), params={"seed": text}, value=0.5)
        for i, text in enumerate(["7", "8.0", "x", "1.5", ""])
    ]
    assert read_seeds(runs, None).of_run == {"0": 7, "1": 8}


def arms(runs: list[LoggedRun]) -> dict[str, int]:
    history = judged(runs, arms_by=(ALL_BUT_SEED,), baseline="none")
    return {arm.name: arm.n for arm in history.arms}


def test_all_but_the_seed_leaves_out_where_runs_wrote_and_what_they_are_called() -> None:
    runs = [
        replace(
            r,
            params={**r.params, "output_dir": f"/x/{r.id}", "run_name": r.id, "host": f"n{i}", "epochs": "3"},
        )
        for i, r in enumerate(runs_of(BOTH))
    ]
    assert arms(runs) == {"optimizer=adam": 5, "optimizer=sgd": 5}


def test_a_text_that_is_another_in_each_run_is_left_out_if_seeds_tell_runs_apart_without_it() -> None:
    runs = [replace(r, params={**r.params, "note": f"try {r.id}"}) for r in runs_of(BOTH)]
    assert arms(runs) == {"optimizer=adam": 5, "optimizer=sgd": 5}
    twice = [*runs, *(replace(r, id=f"{r.id}b", params={**r.params, "note": f"again {r.id}"}) for r in runs)]
    assert len(arms(twice)) == 20


def test_a_number_that_is_another_in_each_run_is_a_setting() -> None:
    runs = [replace(r, params={**r.params, "lr": str(0.1 / (i + 1))}) for i, r in enumerate(runs_of(BOTH))]
    assert len(arms(runs)) == 10


def test_one_value_spelled_in_two_ways_is_one_arm() -> None:
    runs = [
        replace(r, params={**r.params, "lr": "0.001" if i % 2 else "1e-3"})
        for i, r in enumerate(runs_of(BOTH))
    ]
    assert set(arms(runs)) == {"optimizer=adam", "optimizer=sgd"}


def test_a_run_that_did_not_log_what_tells_arms_apart_is_an_arm_of_its_own() -> None:
    runs = [*runs_of(BOTH), LoggedRun("odd", params={"seed": "1"}, value=0.4)]
    history = judged(runs, baseline="none")
    assert [a.name for a in history.arms if a.n == 1] == ["optimizer=(not logged)"]


def test_arms_can_be_told_apart_by_experiment_and_by_tag() -> None:
    runs = [
        replace(r, experiment=r.id[:3], tags={"kind": r.id[:3]}, params={"seed": r.params["seed"]})
        for r in runs_of(BOTH)
    ]
    for by in ("experiment", "tags.kind"):
        assert {a.name for a in judged(runs, arms_by=(by,), baseline="none").arms} == {
            f"{by}=ada",
            f"{by}=sgd",
        }


# --- kinds of faults that attacks brought to light ---------------------------------------------------


def rerun(params: list[dict[str, str]], values: list[float]) -> list[LoggedRun]:
    pairs = zip(params, values, strict=True)
    return [LoggedRun(str(i), params=p, value=v, position=i) for i, (p, v) in enumerate(pairs)]


@pytest.mark.parametrize(
    "name", ["optimizer.name", "model_name_or_path", "optimizer_path", "exp_name", "tagger.date"]
)
def test_a_name_that_looks_like_a_runs_own_is_a_setting_where_seeds_repeat_without_it(name: str) -> None:
    params = [{name: kind, "seed": str(seed)} for kind in ("a", "b") for seed in range(4)]
    assert arms(rerun(params, [0.5 + i / 100 for i in range(8)])) == {f"{name}=a": 4, f"{name}=b": 4}


@pytest.mark.parametrize("varying", ["run_seed", "clf__random_state", "model.seed"])
@pytest.mark.parametrize("fixed", ["base_seed", "data.seed", "seed"])
def test_a_seed_that_is_the_same_in_all_runs_is_none(varying: str, fixed: str) -> None:
    params = [{"optimizer": o, fixed: "42", varying: str(s)} for o in ("adam", "sgd") for s in range(4)]
    runs = rerun(params, [0.5 + i / 100 for i in range(8)])
    assert sorted(set(read_seeds(runs, None).of_run.values())) == [0, 1, 2, 3]


def test_runs_of_one_seed_that_differ_in_a_setting_are_no_repetitions() -> None:
    params = [
        {"optimizer": o, "lr": lr, "seed": str(s)}
        for o in ("adam", "sgd")
        for lr in ("1", "2", "3")
        for s in range(3)
    ]
    history = judged(rerun(params, [0.5 + i / 100 for i in range(18)]))
    assert [arm.n for arm in history.arms] == [9, 9]
    assert not history.left_out
    assert not history.paired
    assert any("differ in lr" in caveat for caveat in history.caveats)


def test_a_few_common_seeds_of_many_runs_do_not_stand_for_all() -> None:
    few = [{"optimizer": o, "seed": str(s)} for o in ("adam", "sgd") for s in range(3)]
    values = [0.70, 0.71, 0.72, 0.80, 0.81, 0.82]
    many = [{"optimizer": o} for o in ("adam", "sgd") for _ in range(20)]
    values += [0.9 + i / 1000 for i in range(20)] + [0.8 + i / 1000 for i in range(20)]
    history = judged(rerun([*few, *many], values), baseline="best")
    assert {a.comparison.answer for a in history.arms if a.comparison} <= {"worse", "undecided"}


def test_two_arms_that_read_alike_stay_two() -> None:
    params = [{"a": "1, b=2", "b": "3"}] * 3 + [{"a": "1", "b": "2, b=3"}] * 3
    runs = rerun(
        [{**p, "seed": str(i % 3)} for i, p in enumerate(params)], [0.5, 0.51, 0.52, 0.9, 0.91, 0.92]
    )
    history = judged(runs, arms_by=("a", "b"), baseline="none")
    assert sorted(round(arm.mean, 2) for arm in history.arms) == [0.51, 0.91]
    assert len({arm.name for arm in history.arms}) == 2
