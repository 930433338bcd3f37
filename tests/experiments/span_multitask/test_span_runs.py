"""Whole runs: what they measure, leave, resume and refuse."""

from __future__ import annotations

import csv
import json
import math

import pydantic
import pytest
import torch

from experiments import span_multitask as study
from experiments.contract import MetricLog, configure, read_metrics
from experiments.parts.span_multitask import windows
from experiments.parts.span_multitask.artifacts import TABLES
from experiments.parts.span_multitask.generator import STEPS
from experiments.parts.span_multitask.net import SpanNet
from experiments.parts.span_multitask.pretraining import HIDDEN_SHARE, hidden_bars
from tests.experiments.span_multitask.span_runs import TINY, measured

ARMS = [
    {"normalize_countdown": False},
    {"tasks": ["span"], "pos_weight": 13.0},
    {"tasks": ["span", "countdown"], "weighting": "sum", "focal_gamma": 2.0},
    {"window_stride": 5, "keep": "best"},
    {"span_head": "per_step", "pretrain": "masked_autoencoder"},
]


@pytest.mark.parametrize("arm", ARMS)
def test_every_metric_is_finite_and_progress_ends(tmp_path, arm):
    metrics, progress = measured(tmp_path, **arm)
    names = {name for name, _ in metrics}
    assert all(math.isfinite(value) for value in metrics.values())
    assert names >= {"epoch", "span_f1", "span_f1_floor", "average_precision", "prob_separation", "val_loss"}
    assert names >= {"gradient_share_span", "best_epoch", "label_overlap", "span_f1_best_threshold"}
    tasks = arm.get("tasks", ["type", "pointer", "span", "countdown"])
    assert ("countdown_mae" in names) == ("loss_countdown" in names) == ("countdown" in tasks)
    shares = [metrics[f"gradient_share_{task}", 3] for task in tasks]
    assert sum(shares) == pytest.approx(1)
    assert progress[-1][0] == progress[-1][1]
    assert metrics["label_overlap", None] == 0.0


def test_the_training_artifacts_are_all_there_and_agree_with_the_metrics(tmp_path):
    metrics, _ = measured(tmp_path)
    for name in TABLES:
        with (tmp_path / "artifacts" / name).open() as file:
            rows = list(csv.DictReader(file))
        assert [row["epoch"] for row in rows] == ["1", "2", "3"]
        assert all(math.isfinite(float(value)) for row in rows for value in row.values())
        for column in set(rows[0]) & {metric for metric, _ in metrics} - {"epoch"}:
            assert [float(r[column]) for r in rows] == [metrics[column, step] for step in (1, 2, 3)]
    metadata = json.loads((tmp_path / "artifacts" / "metadata.json").read_text())
    assert metadata["best_epoch"] == metrics["best_epoch", 3]
    assert metadata["windows"]["train"] == TINY["train_size"]
    best = torch.load(tmp_path / "artifacts" / "best_model.pt", weights_only=True)
    assert best["epoch"] == metadata["best_epoch"]
    net = SpanNet(12, STEPS, 2, TINY["hidden"], "pooled", 0.3, seed=9)
    net.load_state_dict(best["model"])


def test_the_best_epoch_has_the_lowest_loss_and_keep_best_speaks_of_it(tmp_path):
    last, _ = measured(tmp_path / "last", epochs=8, lr=0.05)
    best, _ = measured(tmp_path / "best", epochs=8, lr=0.05, keep="best")
    losses = [last["val_loss", i] for i in range(1, 9)]
    at = losses.index(min(losses)) + 1
    assert last["best_epoch", 8] == at < 8, losses
    assert best["average_precision", 8] == last["average_precision", at]
    assert best["val_loss", 8] == last["val_loss", 8]


def test_one_seed_twice_is_identical_and_leaves_the_global_generator_alone(tmp_path):
    before = torch.get_rng_state()
    first, _ = measured(tmp_path / "a", pretrain="masked_autoencoder")
    assert torch.equal(before, torch.get_rng_state())
    torch.rand(7)
    again, _ = measured(tmp_path / "b", pretrain="masked_autoencoder")
    other, _ = measured(tmp_path / "c", seed=1, pretrain="masked_autoencoder")
    assert first == again
    assert other["loss_span", 3] != first["loss_span", 3]


class Killed(Exception):
    pass


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize("units_done", [1, 2, 3, 4])
def test_a_run_resumed_after_an_interruption_equals_the_unbroken_one(tmp_path, units_done, keep):
    params = {"pretrain": "masked_autoencoder", "lr": 0.02, "keep": keep}
    whole, _ = measured(tmp_path / "whole", **params)

    def kill(done, _total):
        if done == units_done:
            raise Killed

    log = MetricLog(tmp_path / "broken", kill)
    with pytest.raises(Killed):
        study.run(study.Config(**{**TINY, **params}), 0, log)
    log.close()
    (tmp_path / "broken" / "metrics.jsonl").unlink()
    resumed, _ = measured(tmp_path / "broken", **params)
    assert resumed == whole
    files = [(tmp_path / name / "artifacts" / "best_model.pt") for name in ("whole", "broken")]
    one, other = (torch.load(file, weights_only=True) for file in files)
    assert all(torch.equal(one["model"][name], other["model"][name]) for name in one["model"])


def test_epochs_of_shifted_windows_are_as_long_and_visit_every_window_once(tmp_path):
    config = study.Config(**TINY, window_stride=20)
    scaled = windows.standardised(study._splits(config), by="train")
    training = study._training(config, study._network(config, scaled, 0), scaled, 0, tmp_path)
    count = len(training.data["train"])
    epochs = [training.rows(i) for i in range(count // TINY["train_size"])]
    assert {len(rows) for rows in epochs} == {TINY["train_size"]}
    assert len(torch.cat(epochs).unique()) == len(torch.cat(epochs))
    assert len(epochs) > 1


def test_hidden_bars_are_the_asked_share_in_runs():
    hidden = hidden_bars(300, STEPS, torch.Generator().manual_seed(0))
    assert hidden.shape == (300, STEPS)
    assert hidden.float().mean().item() == pytest.approx(HIDDEN_SHARE, abs=0.02)


def test_pretraining_lowers_its_loss_and_changes_the_start(tmp_path):
    metrics, _ = measured(tmp_path / "a", pretrain="masked_autoencoder", pretrain_epochs=6, lr=0.01)
    plain, _ = measured(tmp_path / "b", lr=0.01)
    assert metrics["pretrain_loss", 6] < metrics["pretrain_loss", 1]
    assert metrics["loss_span", 1] != plain["loss_span", 1]


@pytest.mark.parametrize("fidelity", ["smoke", "standard", "full"])
def test_every_preset_is_a_configuration(fidelity):
    config = configure(study, {"tasks": ["countdown", "span"], "pos_weight": 13.0}, fidelity)
    assert config.tasks == ("span", "countdown")


def test_unknown_parameters_and_tasks_without_span_are_refused():
    with pytest.raises(pydantic.ValidationError, match="learning_speed"):
        configure(study, {"learning_speed": 1}, "smoke")
    with pytest.raises(pydantic.ValidationError, match="must include 'span'"):
        configure(study, {"tasks": ["type"]}, "smoke")


@pytest.mark.slow
def test_at_standard_a_per_step_head_finds_spans_that_a_pooled_one_does_not(tmp_path):
    metrics = {}
    for head in ("pooled", "per_step"):
        log = MetricLog(tmp_path / head)
        study.run(configure(study, {"span_head": head}, "standard"), 0, log)
        metrics[head] = {name: value for name, _, value in read_metrics(log.folder)}
        log.close()
    assert metrics["pooled"]["span_f1"] == 0.0
    assert metrics["per_step"]["span_f1"] > metrics["per_step"]["span_f1_floor"]
