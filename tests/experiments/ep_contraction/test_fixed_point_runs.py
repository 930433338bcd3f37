"""Whole runs: what they measure, and what changes it."""

from __future__ import annotations

import math

import numpy as np
import pydantic
import pytest
import torch

from experiments import ep_contraction as study
from experiments.contract import configure
from experiments.parts import shared_results
from tests.experiments.ep_contraction.fixed_point_runs import GRADIENTS, TINY, measured


@pytest.mark.parametrize("gradient", GRADIENTS)
def test_every_metric_is_finite_and_logged_at_every_look(tmp_path, gradient):
    metrics, progress = measured(tmp_path, gradient=gradient)
    assert all(math.isfinite(value) for value in metrics.values())
    names = {name for name, _ in metrics}
    assert names >= {
        "ce", "accuracy", "ce_star", "val_ce_best", "residual", "residual_late", "residual_star", "rho",
        "rho_max", "rho_star", "rho_star_max", "rho_angle", "star_exists", "adjoint_valid", "diverged",
        "steps_survived", "grad_norm", "skipped_updates", "update",
    }  # fmt: skip
    assert {step for name, step in metrics if name == "ce"} == {2, 4, 6}
    assert {step for name, step in metrics if name == "residual_late"} == {4, 6}
    assert progress == [(2, 6), (4, 6), (6, 6)]


def test_forward_beyond_16_units_follows_random_directions(tmp_path):
    few, _ = measured(tmp_path / "few", gradient="forward", width=20, directions=1)
    many, _ = measured(tmp_path / "many", gradient="forward", width=20, directions=8)
    assert few["ce", 6] != many["ce", 6]
    assert all(math.isfinite(value) for value in few.values())


@pytest.mark.parametrize("gradient", ["ep", "holomorphic", "transpose"])
def test_gradient_only_trains_nothing_and_compares_gradients_in_double_precision(tmp_path, gradient):
    start = {"start": "pre_drift_checkpoint", "measure": "gradient_only"}
    metrics, progress = measured(tmp_path, gradient=gradient, t2sel=100, **start)
    assert {step for _, step in metrics} == {None}
    assert metrics["cos_oracle_transpose", None] > 1 - 1e-9
    assert metrics["cos_ep_transpose", None] > 0.99
    assert metrics["residual_star", None] < 1e-10
    assert metrics["unroll_steps", None] == 6
    assert progress == [(1, 1)]
    assert (tmp_path / "artifacts" / "gradients.csv").exists()


def test_the_further_the_free_phase_goes_the_nearer_transpose_and_bptt_come(tmp_path):
    cosines = []
    for refine_to in (1e-1, 1e-3, 1e-9):
        params = {"gradient": "transpose", "measure": "gradient_only", "refine_to": refine_to}
        metrics, _ = measured(tmp_path / str(refine_to), **params)
        assert metrics["residual", None] <= refine_to
        cosines.append(metrics["cos_transpose_bptt", None])
    assert cosines == sorted(cosines)
    assert cosines[-1] > 1 - 1e-6


def test_arms_from_the_checkpoint_begin_with_the_same_network(tmp_path):
    start = {"start": "pre_drift_checkpoint"}
    one, _ = measured(tmp_path / "1", gradient="oracle", **start)
    other, _ = measured(tmp_path / "2", gradient="bptt", lr=0.003, t2sel=7, resreg=1.0, **start)
    assert {step for name, step in one if name == "ce"} == {2, 4, 6, 8}
    assert one["ce", 2] == other["ce", 2]
    assert one["ce", 8] != other["ce", 8]


def test_the_checkpoint_is_its_own_arm_trained_that_far(tmp_path):
    trained, _ = measured(tmp_path / "1", gradient="ep", steps=2, lr=0.01, t2sel=40, refine_steps=300)
    started, _ = measured(tmp_path / "2", gradient="oracle", start="pre_drift_checkpoint")
    assert trained["ce", 2] == started["ce", 2]


def test_one_seed_twice_is_identical_also_after_another_run_and_without_what_it_left(tmp_path, monkeypatch):
    monkeypatch.setenv(shared_results.FOLDER, str(tmp_path / "shared"))
    params = {"gradient": "ep", "start": "pre_drift_checkpoint"}
    first, _ = measured(tmp_path / "a", **params)
    measured(tmp_path / "b", seed=5, **params)
    torch.rand(7)
    kept, _ = measured(tmp_path / "c", **params)
    assert any((tmp_path / "shared").iterdir())
    monkeypatch.delenv(shared_results.FOLDER)
    afresh, _ = measured(tmp_path / "d", **params)
    assert first == kept == afresh


def test_a_run_leaves_the_global_generator_as_it_was(tmp_path):
    before = torch.get_rng_state()
    measured(tmp_path, gradient="forward", width=20, contraction_penalty=1.0)
    assert torch.equal(before, torch.get_rng_state())


def test_looking_more_often_changes_no_number(tmp_path):
    seldom, _ = measured(tmp_path / "1", track_every=6, gradient="oracle")
    often, _ = measured(tmp_path / "2", track_every=1, gradient="oracle")
    assert seldom["ce", 6] == often["ce", 6]
    assert seldom["residual", 6] == often["residual", 6]


def test_a_stretched_training_makes_so_many_times_the_updates(tmp_path):
    metrics, _ = measured(tmp_path, stretch=2, track_every=6, start="pre_drift_checkpoint")
    assert {step for name, step in metrics if name == "ce"} == {2, 8, 14}


@pytest.mark.parametrize(
    "factor",
    [
        {"contraction_penalty": 1.0, "rho_target": 0.5}, {"resreg": 1.0}, {"jacreg": 1.0}, {"damping": 1.5},
        {"unsettled": "drop"}, {"t2sel": 9}, {"hr": 0.8}, {"clip": 0.01}, {"refine_to": 0.1},
    ],
    ids=str,
)  # fmt: skip
def test_a_factor_changes_the_result(tmp_path, factor):
    plain, _ = measured(tmp_path / "plain", gradient="ep")
    changed, _ = measured(tmp_path / "changed", gradient="ep", **factor)
    assert changed["ce", 6] != plain["ce", 6]


def test_without_a_fixed_point_the_exact_adjoint_is_marked_invalid_and_not_compared(tmp_path):
    metrics, _ = measured(tmp_path, gradient="oracle", search_steps=1)
    assert metrics["star_exists", 6] == 0.0
    assert metrics["adjoint_valid", 6] == 0.0
    assert not any(name.startswith("cos_") for name, _ in metrics)


@pytest.mark.parametrize(
    ("params", "said"), [({"learning_speed": 1}, "learning_speed"), ({"damping": 5.0}, "overshoot")]
)
def test_what_cannot_be_meant_is_refused(params, said):
    with pytest.raises(pydantic.ValidationError, match=said):
        configure(study, params, "smoke")


@pytest.mark.parametrize("fidelity", ["smoke", "standard", "full"])
def test_every_preset_is_a_configuration(fidelity):
    assert configure(study, {"gradient": "ep"}, fidelity).recipe.gradient == "ep"


def test_the_digest_follows_the_data_and_nothing_else():
    digest = study.describe(study.Config()).digest
    assert study.describe(study.Config(data_seed=1)).digest != digest
    assert study.describe(study.Config(train_size=1000)).digest != digest
    assert study.describe(study.Config(lr=1.0, gradient="oracle", width=20, track_every=1)).digest == digest


def test_digits_share_no_row_between_training_and_evaluation():
    data = study.describe(study.Config())
    assert (data.name, data.sizes, data.overlap) == ("digits", {"train": 1300, "val": 497}, 0.0)


@pytest.mark.parametrize("kind", ["npz", "pt", "parquet"])
def test_a_users_own_file_is_measured_and_its_repeated_rows_are_counted(tmp_path, kind):
    x = np.random.default_rng(0).normal(size=(60, 6)).astype(np.float32)
    x, y, path = np.concatenate([x, x]), np.tile(np.arange(60) % 3, 2), tmp_path / f"own.{kind}"
    if kind == "npz":
        np.savez(path, x=x, y=y)
    elif kind == "pt":
        torch.save({"x": torch.from_numpy(x), "y": torch.from_numpy(y)}, path)
    else:
        pandas = pytest.importorskip("pandas")
        pandas.DataFrame(x, columns=[f"f{i}" for i in range(6)]).assign(y=y).to_parquet(path)
    params = {"data": str(path), "train_size": 80}
    data = study.describe(study.Config(**TINY | params))
    assert data.files == (str(path),)
    assert data.sizes == {"train": 80, "val": 40}
    assert 0.3 < data.overlap <= 1.0
    metrics, _ = measured(tmp_path / "run", **params)
    assert math.isfinite(metrics["ce", 6])
