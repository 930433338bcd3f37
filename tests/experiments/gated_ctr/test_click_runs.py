"""Whole runs: what they measure by epoch, and what they refuse."""

from __future__ import annotations

import csv
import math

import pydantic
import pytest
import torch
from torch.nn import functional as F

from experiments import gated_ctr as study
from experiments.contract import MetricLog, configure
from experiments.parts.gated_ctr.training import predict
from tests.experiments.gated_ctr.click_runs import config_of, curve, logged, measured, training_of


def test_running_and_evaluation_auc_agree_where_nothing_is_learnt_and_nothing_dropped(tmp_path):
    still = measured(tmp_path / "still", lr=1e-12, dropout=0.0, embedding_std=1.0)
    assert curve(still, "curve_train_auc") == pytest.approx(curve(still, "curve_train_auc_eval"), abs=1e-6)
    noisy = measured(tmp_path / "noisy", lr=1e-12, dropout=0.5, embedding_std=1.0)
    assert abs(noisy["curve_train_auc", 1] - noisy["curve_train_auc_eval", 1]) > 0.002
    assert noisy["curve_train_auc_eval", 1] == pytest.approx(still["curve_train_auc_eval", 1], abs=1e-6)


def test_losses_are_those_of_an_untrained_network(tmp_path):
    metrics = measured(tmp_path, lr=1e-12, dropout=0.0, label_smoothing=0.2)
    training = training_of()
    x, y = training.rows["train"]
    logits = predict(training.net, x, "cpu")[0][0]
    expected = F.binary_cross_entropy_with_logits(logits, 0.8 * y + 0.1).item()
    assert metrics["curve_train_loss", 1] == pytest.approx(expected, rel=1e-5)
    x, y = training.rows["validation"]
    expected = F.binary_cross_entropy_with_logits(predict(training.net, x, "cpu")[0][0], y).item()
    assert metrics["curve_val_loss", 1] == pytest.approx(expected, rel=1e-5)


def test_the_final_values_are_those_of_the_best_epoch(tmp_path):
    metrics = measured(tmp_path, lr=0.05, epochs=5)
    by_epoch = curve(metrics, "curve_val_auc")
    best = by_epoch.index(max(by_epoch)) + 1
    assert 1 <= best < 5  # otherwise the test says nothing
    assert metrics["best_epoch", 5] == best
    for name in (
        "val_auc",
        "test_auc",
        "train_auc",
        "gap",
        "gap_eval",
        "gate_mean",
        "val_loss",
        "train_loss",
    ):
        assert metrics[name, 5] == metrics[f"curve_{name}", best]
        assert metrics[name, 1] == metrics[f"curve_{name}", 1]
    for epoch in range(1, 6):
        at = {name: metrics[f"curve_{name}", epoch] for name in ("gap", "gap_eval", "train_auc", "val_auc")}
        assert at["gap"] == pytest.approx(at["train_auc"] - at["val_auc"])
        assert at["gap_eval"] == pytest.approx(metrics["curve_train_auc_eval", epoch] - at["val_auc"])
        low, mean, high = (metrics[f"curve_gate_{kind}", epoch] for kind in ("min", "mean", "max"))
        assert 0 <= low <= mean <= high <= 1


def test_every_metric_is_finite_and_logged_by_epoch_and_in_the_csv(tmp_path):
    progress = []
    metrics = measured(tmp_path, on_progress=lambda done, total: progress.append((done, total)))
    everything = logged(tmp_path, timed=True)
    assert all(math.isfinite(value) for value in everything.values())
    for name in {n for n, step in everything if step is not None}:
        assert {step for n, step in everything if n == name} == {1, 2, 3}, name
    assert progress == [(done, 21) for done in range(1, 22)]
    assert 0.5 < metrics["oracle_auc", None] < 1
    with (tmp_path / "artifacts" / "epochs.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_auc"]) for row in rows] == curve(metrics, "curve_val_auc")
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]


def test_a_training_that_diverges_ends_with_metrics_that_are_not_finite(tmp_path):
    log = MetricLog(tmp_path)
    study.run(config_of(lr=1e30, clip_norm=None), 0, log)
    log.close()
    assert "val_auc" in log.not_finite


def test_one_seed_twice_is_identical_and_leaves_the_global_generator_alone(tmp_path):
    first = measured(tmp_path / "a")
    torch.rand(7)
    before = torch.get_rng_state()
    assert measured(tmp_path / "b") == first
    assert torch.equal(before, torch.get_rng_state())
    assert measured(tmp_path / "c", seed=1) != first


@pytest.mark.parametrize("fidelity", ["smoke", "standard", "full"])
def test_every_preset_is_a_configuration(fidelity):
    assert configure(study, {"lr": 3e-4, "schedule": "warmup_cosine"}, fidelity).epochs == 5


@pytest.mark.parametrize("wrong", [{"learning_speed": 1}, {"dropout": 1.0}, {"embedding": 5}, {"lr": 0.0}])
def test_a_parameter_that_is_unknown_or_out_of_range_is_refused_by_name(wrong):
    with pytest.raises(pydantic.ValidationError, match=next(iter(wrong))):
        configure(study, wrong, "smoke")


@pytest.mark.slow
def test_after_one_epoch_the_running_gap_is_negative_and_that_in_evaluation_mode_is_not(tmp_path):
    params = {"epochs": 1, "train_size": 40_000, "validation_size": 10_000, "test_size": 10_000}
    logs = [MetricLog(tmp_path / str(seed)) for seed in range(2)]
    study.run_together(study.Config(**params), range(2), logs)
    for log in logs:
        log.close()
        metrics = logged(log.folder)
        assert metrics["gap", 1] < 0 < metrics["gap_eval", 1]
