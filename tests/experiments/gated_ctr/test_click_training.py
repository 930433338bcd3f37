"""What one update does: rates, decay, clipping, dropout."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from experiments.parts.gated_ctr.schedules import lr_factor
from experiments.parts.gated_ctr.training import clip_each, smoothed
from tests.experiments.gated_ctr.click_runs import training_of


@pytest.mark.parametrize(
    ("step", "factor"), [(0, 0.1), (4, 0.5), (9, 1.0), (10, 1.0), (20, 0.5), (15, 0.8535534), (30, 0.0)]
)
def test_warmup_rises_to_1_and_the_cosine_falls_to_0(step, factor):
    assert lr_factor("warmup_cosine", step, 10, 30) == pytest.approx(factor, abs=1e-6)
    assert lr_factor("none", step, 10, 30) == 1.0


def test_a_training_that_is_all_warmup_never_leaves_it():
    assert [lr_factor("warmup_cosine", step, 4, 4) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]


def test_smoothing_draws_labels_towards_one_half():
    assert smoothed(torch.tensor([0.0, 1.0]), 0.1).tolist() == pytest.approx([0.05, 0.95])
    assert smoothed(torch.tensor([0.0, 1.0]), 0.0).tolist() == [0.0, 1.0]


def test_gradients_are_clipped_network_by_network():
    grads = [torch.randn(2, 3, 4) * 3, torch.randn(2, 1, 5) * 3]
    grads[0][1] *= 1e-3
    grads[1][1] *= 1e-3
    expected = []
    for k in range(2):
        alone = [nn.Parameter(g[k].clone()) for g in grads]
        for parameter, grad in zip(alone, grads, strict=True):
            parameter.grad = grad[k].clone()
        nn.utils.clip_grad_norm_(alone, 1.0)
        expected.append([parameter.grad for parameter in alone])
    clip_each(grads, 1.0)
    for k in range(2):
        torch.testing.assert_close([g[k] for g in grads], expected[k])


def after_one_batch(**params):
    training = training_of(batch_size=400, dropout=0.0, clip_norm=None, **params)
    before = {name: p.detach().clone() for name, p in training.net.named_parameters()}
    training.epoch(1, lambda _: None)
    return before, dict(training.net.named_parameters())


def test_decoupled_weight_decay_shrinks_every_parameter_by_lr_times_decay():
    rate, decay = 0.01, 0.5
    before, plain = after_one_batch(optimizer="adamw", lr=rate, weight_decay=0.0)
    _, decayed = after_one_batch(optimizer="adamw", lr=rate, weight_decay=decay)
    for name in before:  # embeddings, biases and gains too
        torch.testing.assert_close(
            decayed[name] - plain[name], -rate * decay * before[name], atol=1e-6, rtol=0
        )


def test_an_l2_penalty_moves_also_the_vectors_of_ids_that_were_never_seen():
    before, plain = after_one_batch(optimizer="adam", lr=0.01, weight_decay=0.0, items=300, embedding_std=1.0)
    _, decayed = after_one_batch(optimizer="adam", lr=0.01, weight_decay=0.1, items=300, embedding_std=1.0)
    name = "item_vectors.table"
    unseen = (plain[name] == before[name]).all(-1)[0]
    assert unseen.any()
    moved = (decayed[name] - before[name])[0, unseen]
    torch.testing.assert_close(moved, -0.01 * before[name][0, unseen].sign(), atol=1e-4, rtol=0)


def test_a_schedule_sets_the_rate_of_each_step():
    training = training_of(schedule="warmup_cosine", warmup_epochs=2, epochs=5, lr=0.1, batch_size=100)
    rates = []
    for epoch in (1, 2, 3):
        training.epoch(epoch, lambda _: rates.append(training.optimizer.param_groups[0]["lr"]))
    assert rates[:8] == pytest.approx([0.1 * k / 8 for k in range(1, 9)])
    assert rates[8:] == pytest.approx([0.05 * (1 + math.cos(math.pi * k / 12)) for k in range(4)])


def test_arms_at_one_seed_drop_the_same_units():
    kept = {}
    for rate in (0.2, 0.3):
        training = training_of(dropout=rate)
        kept[rate] = training._keep([torch.Generator().manual_seed(0)], 500)
        assert kept[rate].mean() == pytest.approx(1.0, abs=0.02)
        assert kept[rate].unique().tolist() == pytest.approx([0.0, 1 / (1 - rate)])
    assert not (kept[0.2].eq(0) & kept[0.3].ne(0)).any()
