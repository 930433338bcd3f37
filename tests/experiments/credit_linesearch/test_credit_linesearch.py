import csv
import math

import numpy as np
import pydantic
import pytest
import torch

from experiments import credit_linesearch as study
from experiments.contract import MetricLog, configure, read_metrics
from experiments.parts import shared_results

CREDITS = ("dfa", "scalar_cb", "vec_m4", "oracle")
TINY = {
    "width": 24, "depth": 2, "estimator_width": 32, "estimator_steps": 20, "rho_directions": 4,
    "train_size": 128, "pool_size": 96, "batch_size": 32,
}  # fmt: skip


def measured(folder, seed=0, **params):
    """Runs a small arm in ``folder``; returns (name, step) -> value and the log's progress."""
    progress = []
    log = MetricLog(folder, lambda done, total: progress.append((done, total)))
    study.run(study.Config(**{**TINY, **params}), seed, log)
    log.close()
    return {(name, step): value for name, step, value in read_metrics(folder)}, progress


@pytest.mark.parametrize("protocol", ["line_search", "fixed_steps"])
@pytest.mark.parametrize("credit", CREDITS)
def test_every_metric_is_finite_and_the_protocols_are_all_logged(tmp_path, credit, protocol):
    metrics, progress = measured(tmp_path, credit=credit, protocol=protocol, normalize=True)
    names = {name for name, _ in metrics}
    assert all(math.isfinite(value) for value in metrics.values())
    assert names >= {"dl_same", "dl_held", "dl_online", "credit_rms", "credit_cosine", "credit_rho"}
    assert ("eta_interior" in names) == (protocol == "line_search")
    assert progress[-1][0] == progress[-1][1]
    assert [done for done, _ in progress] == list(range(1, len(progress) + 1))


def test_an_absurd_step_gives_finite_metrics(tmp_path):
    metrics, _ = measured(tmp_path, protocol="fixed_steps", normalize=True, eta=1e30)
    assert all(math.isfinite(value) for value in metrics.values())


def test_one_seed_twice_is_identical_also_after_another_run_and_without_what_it_left(tmp_path, monkeypatch):
    monkeypatch.setenv(shared_results.FOLDER, str(tmp_path / "shared"))
    first, _ = measured(tmp_path / "a", credit="vec_m4")
    measured(tmp_path / "b", seed=5, credit="scalar_cb", snapshot="early")
    torch.rand(7)
    kept, _ = measured(tmp_path / "c", credit="vec_m4")
    monkeypatch.delenv(shared_results.FOLDER)
    afresh, _ = measured(tmp_path / "d", credit="vec_m4")
    assert first == kept == afresh


def test_a_run_leaves_the_global_generator_as_it_was(tmp_path):
    before = torch.get_rng_state()
    measured(tmp_path, credit="vec_m4")
    assert torch.equal(before, torch.get_rng_state())


def test_two_seeds_differ_and_arms_at_one_seed_share_the_snapshot(tmp_path):
    zero, _ = measured(tmp_path / "0", seed=0)
    one, _ = measured(tmp_path / "1", seed=1)
    other_arm, _ = measured(tmp_path / "2", seed=0, credit="dfa", normalize=True)
    assert zero["train_loss", 3] != one["train_loss", 3]
    assert zero["dl_same", None] != one["dl_same", None]
    assert zero["train_loss", 3] == other_arm["train_loss", 3]


class Killed(Exception):
    pass


@pytest.mark.parametrize("credit", ["vec_m4", "scalar_cb"])
@pytest.mark.parametrize("units_done", [2, 7])
def test_a_run_resumed_after_an_interruption_equals_the_unbroken_one(
    tmp_path, monkeypatch, credit, units_done
):
    whole, _ = measured(tmp_path / "whole", credit=credit)

    def kill(done, _total):
        if done == units_done:
            raise Killed

    log = MetricLog(tmp_path / "broken", kill)
    with pytest.raises(Killed):
        study.run(study.Config(**TINY, credit=credit), 0, log)
    log.close()
    assert any((tmp_path / "broken" / "checkpoint").iterdir())
    resumed, _ = measured(tmp_path / "broken", credit=credit)
    assert resumed == whole


def test_fixed_steps_on_held_out_log_only_the_held_out_series(tmp_path):
    metrics, _ = measured(tmp_path, protocol="fixed_steps", evaluate_on="held_out", normalize=True, clamp=1.0)
    assert {step for name, step in metrics if name == "dl_held"} == {1, 5, 20}
    assert "dl_same" not in {name for name, _ in metrics}
    assert ("clamped_share", None) in metrics


def test_the_best_eta_is_the_lowest_point_of_the_logged_curve_and_of_the_csv(tmp_path):
    metrics, _ = measured(tmp_path, normalize=True)
    curve = [(metrics["curve_eta", i], metrics["curve_dl_same", i]) for i in range(9)]
    assert [eta for eta, _ in curve] == sorted(eta for eta, _ in curve)
    assert metrics["eta_interior", None] == 1.0
    assert (
        metrics["dl_same", None]
        == metrics["curve_dl_same", [e for e, _ in curve].index(metrics["eta_best", None])]
    )
    with (tmp_path / "artifacts" / "line_search.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["eta"]) == curve[0][0]
    assert float(rows[0]["dl_same"]) == curve[0][1]


def test_per_layer_csv_has_a_row_per_block(tmp_path):
    measured(tmp_path)
    with (tmp_path / "artifacts" / "per_layer.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["layer"] for row in rows] == ["1", "2"]
    assert all(float(row["credit_cosine"]) == pytest.approx(1, abs=1e-5) for row in rows)


@pytest.mark.parametrize("factor", [{"block_weight_decay": 0.1}, {"trust_region": 0.01}, {"blocks": "last"}])
def test_a_factor_of_the_update_changes_the_result(tmp_path, factor):
    plain, _ = measured(tmp_path / "plain", normalize=True)
    changed, _ = measured(tmp_path / "changed", normalize=True, **factor)
    assert changed["dl_same", None] != plain["dl_same", None]


def test_the_trust_region_bounds_the_relative_step(tmp_path):
    metrics, _ = measured(tmp_path, normalize=True, trust_region=0.01)
    assert metrics["relative_step", None] <= 0.01 + 1e-6


def test_an_unknown_parameter_is_refused_by_name():
    with pytest.raises(pydantic.ValidationError, match="learning_speed"):
        configure(study, {"learning_speed": 1}, "smoke")


@pytest.mark.parametrize("fidelity", ["smoke", "standard", "full"])
def test_every_preset_is_a_configuration(fidelity):
    assert configure(study, {"evaluate_on": ["same", "held_out"], "clamp": None}, fidelity).credit == "oracle"


def test_the_digest_follows_the_data_and_nothing_else():
    digest = study.describe(study.Config()).digest
    assert study.describe(study.Config(data_seed=1)).digest != digest
    assert study.describe(study.Config(label_noise=0.2)).digest != digest
    assert study.describe(study.Config(lr=1e-2, snapshot="late", credit="dfa")).digest == digest


def test_digits_share_no_row_between_training_and_evaluation():
    data = study.describe(study.Config())
    assert data.sizes == {"train": 800, "pool": 500, "test": 497}
    assert data.overlap == 0.0
    assert data.files == ()


def test_a_users_own_file_is_measured_and_its_repeated_rows_are_counted(tmp_path):
    draws = np.random.default_rng(0)
    x = draws.normal(size=(300, 6)).astype(np.float32)
    path = tmp_path / "own.npz"
    np.savez(path, x=np.concatenate([x, x]), y=np.tile(np.arange(300) % 3, 2))
    params = {"data": str(path), "train_size": 200, "pool_size": 100, "batch_size": 32}
    data = study.describe(study.Config(**{**TINY, **params}))
    assert data.files == (str(path),)
    assert data.sizes["test"] == 300
    assert 0.3 < data.overlap < 0.7
    metrics, _ = measured(tmp_path / "run", **params)
    assert math.isfinite(metrics["dl_same", None])


@pytest.mark.slow
def test_at_smoke_credit_quality_orders_as_the_estimators_are_built(tmp_path):
    gamma = {}
    for credit in CREDITS:
        log = MetricLog(tmp_path / credit)
        study.run(configure(study, {"credit": credit}, "smoke"), 0, log)
        gamma[credit] = {name: value for name, _, value in read_metrics(log.folder)}["credit_cosine"]
        log.close()
    assert abs(gamma["dfa"]) < 0.1 < gamma["scalar_cb"] < gamma["vec_m4"] < gamma["oracle"]
