"""Trainings that blow up, and updates that are not finite."""

from __future__ import annotations

import csv
import math

import pytest
import torch

from experiments import ep_contraction as study
from experiments.contract import MetricLog, configure, read_metrics
from experiments.parts.ep_contraction import training
from tests.experiments.ep_contraction.fixed_point_runs import TINY, measured


@pytest.fixture
def blown_up(tmp_path):
    params = {"gradient": "oracle", "lr": 5.0, "steps": 12, "track_every": 1}
    return measured(tmp_path, **params)[0], tmp_path


def test_divergence_is_a_result_with_its_step_and_finite_metrics(blown_up):
    metrics, _ = blown_up
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["diverged", 12] == 1.0
    at = metrics["diverged_at", 12]
    assert metrics["steps_survived", 12] == at
    assert metrics["diverged", at - 1] == 0.0
    assert ("diverged_at", at - 1) not in metrics
    lowest = min(metrics["ce", step] for step in range(1, int(at)))
    assert metrics["ce", at] >= 2 * lowest
    assert metrics["val_ce_best", at] == lowest


def test_rho_ends_where_a_run_diverges_and_goes_on_in_the_file(blown_up):
    metrics, folder = blown_up
    at = metrics["diverged_at", 12]
    assert max(step for name, step in metrics if name == "rho_star") == at - 1
    assert max(step for name, step in metrics if name == "rho") == 12
    with (folder / "artifacts" / "trajectory.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert all(math.isfinite(float(row["rho_star"])) for row in rows)


def test_a_gradient_that_is_not_finite_is_skipped_and_counted(tmp_path):
    metrics, _ = measured(tmp_path, gradient="ep", hr=1e-300, t2sel=1)
    assert metrics["skipped_updates", 6] == 6
    assert metrics["ce", 2] == metrics["ce", 6]


def test_a_seed_whose_gradient_is_not_finite_leaves_the_others_alone():
    net = study.build([0, 1], 4, 12, 3, 0.2, 1.0)
    config = study.Config(**TINY)
    trainer = training.Training(net, [0, 1], (torch.zeros(4, 4), torch.zeros(4).long()), config.recipe)
    grads = torch.ones_like(net.weight), torch.ones_like(net.bias)
    grads[0][0, 0, 0] = torch.nan
    trainer._adam(grads)
    assert torch.equal(trainer.net.weight[0], net.weight[0])
    assert torch.allclose(trainer.net.weight[1], net.weight[1] - config.lr)
    assert trainer.skipped.tolist() == [1.0, 0.0]


def test_the_update_is_that_of_adam():
    net = study.build([0], 4, 12, 3, 0.2, 1.0)
    trainer = training.Training(net, [0], (torch.zeros(4, 4), torch.zeros(4).long()), study.Config().recipe)
    weight, mean, square = net.weight, 0.0, 0.0
    for step in (1, 2, 3):
        grad = torch.randn(net.weight.shape, generator=torch.Generator().manual_seed(step))
        mean, square = 0.9 * mean + 0.1 * grad, 0.999 * square + 0.001 * grad**2
        unbiased = mean / (1 - 0.9**step), square / (1 - 0.999**step)
        weight = weight - 0.01 * unbiased[0] / (unbiased[1] ** 0.5 + 1e-8)
        trainer._adam((grad, torch.zeros_like(net.bias)))
    assert torch.allclose(trainer.net.weight, weight, atol=1e-7)


@pytest.mark.slow
def test_at_standard_bptt_learns_the_oracle_blows_up_and_the_homeostat_holds_it_back(tmp_path):
    arms = {
        "bptt": {"gradient": "bptt"},
        "oracle": {"gradient": "oracle", "start": "pre_drift_checkpoint"},
        "homeostat": {"gradient": "oracle", "start": "pre_drift_checkpoint", "contraction_penalty": 1.0},
    }
    last = {}
    for name, params in arms.items():
        logs = [MetricLog(tmp_path / f"{name} {seed}") for seed in range(3)]
        study.run_together(configure(study, params, "standard"), range(3), logs)
        last[name] = [{metric: value for metric, _, value in read_metrics(log.folder)} for log in logs]
    assert all(metrics["val_ce_best"] < 0.6 for metrics in last["bptt"])
    assert sum(metrics["diverged"] for metrics in last["oracle"]) >= 2
    assert sum(metrics["diverged"] for metrics in last["homeostat"]) < sum(
        metrics["diverged"] for metrics in last["oracle"]
    )
